/*
 * verdict - which of the living leaked, and why one should believe it.
 *
 * Every rule has an id and a sentence, and one line in the table of ladder.c. First the
 * rules that decide alone are asked; then, of who is blocked, all that speak for a leak
 * and all that speak against one, which are weighed in one place there. Groups
 * (verdict, reason, creation site, block site) are what reports show.
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
#include "verdict/bunch.h"
#include "verdict/cohort.h"
#include "verdict/gap.h"
#include "verdict/growth.h"
#include "verdict/holders.h"
#include "verdict/hope.h"
#include "verdict/ties.h"

struct goleak_verdict_input {
    struct goleak_alloc *alloc;
    const struct goleak_symbols *symbols;
    const struct goleak_sites *sites;
    const struct goleak_store *store;
    const struct goleak_lineage *lineage;
    const struct goleak_reasons *reasons;
    const struct goleak_waits *waits;
    const struct goleak_locks *locks;
    const struct goleak_ledger *ledger;
    const struct goleak_health_book *health;
    const struct goleak_limits *limits;
    const struct goleak_ticks *ticks; /* time where there is no other */
    bool has_time;
    bool blocking_told;  /* the stream prints parks: blocked and running can be told apart */
    bool wakeups_told;   /* … and wake-ups */
    bool objects_told;   /* … and what goroutines wait on */
    bool timers_told;    /* … and the timers among it */
    bool stacks_told;
    bool include_system;
    int64_t first, last; /* moments of the first and the last event */
    uint64_t events;
    size_t processes;    /* that the recording is of */
    int64_t min_age_ns;  /* 0: none */
    bool explained;      /* somebody may ask what was weighed where one rule decides alone */
    /* Worked out once, at the end (goleak_verdict_prepare). */
    struct goleak_holders holders;
    struct goleak_hope hope;
    struct goleak_ties ties;
    struct goleak_gaps gaps;
    struct goleak_bunches bunches;
    struct goleak_cohorts cohorts;
    struct goleak_intern leaky; /* bytes: where those leak that are not older than the recording; if any is */
    uint64_t *leaks;            /* by that number, less 1: how many */
    size_t leak_capacity;
    bool leaks_known;          /* all of them are noted */
    struct goleak_rise *rises; /* by spawn site, of all processes */
    uint32_t *alive;           /* how many, by spawn site; NULL: each is its place's only one */
    int64_t *lasts;            /* by place: when it has started one last; NULL with `alive` */
    double lost; /* the part of the events that is lost */
    bool starts_told; /* what goroutines begin in, of some by name */
};

struct goleak_judgement {
    enum goleak_verdict verdict;
    enum goleak_reason reason;
    struct goleak_evidence evidence[GOLEAK_EVIDENCE_MAX];
    size_t evidence_count;
};

/* Fills what is worked out once. */
enum goleak_status goleak_verdict_prepare(struct goleak_verdict_input *input);
void goleak_verdict_release(struct goleak_verdict_input *input);

/* Of one of the living, by its index in the store. */
void goleak_judge(const struct goleak_verdict_input *input, uint32_t index, struct goleak_judgement *out);
/* The same without a word. */
enum goleak_verdict goleak_verdict_of(const struct goleak_verdict_input *input, uint32_t index);
/* Its wait is younger than the minimum age, so that it is not weighed. */
bool goleak_is_spared(const struct goleak_verdict_input *input, uint32_t index);

/* What a rule does in a verdict. */
enum goleak_weight {
    GOLEAK_DECIDES, /* alone, by its place in the table */
    GOLEAK_FOR,     /* a leak */
    GOLEAK_AGAINST, /* it */
    GOLEAK_LOWERS   /* the verdict, for what the recording lost */
};

/* One rule that was weighed, as --explain shows it. */
struct goleak_weighed {
    const char *rule;
    enum goleak_weight weight;
    bool applies;
    const char *needs; /* what the recording would have to tell; NULL: it does */
    char text[224];    /* its sentence, where it applies */
};

/* All rules in the order of the table, as far as there is room; returns how many. */
size_t goleak_weigh(const struct goleak_verdict_input *input, uint32_t index, struct goleak_weighed *out, size_t room);

/* ---- groups (groups.c) ---- */

struct goleak_group {
    enum goleak_verdict verdict;
    enum goleak_reason reason;
    uint32_t site, blocked_at; /* spawn site; frame */
    struct goleak_sum sum;
    uint32_t id;    /* in the index */
    uint64_t alike; /* so many others are blocked there, for the same reason, and are of no group */
};

/* Those of whom too little is known, by the rule that says what is missing. */
struct goleak_unknown_sum {
    const char *rule;
    uint32_t example;
    uint64_t count;
};
#define GOLEAK_UNKNOWN_RULES 8

struct goleak_groups {
    struct goleak_alloc *alloc;
    struct goleak_intern index; /* bytes: the key */
    struct goleak_group *groups; /* after finish: most severe first */
    size_t count, capacity;
    uint32_t *places;                        /* after finish: where it has come, by the id of a group, less 1 */
    uint64_t verdicts[GOLEAK_VERDICT_COUNT]; /* of all the living */
    uint64_t too_young;                      /* … that wait for less than the minimum age, and are not weighed */
    struct goleak_unknown_sum unknown[GOLEAK_UNKNOWN_RULES]; /* after finish: most first */
    size_t unknown_count;
};

void goleak_groups_init(struct goleak_groups *groups, struct goleak_alloc *alloc);
void goleak_groups_release(struct goleak_groups *groups);
/* Judges all the living. */
enum goleak_status goleak_groups_fill(struct goleak_groups *groups, const struct goleak_verdict_input *input);
/* The one that one of this verdict is in, from 1; 0: in none. */
size_t goleak_groups_find(const struct goleak_groups *groups, const struct goleak_verdict_input *input,
                          const struct goleak_record *record, enum goleak_verdict verdict);

#endif
