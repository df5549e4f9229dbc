/*
 * hope_search - what the search for hope works with, for its own files alone.
 *
 *      hope_collect.c  who there is, and what they tell before anybody is asked for others
 *      hope.c          who is known to whom: wakers, fellows at one object, holders, parents
 *      hope_beside.c   who was started together
 *      hope_reach.c    who was let through before, and what is still within reach
 *      hope_calls.c    … where functions have no names
 *      hope_inside.c   who may hold the lock that others wait for
 *      hope_pool.c     who is of an idle pool
 *      hope_readers.c  whose answers are read
 *      hope_outside.c  who waits for other programs
 *      hope_startup.c  who was started when the program did
 *      hope_turned.c   whose waker has turned to others
 */
#ifndef GOLEAK_VERDICT_HOPE_SEARCH_H
#define GOLEAK_VERDICT_HOPE_SEARCH_H

#include "base/bits.h"
#include "verdict/family.h"
#include "verdict/hope.h"

#define GOLEAK_WORD 64 /* records of one word of a set */

struct goleak_hope_search {
    const struct goleak_hope_input *input;
    struct goleak_hope *hope;
    struct goleak_kin {            /* what its site tells of a goroutine */
        uint32_t start;            /* string: its start function; 0: not told */
        uint32_t function;         /* string: that started it; 0: not told */
        uint32_t outer;            /* … that function's, if it is a closure: in which it stands; 0: it is none */
        bool signals;              /* package os/signal started it for its caller */
        bool for_caller;           /* … or another one of the standard library */
        bool coroutine;            /* it runs only while it is asked */
        bool unnamed;              /* only the address of the go statement is told */
    } * kin;                       /* by spawn site */
    struct goleak_families families; /* of those who ask at a time: by spawner and spawning function */
    size_t vain;                   /* so often was one of them told in vain of one who acts */
    uint64_t *bits;                /* the sets below, and behind them in one block `parents` and `queue` */
    size_t block_bytes;
    /* Bits by record: */
    uint64_t *wakers;              /* it may have woken some of those who are stuck, or has fellows */
    uint64_t *first;               /* hopeful from the start; most only act */
    uint64_t *hopeless;            /* it is blocked, and nobody has given it hope yet */
    uint64_t *idle;                /* … until others have something for it */
    uint64_t *kept;                /* … and its place has started none for long */
    uint64_t *helpers;             /* it acts, or hands on signals, and may wake others that it has to do with */
    uint64_t *resting;             /* it acts, and waits where its stack tells */
    uint64_t *pooled;              /* nobody is known to wake it, but most who wait like it */
    uint64_t *read;                /* it waits for an answer's end, and somebody reads that */
    uint64_t *taken;               /* … and `whom`, who got it, may go on to read it */
    uint64_t *collectors;          /* all who ever woke it were started by itself */
    uint64_t *at_locks;            /* many woke it where it waits for a lock: one who has that lives */
    uint64_t *circled; /* many woke it, and all who ever woke those who wait like it were of its own place */
    uint64_t *stuck;               /* it is blocked, whatever hope it has */
    uint64_t *may_help;            /* it may wake others that it has to do with: it is neither main nor the runtime's */
    uint64_t *in_sync;             /* it is blocked in package sync: at a lock, or in a WaitGroup */
    uint64_t *groups;              /* … in a WaitGroup, and nobody has given it hope */
    uint64_t *askers;              /* who asks for those beside it: `hopeless`, or some of them */
    bool any_sender;               /* is stuck, on a channel that is told */
    uint64_t
        takes_signals[(UINT16_MAX + 1) / GOLEAK_WORD]; /* by process: somebody waits for those that the system sends */
    bool any_at_lock, any_circled;
    bool any_collector;
    struct goleak_call_memo { /* which calls go on: many have the same stacks */
        uint32_t then, now;   /* stacks: of the creation, and of the spawner's last wait */
        uint8_t answer;
    } * call_memos;    /* NULL: all functions have names */
    uint64_t
        *living_waits; /* by wait site: so many of those that ended were of goroutines that live; NULL: not asked */
    struct goleak_beginning { /* by spawn site; NULL: not asked for */
        uint32_t source; /* the first site of its function, in its process; 0: not told, or the standard library's */
        struct goleak_some {
            uint32_t first; /* 0: none */
            bool more;      /* … and another one */
        } born, busy,
            hopeful; /* of such a first one: places (`whole`) that it has started any at; other than at the start;
                                  of which one is not stuck, or is `kept` */
        struct goleak_some spawners; /* of a place: lineage nodes of those who are kept */
    } * left;
    uint64_t *outside; /* by stack: who waits there in a select does so for another program; NULL: nobody does */
    /* By spawn site: some of its goroutines are hopeless; another one has passed where one may be; all were started
     * long ago; some may be an idle pool. */
    uint64_t *stuck_sites, *passed_sites, *quiet_sites, *pool_sites;
    uint64_t *lively_sites; /* one of its place is not stuck */
    uint64_t *paired_sites; /* their goroutines were started with those of another one */
    size_t strings;
    uint8_t *standard; /* by string: a function of the standard library? 1 no, 2 yes, 0 not asked for yet */
    struct goleak_sync_memo { /* does who waits so wait in a WaitGroup, or within the runtime? */
        uint32_t stack;       /* 0: not asked for yet */
        uint8_t wait;
        bool in_group, in_runtime;
    } * sync_memos;                /* by stack, modulo GOLEAK_SYNC_MEMOS */
    uint32_t *parents;             /* by record: lineage node of its spawner; 0: none, or it does not live */
    /* By lineage node: bits are at hand, where numbers would have to be fetched. */
    uint64_t *alive, *blocked;
    uint64_t *helped;              /* a child of it helps */
    uint64_t *wanted, *wanted_more; /* … and is looked for; of more than one family */
    uint64_t *named;               /* only its children tell of it */
    uint64_t *open; /* those whom it has started may give hope to it yet, or, where it does not live, to one above it */
    uint32_t *nodes;               /* the record, of those who are blocked */
    bool any_blocked;
    uint32_t runtime_main, main_main, do_init; /* strings; 0: not told */
    uint32_t accept;                           /* string: of who waits for the connections of others */
    uint32_t pipe_writes[2];                   /* … of io.Pipe and net.Pipe, in which one sends though it selects */
    uint32_t lost;                             /* string: of functions whose names were lost, which are not one */
    uint32_t *queue;                    /* those who became hopeful, whose relations are not looked at yet */
    size_t queued;
    bool failed;
};

