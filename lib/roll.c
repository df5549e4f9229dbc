/* roll - see roll.h. */
#include "roll.h"

#include "base/hash.h"

#include <stdlib.h>

/* Each P takes 16 goids at a time (runtime/proc.go, GOIDCACHE), and may give one of them long after others have given
 * higher ones: of 64 Ps. One in so many may be missing for that of more. */
#define GIVEN_LATE 1024
#define MISSING_ONE_IN 16
/* Threads of a container have smaller numbers. */
#define CONTAINER_THREADS 1024
#define PROOF_THREADS 2
/* A program starts the same ones each time, with these numbers. */
#define STARTS_GOIDS 1024
/* So many that live on, and so little chance. */
#define PROOF_BORN 3
#define PROOF_CHANCE 1e-6
/* The wall clock may be set a little meanwhile. */
#define SAME_BOOT_NS 1000000000

static int by_goid(const void *a, const void *b)
{
    const struct goleak_roll_member *x = a, *y = b;
    return x->goid < y->goid ? -1 : x->goid > y->goid;
}

static bool is_kept(const struct goleak_roll_list *list, uint64_t goid)
{
    const uint64_t hash = goleak_hash_u64(goid);
    return ((hash >> 32 | hash << 32) & list->mask) == 0; /* all of its bits, or many could be kept for ever */
}

/* One of each goid, of those that are kept. */
static void sort(struct goleak_roll_list *list)
{
    size_t count = 0;
    qsort(list->members, list->count, sizeof *list->members, by_goid);
    for (size_t i = 0; i < list->count; i++) {
        const struct goleak_roll_member *member = &list->members[i];
        struct goleak_roll_member *last = count != 0 ? &list->members[count - 1] : NULL;
        if (last != NULL && last->goid == member->goid)
            last->start = last->start != 0 ? last->start : member->start;
        else if (is_kept(list, member->goid))
            list->members[count++] = *member;
    }
    list->count = count;
}

void goleak_roll_note(struct goleak_roll *roll, enum goleak_roll_how how, uint64_t goid, uint64_t start)
{
    struct goleak_roll_list *list = &roll->lists[how];
    list->last = goid > list->last ? goid : list->last;
    if (!is_kept(list, goid))
        return;
    list->members[list->count++] = (struct goleak_roll_member) { .goid = goid, .start = (uint32_t)start };
    if (list->count < GOLEAK_ROLL_MEMBERS)
        return;
    sort(list);
    while (list->count > GOLEAK_ROLL_MEMBERS / 2) {
        list->mask = list->mask << 1 | 1;
        sort(list);
    }
}

static const struct goleak_roll_member *find(const struct goleak_roll_list *list,
                                             const struct goleak_roll_member *member)
{
    return bsearch(member, list->members, list->count, sizeof *member, by_goid);
}

static void count_alike(struct goleak_roll *roll)
{
    struct goleak_roll_list *born = &roll->lists[GOLEAK_ROLL_BORN];
    const struct goleak_roll_list *ended = &roll->lists[GOLEAK_ROLL_ENDED];
    bool lives[GOLEAK_ROLL_MEMBERS];
    roll->born = 0;
    for (size_t i = 0; i < born->count; i++) {
        const bool known = is_kept(ended, born->members[i].goid);
        roll->born += known;
        lives[i] = known && find(ended, &born->members[i]) == NULL;
        born->members[i].alike = 0;
    }
    for (size_t i = 0; i < born->count; i++)
        for (size_t k = 0; k < born->count && lives[i]; k++)
            born->members[i].alike += lives[k] && born->members[k].start == born->members[i].start;
}

void goleak_roll_close(struct goleak_roll *roll)
{
    for (int how = 0; how < GOLEAK_ROLL_HOWS; how++)
        sort(&roll->lists[how]);
    count_alike(roll);
}

/* ---- marks ---- */

/* Of a generation that both have. */
static enum goleak_roll_answer compare_generations(const struct goleak_trace_marks *early,
                                                   const struct goleak_trace_marks *late)
{
    if (early->generation_count == 0 || late->generation_count == 0)
        return GOLEAK_ROLL_PERHAPS;
    const uint64_t first = late->generations[0].number;
    for (size_t i = 0; i < early->generation_count; i++)
        if (early->generations[i].number == first)
            return early->generations[i].ticks == late->generations[0].ticks ? GOLEAK_ROLL_SAME : GOLEAK_ROLL_ANOTHER;
    return first < early->generations[early->generation_count - 1].number ? GOLEAK_ROLL_ANOTHER : GOLEAK_ROLL_PERHAPS;
}

