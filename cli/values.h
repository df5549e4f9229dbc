/*
 * values - what stands behind an option's '=': text in, exact integers out.
 *
 * Nothing here goes through a double, prints, or knows of options. A function
 * that returns false has not touched *out.
 */
#ifndef GOLEAK_CLI_VALUES_H
#define GOLEAK_CLI_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A list of words: word `index`, NULL past the last. goleak_format_name is one. */
typedef const char *cli_words_fn(size_t index);

/* A whole number from 1 to `most`. */
bool cli_value_count(const char *text, unsigned most, unsigned *out);

/* "22", "15128/22", "0xc000106000": a goroutine's number, or else the address of its g, behind its process's number
 * where that is told. What is not told is 0. */
bool cli_value_goroutine(const char *text, uint32_t *pid, uint64_t *goid, uint64_t *g);

/* "10s", "1m30s", "1.5h", "500ms", "0": Go's way to write a duration, without
 * a sign. What is finer than a nanosecond is cut off. */
bool cli_value_duration(const char *text, int64_t *out_ns);

/* "64M", "1.5G", "512k", "16777216": bytes, with powers of 1024. */
bool cli_value_size(const char *text, uint64_t *out_bytes);

/* "1.22", "go1.22.3", "go1.27rc1", from 1.11 on: puts what stands behind "go" in *out,
 * which borrows from `text`. */
bool cli_value_go_version(const char *text, const char **out);

/* How many letters must be added, dropped, changed or swapped with their
 * neighbour to make one word of the other; SIZE_MAX for words over 63 bytes. */
size_t cli_word_distance(const char *a, const char *b);

/* The word that `text` was probably meant to be: one that it begins, or one a
 * few letters away; NULL when none is near. */
const char *cli_word_nearest(const char *text, cli_words_fn *words);

/* Index of the word that equals text[0..size), SIZE_MAX when there is none. */
size_t cli_word_index(const char *text, size_t size, cli_words_fn *words);

/* "text, json or ndjson" into out[room]; returns out. */
const char *cli_words_list(char *out, size_t room, cli_words_fn *words);

#endif
