/*
 * verdict - which of the living leaked, and why one should believe it.
 *
 * Every rule has an id and a sentence. Rules are asked in
 * the order of the ladder (ladder.c); the first that applies gives the verdict
 * and its evidence. Groups (verdict, reason, creation site, block site) are what
 * reports show.
 *
 * Layers: knows the model, not the replay; what the stream can tell at all is in
 * struct goleak_verdict_input.
 */
#ifndef GOLEAK_VERDICT_VERDICT_H
#define GOLEAK_VERDICT_VERDICT_H

#include "model/goroutine.h"
#include "model/health.h"
#include "model/reasons.h"
#include "model/sites.h"
#include "model/ticks.h"

struct goleak_verdict_input {
    struct goleak_alloc *alloc;
    const struct goleak_symbols *symbols;
    const struct goleak_sites *sites;
    const struct goleak_store *store;
    const struct goleak_reasons *reasons;
    const struct goleak_ticks *ticks; /* time where there is no other */
    bool has_time;
    bool blocking_told;  /* the stream prints parks: blocked and running can be told apart */
    bool include_system;
    int64_t last;        /* moment of the last event */
    int64_t min_age_ns;  /* 0: none */
};

struct goleak_judgement {
    enum goleak_verdict verdict;
    enum goleak_reason reason;
    struct goleak_evidence evidence[GOLEAK_EVIDENCE_MAX];
    size_t evidence_count;
};

/* One rule of the ladder: true if it decides. */
typedef bool goleak_rule(const struct goleak_verdict_input *input, const struct goleak_record *record,
                         struct goleak_judgement *out);

/* ladder.c: the rules, the first that applies decides. */
void goleak_judge(const struct goleak_verdict_input *input, const struct goleak_record *record,
                  struct goleak_judgement *out);

/* Adds evidence; returns where its values go. NULL when there is no room. */
struct goleak_evidence *goleak_evidence_add(struct goleak_judgement *judgement, const char *rule, const char *format,
                                            ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
void goleak_evidence_number(struct goleak_evidence *evidence, const char *name, int64_t number);
void goleak_evidence_text(struct goleak_evidence *evidence, const char *name, const char *text);

/* ---- groups (groups.c) ---- */

struct goleak_group {
    enum goleak_verdict verdict;
    enum goleak_reason reason;
    uint32_t site, blocked_at; /* spawn site; frame */
    uint8_t wait;
    uint64_t count;
    int64_t oldest_since, youngest_since; /* moments */
    uint32_t examples[GOLEAK_LEAK_EXAMPLES]; /* indices into the store */
    size_t example_count;
};

struct goleak_groups {
    struct goleak_alloc *alloc;
    struct goleak_intern index; /* bytes: the key */
    struct goleak_group *groups; /* after finish: most severe first */
    size_t count, capacity;
    uint64_t verdicts[GOLEAK_VERDICT_COUNT]; /* of all the living */
};

void goleak_groups_init(struct goleak_groups *groups, struct goleak_alloc *alloc);
void goleak_groups_release(struct goleak_groups *groups);
/* Judges all the living. */
enum goleak_status goleak_groups_fill(struct goleak_groups *groups, const struct goleak_verdict_input *input);

#endif