#define GOLEAK_CALL_MEMOS 256
#define GOLEAK_SYNC_MEMOS 256

/* The records of a set's word: they are looked at in any case, and fetched all at once. Returns how many. */
static inline size_t goleak_fetch_word(const struct goleak_hope_search *search, uint64_t bits, uint32_t word,
                                       uint32_t records[GOLEAK_WORD])
{
    size_t count = 0;
    for (; bits != 0; bits &= bits - 1) {
        records[count] = word * GOLEAK_WORD + goleak_low_zeros(bits);
        GOLEAK_PREFETCH(goleak_store_at(search->input->store, records[count++]));
    }
    return count;
}

/* Of a node's goroutine and those from which it descends the nearest one that lives; 0: none does. */
static inline uint32_t goleak_nearest_alive(const struct goleak_hope_search *search, uint32_t node)
{
    while (node != 0 && !goleak_has_bit(search->alive, node))
        node = goleak_lineage_at(search->input->lineage, node)->parent;
    return node;
}

static inline const struct goleak_kin *goleak_kin_of(const struct goleak_hope_search *search,
                                                     const struct goleak_record *record)
{
    return &search->kin[record->site];
}

static inline bool goleak_hope_may_help(const struct goleak_hope_search *search, uint32_t index)
{
    return goleak_has_bit(search->may_help, index);
}

/* It may give hope to those who were started together with it. */
static inline void goleak_hope_add_helper(struct goleak_hope_search *search, uint32_t index)
{
    goleak_set_bit(search->helpers, index);
    goleak_set_bit(search->helped, search->parents[index]);
}

/* Of a word those who are blocked, and have been given hope. */
static inline uint64_t goleak_hope_given(const struct goleak_hope_search *search, uint32_t word)
{
    return search->stuck[word] & ~search->hopeless[word];
}

/* How often one may have slept since, and woken nobody of these. Nobody holds a lock, or has
 * others send to it, and sleeps again and again. */
enum goleak_patience { GOLEAK_PATIENCE_NONE, GOLEAK_PATIENCE_SOME, GOLEAK_PATIENCE_ALL, GOLEAK_PATIENCE_UNASKED };

/* hope.c */
/* Who waits for a lock whose holders are known has no other hope, if locks are not handed on. */
bool goleak_hope_may_have(const struct goleak_hope_search *search, uint32_t index, enum goleak_hope_kind kind);
void goleak_hope_give(struct goleak_hope_search *search, uint32_t index, enum goleak_hope_kind kind, uint32_t whom);
/* It began to wait when it had just started this one: for its result, however long that takes. */
bool goleak_hope_waits_for_child(const struct goleak_hope_search *search, const struct goleak_record *record,
                                 const struct goleak_record *child);