static bool is_another_boot(const struct goleak_trace_marks *a, const struct goleak_trace_marks *b)
{
    const uint64_t apart = a->boot_ns < b->boot_ns ? (uint64_t)b->boot_ns - (uint64_t)a->boot_ns
                                                   : (uint64_t)a->boot_ns - (uint64_t)b->boot_ns;
    return a->has_boot && b->has_boot && apart > SAME_BOOT_NS;
}

static size_t common_threads(const struct goleak_trace_marks *a, const struct goleak_trace_marks *b)
{
    size_t common = 0;
    for (size_t i = 0; i < a->thread_count; i++)
        for (size_t k = 0; k < b->thread_count; k++)
            common += a->threads[i] == b->threads[k] && a->threads[i] >= CONTAINER_THREADS;
    return common;
}

/* ---- goroutines ---- */

/* Nobody is born twice. */
static bool is_born_again(const struct goleak_roll *early, const struct goleak_roll_list *born)
{
    for (size_t i = 0; i < born->count; i++)
        for (int how = 0; how < GOLEAK_ROLL_HOWS; how++)
            if (find(&early->lists[how], &born->members[i]) != NULL)
                return true;
    return false;
}

/* What is known of those that the later one finds. */
struct known {
    size_t same, missing; /* were there; were not, and should have been */
    size_t born;          /* … in the earlier trace */
    double chance;        /* that another process has these */
};

/* False: it is another process's. */
static bool find_again(const struct goleak_roll *early, const struct goleak_roll_member *member, struct known *known)
{
    const struct goleak_roll_list *found = &early->lists[GOLEAK_ROLL_FOUND], *born = &early->lists[GOLEAK_ROLL_BORN];
    const struct goleak_roll_member *by_birth = find(born, member);
    const struct goleak_roll_member *before = by_birth != NULL ? by_birth : find(found, member);
    if (find(&early->lists[GOLEAK_ROLL_ENDED], member) != NULL)
        return false;
    if (before == NULL) {
        known->missing += early->marks.all_told && is_kept(found, member->goid) && is_kept(born, member->goid) &&
                          member->goid + GIVEN_LATE <= found->last;
        return true;
    }
    const bool told = before->start != 0 && member->start != 0;
    known->same++;
    if (by_birth != NULL && told && by_birth->alike != 0 && member->goid >= STARTS_GOIDS) {
        known->born++;
        known->chance *= (double)by_birth->alike / (double)early->born;
    }
    return !told || before->start == member->start;
}

enum goleak_roll_answer goleak_roll_compare(const struct goleak_roll *early, const struct goleak_roll *late,
                                            bool overlap)
{
    const struct goleak_roll_list *found = &late->lists[GOLEAK_ROLL_FOUND], *born = &late->lists[GOLEAK_ROLL_BORN];
    const enum goleak_roll_answer generations = compare_generations(&early->marks, &late->marks);
    struct known known = { .chance = 1 };
    if (early->lists[GOLEAK_ROLL_FOUND].count == 0 || found->count == 0)
        return GOLEAK_ROLL_PERHAPS; /* they are no Go traces */
    if (generations != GOLEAK_ROLL_PERHAPS) /* whatever the wall clock was set to meanwhile */
        return generations;
    if (is_another_boot(&early->marks, &late->marks))
        return GOLEAK_ROLL_ANOTHER;
    if (overlap)
        return GOLEAK_ROLL_PERHAPS; /* who is found in both, or born in both, may live and end in both */
    if (is_born_again(early, born))
        return GOLEAK_ROLL_ANOTHER;
    for (size_t i = 0; i < found->count; i++)
        if (find(born, &found->members[i]) == NULL && !find_again(early, &found->members[i], &known))
            return GOLEAK_ROLL_ANOTHER;
    if (known.missing * MISSING_ONE_IN > known.same)
        return GOLEAK_ROLL_ANOTHER;
    const bool proven = common_threads(&early->marks, &late->marks) >= PROOF_THREADS ||
                        (known.born >= PROOF_BORN && known.chance <= PROOF_CHANCE);
    return known.same != 0 && proven ? GOLEAK_ROLL_SAME : GOLEAK_ROLL_PERHAPS;
}
