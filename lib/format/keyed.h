/*
 * keyed - the line grammar that D scripts and bpftrace scripts share:
 *
 *      NAME ": " KEY "=" VALUE (" " KEY "=" VALUE)*
 *      gopark: goroutine=16775745a1e0 goid=1 reason=7 wait=19 lock=1677574b8068 ts=1117829673979 cpu=0
 *
 * and the arguments that perf prints behind an event, which are its second half.
 *
 * A value ends where " KEY=" begins, not at a blank: symbol names hold blanks.
 * Addresses are hexadecimal with or without 0x, all else decimal; only `parent`
 * is decimal on lines that carry `count=` (the article prints it with %d). perf
 * prints numbers as the probe's types say: decimal, or hexadecimal behind 0x.
 *
 * Lines of one name have the same keys in the same order: a plan is learned from
 * the first, and the others are read by it in one go (goleak_keyed_plan_run). Of those that
 * were read so shapes are learnt, by which lines like them are read in less (shape.h).
 */
#ifndef GOLEAK_FORMAT_KEYED_H
#define GOLEAK_FORMAT_KEYED_H

#include "base/digits.h"
#include "format/format.h"
#include "format/shape.h"

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

#define GOLEAK_PLAN_STEPS 20

/* What stands next in a line, and where its value goes. */
struct goleak_key_step {
    struct goleak_word word; /* "goid=", with the blank before it unless it is the first */
    uint8_t how;             /* keyed_keys.h: how the value is written */
    uint8_t run;             /* … and how it is read, and kept */
    uint8_t place;
    uint16_t offset;        /* the place's, in the event */
    uint32_t has, has_zero; /* the bits that a value sets, and that a zero sets */
};

struct goleak_key_plan {
    struct goleak_word name; /* "gopark: "; size 0: not in use */
    uint8_t kind, count;
    uint32_t event_name; /* string, for kinds that have one */
    struct goleak_key_step steps[GOLEAK_PLAN_STEPS];
};

#define GOLEAK_PLANS 32
#define GOLEAK_PLAN_PLACES 128
#define GOLEAK_FUNCTION_CACHE 256

struct goleak_keyed {
    struct goleak_reader_env env;
    bool numbers_tell_base;                      /* perf: 0x says hexadecimal, else decimal */
    uint32_t last_keys[GOLEAK_EVENT_KIND_COUNT]; /* `has` of the last whole line of a kind */
    int64_t last_ns;                             /* of the last whole line that told time; 0: none did */
    int32_t last_count, last_blocked_count;      /* … and of those with these keys */
    uint8_t plan_at[GOLEAK_PLAN_PLACES];         /* by hash of the line's first bytes: plan + 1; 0: none */
    uint8_t plans_used;
    struct goleak_key_plan plans[GOLEAK_PLANS];
    uint32_t functions[GOLEAK_FUNCTION_CACHE]; /* strings, by hash of the text */
    struct goleak_shapes shapes;
};

/* Reads [at, end). `position` is the line's number. Unknown keys and events are
 * counted in health here. */
enum goleak_keyed_result goleak_keyed_read(struct goleak_keyed *keyed, const char *at, const char *end,
                                           uint64_t position, struct goleak_event *event,
                                           struct goleak_keyed_problem *problem);

/* Reads the arguments alone, of an event whose kind is known; with `plan` learns it.
 * What is behind them (an address and a symbol, with some field sets) is left. */
enum goleak_keyed_result goleak_keyed_arguments(struct goleak_keyed *keyed, const char *at, const char *end,
                                                struct goleak_event *event, struct goleak_key_plan *plan,
                                                struct goleak_keyed_problem *problem);

/* By "gopark: g": the names of Go's functions and of our keys fall apart here. */
static inline size_t goleak_keyed_place(const char *at)
{
    uint64_t hash = (goleak_load64(at) ^ (uint64_t)(unsigned char)at[8] << 56) * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 57);
}

/* The plan of the line at `at`; NULL: none was learned. May read 16 bytes. */
static inline const struct goleak_key_plan *goleak_keyed_plan(const struct goleak_keyed *keyed, const char *at)
{
    uint8_t plan = keyed->plan_at[goleak_keyed_place(at)];
    return plan != 0 && goleak_word_at(&keyed->plans[plan - 1].name, at) ? &keyed->plans[plan - 1] : NULL;
}

/* Reads arguments by a plan; the event is that of a line which begins. Returns where
 * they end, NULL where the line deviates. Reads up to GOLEAK_LINES_PAD bytes, and
 * never beyond `limit` by more than that. */
const char *goleak_keyed_plan_run(struct goleak_keyed *keyed, const struct goleak_key_plan *plan, const char *at,
                                  const char *limit, struct goleak_event *event);

/* Reads a whole line by its shape; returns its newline, NULL: it has none that was learnt. As
 * goleak_keyed_plan_run. */
const char *goleak_keyed_shape_run(struct goleak_keyed *keyed, const char *at, struct goleak_event *event);

/* Learns the part of a line's shape that the plan has just read, from `at` on. */
void goleak_keyed_shape(const struct goleak_key_plan *plan, const char *at, struct goleak_shape_draft *draft);

/* Is there an event line somewhere inside this one (behind a program's output
 * without a newline)? NULL: no. */
const char *goleak_keyed_find(const char *at, const char *end);

/* The kind of the event that [at, end) surely is: a known name, and all keys, in any order,
 * among them the goroutine (or, for ticks and END, the counter). GOLEAK_EVENT_OTHER: none. */
enum goleak_event_kind goleak_keyed_event(const char *at, const char *end);

static inline bool goleak_keyed_is_event(const char *at, const char *end)
{
    return goleak_keyed_event(at, end) != GOLEAK_EVENT_OTHER;
}

/* What the function of this name is to us (without "runtime."): an event kind, or
 * GOLEAK_EVENT_OTHER. `named`: such events carry the function's name. */
enum goleak_event_kind goleak_keyed_kind(const char *name, size_t size, bool *needs_goroutine, bool *named);

/* Some event's name begins so, or is this, with its colon. */
bool goleak_keyed_begins_name(const char *at, const char *end);

/* A line that was read to its end. */
void goleak_keyed_remember(struct goleak_keyed *keyed, const struct goleak_event *event);
/* Is the event at [at, end), which the input's end may have cut, whole? It has all that lines of its
 * kind had, and its last value is none that could go on: a time or a counter that follows from those
 * before, for with digits missing it would not. `first`: it is the only one so far. */
bool goleak_keyed_is_whole(const struct goleak_keyed *keyed, const char *at, const char *end,
                           const struct goleak_event *event, bool first);

#endif
