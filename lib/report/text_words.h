/*
 * text_words - numbers as a reader wants them: "15m 12s", "1,078", "3 goroutines".
 *
 * Each returns its text by value, in a struct that lives to the end of the full
 * expression: use `.text` at once. All arithmetic is in integers.
 */
#ifndef GOLEAK_REPORT_TEXT_WORDS_H
#define GOLEAK_REPORT_TEXT_WORDS_H

#include <goleak.h>

struct goleak_word {
    char text[80];
};

/* With a comma every three digits. */
struct goleak_word goleak_words_count(uint64_t count);
/* A count and its noun, which takes an s: "1 goroutine", "3 goroutines". */
struct goleak_word goleak_words_counted(uint64_t count, const char *noun);
/* Three digits at most below a minute ("3.2 ms", "117 ms", "9.31 s"), then two
 * units ("15m 12s", "3h 4m", "12d 3h"). */
struct goleak_word goleak_words_duration(int64_t ns);
/* "1.94 KiB" */
struct goleak_word goleak_words_bytes(uint64_t bytes);

/* What a goroutine does that is parked for this reason, as the end of "3 goroutines ...". wait_reason: the runtime's own
 * words, which say what of package sync it is; may be NULL. */
struct goleak_word goleak_words_wait(enum goleak_reason reason, const char *wait_reason);

#endif