/* As goleak_is_in_wait_group(): many wait at few stacks. */
bool goleak_hope_in_group(const struct goleak_hope_search *search, const struct goleak_record *record);
/* At a semaphore of the runtime's own, which gives it back. */
bool goleak_hope_in_runtime(const struct goleak_hope_search *search, const struct goleak_record *record);
/* hope_collect.c */
/* Everyone's place in the sets and relations. */
void goleak_hope_collect(struct goleak_hope_search *search);
/* hope_beside.c */
/* Is the function of this frame one of the standard library's? */
bool goleak_hope_is_standard(const struct goleak_hope_search *search, uint32_t frame);
/* The first frame of a stack that is not, the innermost; 0: there is none. */
uint32_t goleak_hope_own_frame(const struct goleak_hope_search *search, uint32_t stack);
/* The function of a frame; 0: its name was lost, so that it may be any. */
uint32_t goleak_hope_function(const struct goleak_hope_search *search, uint32_t frame);
/* … in which a closure stands, or a go statement's wrapper; 0: it is neither. */
uint32_t goleak_hope_outer(const struct goleak_symbols *symbols, uint32_t function);
void goleak_hope_find_kin(struct goleak_hope_search *search);
void goleak_hope_find_pairs(struct goleak_hope_search *search);
enum goleak_patience goleak_hope_patience_of(const struct goleak_hope_search *search,
                                             const struct goleak_record *record);
/* With one who waits so. */
enum goleak_patience goleak_hope_patience_with(const struct goleak_record *record);
void goleak_hope_look_beside(struct goleak_hope_search *search);
/* hope_inside.c */
void goleak_hope_look_inside(struct goleak_hope_search *search);
/* `whom` of those who are at locks, and have no hope: who may hold theirs, and is stuck itself. */
void goleak_hope_look_locked_in(struct goleak_hope_search *search);
/* hope_reach.c */
void goleak_hope_look_who_passed(struct goleak_hope_search *search);
void goleak_hope_look_who_leads(struct goleak_hope_search *search);
/* Has one that is stuck this hope, by what is known so far? *whom, which is 0 before: on whom it rests. */
typedef bool goleak_hope_test(const struct goleak_hope_search *search, uint32_t stuck, uint32_t *whom);
goleak_hope_test goleak_hope_is_in_scope;
/* The record of a node's goroutine; NULL: it is another one's by now. */
const struct goleak_record *goleak_hope_spawner(const struct goleak_hope_search *search, uint32_t node);
/* Its spawner, who waits at the end, is stuck. */
bool goleak_hope_is_spawner_stuck(const struct goleak_hope_search *search, uint32_t node);
bool goleak_hope_may_come_again(const struct goleak_hope_search *search, const struct goleak_record *record);
/* hope_calls.c */
/* By what it was started, where only addresses are told: a number for the call, with its highest bit set; 0: not told. */
uint32_t goleak_hope_call_of(const struct goleak_hope_search *search, const struct goleak_record *record);
/* … that call goes on, or one that it called back, or its spawner is in the library that started it: *whom. */
bool goleak_hope_is_call_alive(const struct goleak_hope_search *search, const struct goleak_record *record,
                               const struct goleak_record *spawner, uint32_t *whom);
/* hope_pool.c */
/* False: nobody is of one whose children might hope. */
bool goleak_hope_find_pools(struct goleak_hope_search *search);
/* hope_readers.c */
void goleak_hope_find_readers(struct goleak_hope_search *search);
goleak_hope_test goleak_hope_is_taken;
/* hope_outside.c */
void goleak_hope_find_outside(struct goleak_hope_search *search);
void goleak_hope_release_outside(struct goleak_hope_search *search);
goleak_hope_test goleak_hope_is_outside;
/* hope_turned.c */
void goleak_hope_find_turned(struct goleak_hope_search *search);
/* hope_startup.c */
void goleak_hope_find_quiet(struct goleak_hope_search *search);
/* Who waits for the result of one that is stuck, and that it has just started, is not `kept` for other work. */
void goleak_hope_look_who_asked(struct goleak_hope_search *search);
/* Before anybody is asked, each time. False: there is nobody to be asked, or no memory. */
bool goleak_hope_look_who_is_left(struct goleak_hope_search *search);
/* … once. */
void goleak_hope_count_living(struct goleak_hope_search *search);
goleak_hope_test goleak_hope_is_of_startup;

#endif
