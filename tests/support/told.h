/*
 * told - what the library tells of a recording, to be compared goroutine by goroutine;
 * and complaints that do not end the test before all recordings have been looked at.
 *
 *      look_at(path);
 *      told_sort(true, false);
 *      if (told_by(&told, path)) {
 *              expect("created", told.summary.created, 3);
 *              told_free(&told);
 *      }
 *      end_looking(1, 1);
 *
 * For tests of recordings in folders; what lies below $GOLEAK_CAPTURES may be missing.
 */
#ifndef GOLEAK_TESTS_TOLD_H
#define GOLEAK_TESTS_TOLD_H

#include <goleak.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- complaints ---- */

/* What follows is about this recording; the name is kept, not copied. */
void look_at(const char *name);
void complain(const char *what, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 1, 2)))
#endif
    ;
bool expect(const char *what, uint64_t got, uint64_t want);
/* Fails the test if anyone complained, or if there were fewer than `least`. */
void end_looking(size_t count, size_t least);

/* ---- what the library tells ---- */

struct told {
    struct goleak_trace *trace;
    struct goleak_summary summary;
    struct goleak_goroutine *lives; /* sorted */
    size_t count;
};

/* Goroutines are told apart by goid and address, or by address and incarnation; and
 * by process. */
void told_sort(bool by_goid, bool by_pid);
/* Of one file: ended and system goroutines, too. False, with a complaint: it failed. */
bool told_by(struct told *told, const char *path);
/* Of files given together; trace_count: how many traces they became, of which the first is told. */
#define TOLD_TOGETHER 4
bool told_by_all(struct told *told, const char *const *paths, size_t count, size_t *trace_count);
void told_free(struct told *told);
/* The one that has the fields by which they are sorted; NULL: none. */
const struct goleak_goroutine *told_find(const struct told *told, const struct goleak_goroutine *like);
/* 0: not told, however that is said. */
uint64_t told_number(int64_t value);
/* Is "main.f+0x12" or "main.f /a/b.go:3" in main.f? */
bool told_place(const char *place, const char *function);

/* ---- folders ---- */

/* $GOLEAK_CAPTURES; skips the test, with a reason, where there is none. */
const char *captures(void);
/* folder/name, or folder/name.zst, in static storage; NULL: neither is there. */
const char *captured(const char *folder, const char *name);
/* Of $GOLEAK_CAPTURES/variants, in the same storage; fails the test where it is not there. */
const char *captured_variant(const char *name);

/* `path` is folder/name. */
typedef void visit_fn(const char *folder, const char *path, const char *name, size_t *count);
/* Every file below a folder, by name. */
size_t visit(const char *folder, visit_fn *each);

#endif
