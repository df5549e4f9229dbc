/*
 * limits - the numbers that rules compare with, all in one place.
 *
 * None is fitted to a program. `make evaluate` tries others of them (cross-validation).
 */
#ifndef GOLEAK_VERDICT_LIMITS_H
#define GOLEAK_VERDICT_LIMITS_H

#include <stdint.h>

struct goleak_limits {
    uint32_t habit_waits;    /* that ended make a habit: one may be a handshake */
    int64_t patience;        /* a timer's channel is believed for so many times its longest wait,
                                and a sender's habit, too: senders do not idle */
    uint64_t timer_least;    /* so many waits like it that all ended by a timer tell of a first wait that it has one */
    uint32_t desert_least;   /* so many waits that ended by those who are gone: others of its kind are others' */
    uint64_t partners_least;      /* so many that are served, each by its own, are no pool: fewer of those are needed */
    int64_t never_ns;        /* a timer that is set for so long is not to fire: programs write a hundred years, or
                                all that a duration holds, for "never" */
    int64_t together;        /* two were started together if less than 1/N of the wait lies between */
    int64_t turn_ns;         /* … and, of a loop whose turns take longer, less than this */
    int64_t at_once;         /* … and one right after the other if less than 1/N of it */
    uint64_t code_apart;     /* bytes: of functions that lie farther apart one may be of another package */
    int64_t inside_part;     /* who may hold a lock came there within 1/N of the first one's wait before that began */
    uint32_t chances;        /* whoever slept so often had its chance to wake: by the rule of
                                succession the next time has a probability below 1 in 20 */
    uint32_t chances_at_work; /* the same with those who wait for a lock or to send: nobody lets them wait
                                 through many sleeps */
    uint64_t rise_created;   /* fewer births are no trend … */
    double rise_trend;       /* … nor is less (standard deviations: 1 in 100 by chance) … */
    uint64_t rise_share;     /* … nor a rise in less than 1/N of the parts */
    uint32_t rise_part;      /* of a place that rises; fewer than 1/N of it are not what rises */
    uint64_t endless_created; /* so many births without an end are no warming-up any more */
    uint64_t usual_longer, usual_part; /* so many waits like it took longer, and of all of them 1/N, by the rule
                                          of succession */
    uint64_t early_least, early_part, early_share; /* the same of the process, in the last 1/N of its time */
    uint64_t queue_least;    /* so many waits that ended in their order make a queue … */
    int64_t queue_idle;      /* … if the last one ended within 1/N of the time that the oldest has waited */
    uint32_t tied_least;     /* so many that ended right after their spawners … */
    uint32_t tied_part;      /* … are a rule if those who did not are less than 1/N of them */
    uint64_t orphan_ns, orphan_events; /* who outlives its spawner by less is no orphan */
    uint32_t inside_most;              /* where more rest in methods of a type, they do not keep each other out */
    uint32_t answers_most;             /* of a goroutine that asks for several, and reads none at the moment */
    double left_out_chance;  /* that a goroutine which is served is left out so often */
    uint64_t rounds_turns;   /* so many turns in none of which one was left out make rounds */
    uint64_t rounds_missed;  /* … and so many without one are none of chance's */
    uint64_t turned_least;   /* so many waits that ended of those who took others' place */
    uint32_t turned_rounds;  /* … of each of them, where objects are not told */
    double loss_chance;      /* what chance does less often is no chance */
    double loss_decided;     /* … where one rule has decided alone */
    int64_t run_ns;          /* the scheduler (sysmon, every 10 ms) lets none run for longer: who seems to is in a
                                system call, in a recording that tells none */
    int64_t brief_ns;        /* a wait of less began with the last event */
    double loss_untold;      /* the part of the events that is taken to be lost where nobody counted */
    uint64_t own_most;       /* of the runtime's own that can block no place starts more: a few traces, a few signals */
    uint64_t lock_gaps;      /* of the locks that were taken, 1/N may contradict what is known of holders */
};

#define GOLEAK_NEVER_NS ((int64_t)99 * 365 * 24 * 3600 * 1000000000)

#define GOLEAK_LIMITS_DEFAULT                                                                                          \
    {                                                                                                                  \
        .habit_waits = 2, .patience = 10, .timer_least = 3, .desert_least = 5, .partners_least = 3,                    \
        .never_ns = GOLEAK_NEVER_NS, .together = 10, .turn_ns = 1000000, .at_once = 100, .code_apart = 65536,          \
        .inside_part = 4, .chances = 20, .chances_at_work = 5, .rise_created = 10, .rise_trend = 2.33,                 \
        .rise_share = 3, .rise_part = 8, .endless_created = 30, .usual_longer = 2, .usual_part = 20, .early_least = 5, \
        .early_part = 10, .early_share = 10, .queue_least = 5, .queue_idle = 4, .tied_least = 5, .tied_part = 10,      \
        .orphan_ns = 10000000, .orphan_events = 100, .inside_most = 8, .answers_most = 2, .left_out_chance = 0.0001,   \
        .rounds_turns = 30, .rounds_missed = 8, .turned_least = 4, .turned_rounds = 3, .loss_chance = 0.05,            \
        .loss_decided = 0.5, .run_ns = 1000000000, .brief_ns = 2, .loss_untold = 0.02, .own_most = 8, .lock_gaps = 100 \
    }

extern const struct goleak_limits goleak_limits_default;

#endif
