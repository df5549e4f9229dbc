/* rules - the functions behind the lines of the table in ladder.c, and what they look at. */
#ifndef GOLEAK_VERDICT_RULES_H
#define GOLEAK_VERDICT_RULES_H

#include "verdict/verdict.h"

/* What the way from a lock to its holder, the lock that it waits for, and so on, ends in. */
enum goleak_way_end {
    GOLEAK_WAY_UNKNOWN,
    GOLEAK_WAY_DEAD,    /* a circle */
    GOLEAK_WAY_GONE,    /* one that has ended */
    GOLEAK_WAY_KEPT,    /* one that acts, and had its chances to unlock */
    GOLEAK_WAY_STUCK,   /* one that is stuck elsewhere */
    GOLEAK_WAY_GOES_ON  /* one that may unlock */
};

struct goleak_lock_root {
    enum goleak_way_end end;
    const struct goleak_holder *holder; /* at the end of the way; NULL: unknown */
    uint32_t steps; /* from holder to holder */
};

/* One goroutine before the rules: all that is known of it, found once. */
struct goleak_case {
    const struct goleak_verdict_input *input;
    const struct goleak_record *record;
    uint32_t index; /* of the record */
    bool blocked;   /* on the leak-capable set */
    bool older;     /* than the recording … */
    uint64_t leak_alike; /* … and so many that are not leak in the same place */
    bool bare;      /* neither wake-ups, objects nor stacks: the article's own form */
    int64_t waited; /* in moments; 0: not told */
    const struct goleak_habit *habit; /* here; NULL: it was never woken here */
    const struct goleak_wait_site *site; /* NULL: no wait there ever ended */
    const struct goleak_cohort *cohort;
    enum goleak_hope_kind hope;
    uint32_t whom; /* the one on which its hope rests */
    const struct goleak_rise *rise; /* of its spawn site */
    struct goleak_tie tie;
    bool unread;                    /* its connection's answer is left unread */
    const struct goleak_lock *lock; /* that it waits for, if its holders are known */
    struct goleak_lock_root root;   /* why that is not given back */
    bool root_leaks;                /* root.holder is stuck, and leaks … */
    bool root_suspect;              /* … as far as one may suspect */
};

/* What a rule that applies has to say. */
struct goleak_saying {
    enum goleak_verdict verdict; /* of one that decides */
    bool mute; /* nobody will read it */
    struct goleak_evidence evidence;
};

/* True: it applies, and *out says how. */
typedef bool goleak_rule(const struct goleak_case *c, struct goleak_saying *out);

#define GOLEAK_RULE(name) bool goleak_rule_##name(const struct goleak_case *c, struct goleak_saying *out)

/* states.c: what the state alone decides */
goleak_rule goleak_rule_alive_only, goleak_rule_main, goleak_rule_system, goleak_rule_panic, goleak_rule_forever,
    goleak_rule_young, goleak_rule_coroutine, goleak_rule_article, goleak_rule_waits, goleak_rule_unseen,
    goleak_rule_runs;
/* signals.c: what speaks for a leak */
goleak_rule goleak_rule_waker_gone, goleak_rule_never_woken, goleak_rule_sender, goleak_rule_left_out,
    goleak_rule_unread, goleak_rule_rises, goleak_rule_never_ends, goleak_rule_beyond, goleak_rule_shape,
    goleak_rule_orphan, goleak_rule_spawner_gone, goleak_rule_alike, goleak_rule_nobody;
/* counter.c: what speaks against it */
goleak_rule goleak_rule_serves, goleak_rule_timed, goleak_rule_timer, goleak_rule_shared, goleak_rule_pool,
    goleak_rule_beside, goleak_rule_child, goleak_rule_passed, goleak_rule_inside, goleak_rule_reader,
    goleak_rule_taker, goleak_rule_scope, goleak_rule_tied, goleak_rule_startup, goleak_rule_queue, goleak_rule_usual,
    goleak_rule_early, goleak_rule_own, goleak_rule_idler, goleak_rule_older;
/* deadlock.c: who holds the lock that it waits for */
goleak_rule goleak_rule_lock_cycle, goleak_rule_lock_kept, goleak_rule_holder;
/* loss.c: what the recording lacks */
goleak_rule goleak_rule_brief, goleak_rule_gap, goleak_rule_loss;

void goleak_write_saying(struct goleak_saying *out, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* A macro: of what nobody reads the words are not even looked for. */
#define goleak_say(out, ...) ((out)->mute ? (void)0 : goleak_write_saying(out, __VA_ARGS__))
void goleak_say_number(struct goleak_saying *out, const char *name, int64_t number);
/* … unless it is not told (0). */
void goleak_say_goid(struct goleak_saying *out, const char *name, uint64_t goid);
void goleak_say_text(struct goleak_saying *out, const char *name, const char *text);

/* "912 s", "0.4 ms", "17 events" */
struct goleak_span {
    char text[32];
};
struct goleak_span goleak_span_of(const struct goleak_verdict_input *input, int64_t moments);
/* How long it has waited; "over 912 s" of a wait that began before the recording. */
struct goleak_span goleak_waited_for(const struct goleak_case *c);
/* "goroutine 17", "goroutine at c000102000", "another goroutine" */
struct goleak_span goleak_who(const struct goleak_verdict_input *input, uint32_t record);

/* Its spawner has ended. */
bool goleak_is_left(const struct goleak_case *c);
/* Its waker or its object's, who would have to come again, have all ended or are stuck. */
bool goleak_is_deserted(const struct goleak_case *c);
/* Once, when the hope is known: who of each lock's holders decides. There may be many who wait for one of which
 * many hold, so they do not look for him each. */
void goleak_locks_settle(struct goleak_verdict_input *input);
struct goleak_lock_root goleak_lock_root(const struct goleak_verdict_input *input, uint32_t index);
/* The lock that it waits for will not be given back, as far as can be told. */
bool goleak_is_locked_out(const struct goleak_case *c);
/* Who may hold its lock has slept so often that it should have been given back. */
bool goleak_is_patience_gone(const struct goleak_case *c);
/* It has outlived its spawner, with whom all of its place end, and waits for nobody who acts. */
bool goleak_is_orphan(const struct goleak_case *c);
/* Others like it are woken, and it is not any more. */
bool goleak_is_left_out(const struct goleak_case *c);
/* … and was taken off a list, by all that others tell. */
bool goleak_is_dropped(const struct goleak_case *c);
bool goleak_is_idler(const struct goleak_case *c);
/* Those who wait like it are served one after the other, and its turn has not come. */
bool goleak_is_queued(const struct goleak_case *c);
/* The count of its site rises through the recording. */
bool goleak_is_rising(const struct goleak_case *c);

#endif
