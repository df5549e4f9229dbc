/*
 * reasons - what the numbers mean that gopark gets, per Go version.
 *
 * Two numbers tell why a goroutine parks: the trace block reason (gopark's 4th
 * argument) and the wait reason (the 3rd, kept in g.waitreason). Both are
 * renumbered between Go versions; the tables are those of the runtime sources
 * (traceruntime.go / trace.go and runtime2.go) of Go 1.19 and 1.21-1.27.
 *
 * The version is given, or inferred: a set of candidates shrinks with every
 * pair of numbers that cannot occur together in some version.
 */
#ifndef GOLEAK_MODEL_REASONS_H
#define GOLEAK_MODEL_REASONS_H

#include <goleak.h>
#include <stdbool.h>
#include <stdint.h>

#define GOLEAK_GO_FIRST 11 /* whose recordings can be read; what is said to be older is a mistake */
#define GOLEAK_GO_OLDEST 19 /* 1.19's tables also serve the versions before */
#define GOLEAK_GO_NEWEST 27
#define GOLEAK_GO_VERSIONS (GOLEAK_GO_NEWEST - GOLEAK_GO_OLDEST + 1)
#define GOLEAK_GO_BIT(minor) (1u << ((minor) - GOLEAK_GO_OLDEST))
#define GOLEAK_GO_ALL ((1u << GOLEAK_GO_VERSIONS) - 1)

struct goleak_reasons {
    uint32_t candidates;      /* bits of GOLEAK_GO_BIT */
    const char *from;         /* "header", "option", "exe", "inferred", NULL */
    char text[16];            /* "1.26", "1.22-1.25", "" */
    uint64_t seen[64];        /* (reason, wait) pairs already looked at, 64 x 64 */
    uint64_t seen_alone[4];
    uint8_t table[256];       /* goleak_reasons_decode without a wait reason */
};

/* goleak_reasons.from, where options.exe told it. */
#define GOLEAK_FROM_EXE "exe"

void goleak_reasons_init(struct goleak_reasons *reasons);

/* N of "1.N"; NULL: it is none, or else where it ends. */
const char *goleak_reasons_minor(const char *version, uint64_t *minor);

/* From "1.22", "go1.22.3", "1.26.10-X:…"; false if it is no Go version. Versions
 * before the oldest and after the newest table use the nearest one. */
bool goleak_reasons_set_version(struct goleak_reasons *reasons, const char *version, const char *from);

/* From a header that says as much: 1.LOW to 1.HIGH. */
void goleak_reasons_set_range(struct goleak_reasons *reasons, unsigned low, unsigned high);

/* What a header told elsewhere. */
void goleak_reasons_set_as(struct goleak_reasons *reasons, const struct goleak_reasons *told);

/* What another reader has learnt, as goleak_reasons has it: 1.LOW to 1.HIGH. */
void goleak_reasons_restore(struct goleak_reasons *reasons, unsigned low, unsigned high, const char *from,
                            const char *text);

/* By an option or a header, not inferred. */
bool goleak_reasons_is_given(const struct goleak_reasons *reasons);

/* The versions that can have produced a pair, "1.22-1.27"; "" where none can. */
void goleak_reasons_able(uint8_t reason, int wait, char text[16]);

/* Something in the stream says that the version is one of these. */
void goleak_reasons_restrict(struct goleak_reasons *reasons, uint32_t versions);

/* For a pair that was not seen before, or that no version can have produced. */
bool goleak_reasons_learn_new(struct goleak_reasons *reasons, uint8_t reason, int wait);

/* It was seen before, and can be. */
static inline bool goleak_reasons_has_seen(const struct goleak_reasons *reasons, uint8_t reason, int wait)
{
    return wait < 0 ? (reasons->seen_alone[reason >> 6] >> (reason & 63) & 1) != 0
                    : wait < 64 && reason < 64 && (reasons->seen[reason] >> wait & 1) != 0;
}

/* Learns from a pair (wait -1: not printed). False: no candidate version can
 * have produced it. */
static inline bool goleak_reasons_learn(struct goleak_reasons *reasons, uint8_t reason, int wait)
{
    return goleak_reasons_has_seen(reasons, reason, wait) || goleak_reasons_learn_new(reasons, reason, wait);
}

enum goleak_reason goleak_reasons_decode_with_wait(const struct goleak_reasons *reasons, uint8_t reason, int wait);

/* The reason in the numbering of goleak.h. wait -1: not printed. */
static inline enum goleak_reason goleak_reasons_decode(const struct goleak_reasons *reasons, uint8_t reason, int wait)
{
    if (reason == 20 && wait >= 0) /* up to Go 1.21: all that has no event byte of its own */
        return goleak_reasons_decode_with_wait(reasons, reason, wait);
    return (enum goleak_reason)reasons->table[reason];
}

/* The versions that it can be leave open which reason that is. */
bool goleak_reasons_is_open(const struct goleak_reasons *reasons, uint8_t reason, int wait);

/* The runtime's text of a wait reason; NULL where the candidates disagree or
 * have none. */
const char *goleak_reasons_wait_text(const struct goleak_reasons *reasons, int wait);

/* goleak_reason_can_leak, for where it is asked for each event. */
static inline bool goleak_reason_blocks(enum goleak_reason reason)
{
    const uint32_t set = 1u << GOLEAK_REASON_FOREVER | 1u << GOLEAK_REASON_SELECT | 1u << GOLEAK_REASON_COND_WAIT |
                         1u << GOLEAK_REASON_SYNC | 1u << GOLEAK_REASON_CHAN_SEND | 1u << GOLEAK_REASON_CHAN_RECV;
    return (unsigned)reason < GOLEAK_REASON_COUNT && (set >> reason & 1) != 0;
}

/* A wait of the panicking kind: the process is going down, nothing leaks. */
bool goleak_reasons_is_panic(const struct goleak_reasons *reasons, int wait);

#endif
