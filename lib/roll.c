/* roll - see roll.h. */
#include "roll.h"

#include "base/hash.h"

#include <stdlib.h>

/* Each P takes 16 goids at a time (runtime/proc.go, GOIDCACHE), and may give one of them long after others have given
 * higher ones: of 64 Ps. */
#define GIVEN_LATE 1024
/* Threads of a container have smaller numbers. */
#define CONTAINER_THREADS 1024
/* Those of a program's start. */
#define STARTUP_GOIDS 1024
/* Goids that two processes have by chance have others beside them. */
#define APART 8
/* So many prove it: of threads, of goids that lie apart. */
#define PROOF_THREADS 2
#define PROOF_GOIDS 16

static int by_goid(const void *a, const void *b)
{
    const struct goleak_roll_member *x = a, *y = b;
    return x->goid < y->goid ? -1 : x->goid > y->goid;
}

static bool is_kept(const struct goleak_roll_list *list, uint64_t goid)
{
    return (goleak_hash_u64(goid) >> 32 & list->mask) == 0;
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

void goleak_roll_note(struct goleak_roll *roll, uint64_t goid, uint64_t start, bool born)
{
    struct goleak_roll_list *list = born ? &roll->born : &roll->found;
    list->last = goid > list->last ? goid : list->last;
    if (!is_kept(list, goid))
        return;
    list->members[list->count++] = (struct goleak_roll_member) { goid, (uint32_t)start };
    if (list->count < GOLEAK_ROLL_MEMBERS)
        return;
    sort(list);
    while (list->count > GOLEAK_ROLL_MEMBERS / 2) {
        list->mask = list->mask << 1 | 1;
        sort(list);
    }
}

void goleak_roll_close(struct goleak_roll *roll)
{
    sort(&roll->found);
    sort(&roll->born);
}

static const struct goleak_roll_member *find(const struct goleak_roll_list *list,
                                             const struct goleak_roll_member *member)
{
    return bsearch(member, list->members, list->count, sizeof *member, by_goid);
}

/* Far from the others, whatever part of them is kept. */
static bool lies_apart(const struct goleak_roll_list *list, const struct goleak_roll_member *member)
{
    const uint64_t apart = APART * (list->mask + 1);
    const struct goleak_roll_member *end = list->members + list->count;
    return member->goid >= STARTUP_GOIDS && (member == list->members || member->goid - member[-1].goid >= apart) &&
           (member + 1 == end || member[1].goid - member->goid >= apart);
}

static size_t count_common(struct goleak_roll_threads a, struct goleak_roll_threads b, uint64_t from)
{
    size_t common = 0;
    for (size_t i = 0, k = 0; i < a.count && k < b.count; i += a.ids[i] <= b.ids[k]) {
        while (k < b.count && b.ids[k] < a.ids[i])
            k++;
        common += k < b.count && a.ids[i] == b.ids[k] && a.ids[i] >= from;
        if (k == b.count)
            break;
    }
    return common;
}

/* Nobody is born twice. */
static bool is_born_again(const struct goleak_roll *early, const struct goleak_roll_list *born)
{
    for (size_t i = 0; i < born->count; i++)
        if (find(&early->found, &born->members[i]) != NULL || find(&early->born, &born->members[i]) != NULL)
            return true;
    return false;
}

bool goleak_roll_goes_on(const struct goleak_roll *early, struct goleak_roll_threads early_threads,
                         const struct goleak_roll *late, struct goleak_roll_threads late_threads)
{
    size_t same = 0, apart = 0, missing = 0;
    if (is_born_again(early, &late->born))
        return false;
    for (size_t i = 0; i < late->found.count; i++) {
        const struct goleak_roll_member *member = &late->found.members[i], *before = find(&early->found, member);
        apart += before != NULL && lies_apart(&early->found, before);
        if (before == NULL)
            before = find(&early->born, member);
        if (before == NULL)
            missing += is_kept(&early->found, member->goid) && is_kept(&early->born, member->goid) &&
                       member->goid + GIVEN_LATE <= early->found.last;
        else if (before->start != 0 && member->start != 0 && before->start != member->start)
            return false;
        else
            same++;
    }
    if (same == 0 || missing * PROOF_GOIDS > same)
        return false;
    const bool told = early_threads.count != 0 && late_threads.count != 0;
    if (told && count_common(early_threads, late_threads, 0) == 0)
        return false;
    return count_common(early_threads, late_threads, CONTAINER_THREADS) >= PROOF_THREADS ||
           (apart >= PROOF_GOIDS && missing == 0);
}
