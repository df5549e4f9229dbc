/*
 * keyed - the line grammar that D scripts and bpftrace scripts share:
 *
 *      NAME ": " KEY "=" VALUE (" " KEY "=" VALUE)*
 *      gopark: goroutine=16775745a1e0 goid=1 reason=7 wait=19 lock=1677574b8068 ts=1117829673979 cpu=0
 *
 * A value ends where " KEY=" begins, not at a blank: symbol names hold blanks.
 * Addresses are hexadecimal with or without 0x, all else decimal; only `parent`
 * is decimal on lines that carry `count=` (the article prints it with %d).
 */
#ifndef GOLEAK_FORMAT_KEYED_H
#define GOLEAK_FORMAT_KEYED_H

#include "format/format.h"

enum goleak_keyed_result {
    GOLEAK_KEYED_EVENT,   /* *event is filled */
    GOLEAK_KEYED_NOT,     /* no such line */
    GOLEAK_KEYED_DAMAGED, /* begins like one; the problem says what is wrong where */
    GOLEAK_KEYED_FAILED   /* memory */
};

struct goleak_keyed_problem {
    const char *at;     /* in the line */
    char sentence[192]; /* found, expected */
};

struct goleak_keyed {
    struct goleak_reader_env env;
    uint32_t last_keys[GOLEAK_EVENT_KIND_COUNT]; /* `has` of the last whole line of a kind */
    int64_t last_ns; /* of the last whole line that told time; 0: none did */
};

/* Reads [at, end). `position` is the line's number. Unknown keys and events are
 * counted in health here. */
enum goleak_keyed_result goleak_keyed_read(struct goleak_keyed *keyed, const char *at, const char *end,
                                           uint64_t position, struct goleak_event *event,
                                           struct goleak_keyed_problem *problem);

/* Is there an event line somewhere inside this one (behind a program's output
 * without a newline)? NULL: no. */
const char *goleak_keyed_find(const char *at, const char *end);

/* Is [at, end) surely an event: a known name, and all keys, in any order, among them
 * the goroutine (or, for ticks and END, the counter)? */
bool goleak_keyed_is_event(const char *at, const char *end);

/* A line that was read to its end. */
void goleak_keyed_remember(struct goleak_keyed *keyed, const struct goleak_event *event);
/* A line that the input's end may have cut, within a number too: does it have all
 * that lines of its kind had? `first`: it is the only one so far. */
bool goleak_keyed_is_whole(const struct goleak_keyed *keyed, const struct goleak_event *event, bool first);

#endif
