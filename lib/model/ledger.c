/* ledger - see ledger.h. */
#include "model/ledger.h"

#include "base/bits.h"

#include <string.h>

#define WIDTH_FIRST 4
#define PLACE(level) ((level) & (GOLEAK_LEDGER_LEVELS - 1))

void goleak_ledger_init(struct goleak_ledger *ledger, struct goleak_alloc *alloc)
{
    memset(ledger, 0, sizeof *ledger);
    ledger->alloc = alloc;
    ledger->width = WIDTH_FIRST;
    ledger->first = GOLEAK_NO_MOMENT;
    ledger->gauges[GOLEAK_GAUGE_LIVE].known = ledger->gauges[GOLEAK_GAUGE_BLOCKED].known = 1;
}

void goleak_ledger_release(struct goleak_ledger *ledger)
{
    if (ledger->alloc == NULL)
        return;
    goleak_free(ledger->alloc, ledger->accounts, ledger->capacity * sizeof *ledger->accounts);
    goleak_free(ledger->alloc, ledger->pasts, ledger->past_capacity * sizeof *ledger->pasts);
    goleak_ledger_init(ledger, ledger->alloc);
}

static bool make_room(struct goleak_ledger *ledger, size_t count)
{
    size_t before = ledger->count;
    if (!goleak_grow(ledger->alloc, &ledger->accounts, &ledger->capacity, count, sizeof *ledger->accounts) ||
        !goleak_grow(ledger->alloc, &ledger->pasts, &ledger->past_capacity, count, sizeof *ledger->pasts))
        return false;
    memset(ledger->accounts + before, 0, (count - before) * sizeof *ledger->accounts);
    memset(ledger->pasts + before, 0, (count - before) * sizeof *ledger->pasts);
    for (; before < count; before++)
        ledger->pasts[before].width = WIDTH_FIRST;
    ledger->count = count;
    return true;
}

/* ---- an account ---- */

static uint64_t ended(const struct goleak_account *account)
{
    const uint64_t *counts = account->counts;
    return counts[GOLEAK_T_ENDED] + counts[GOLEAK_T_ENDED_BLOCKED] + counts[GOLEAK_T_SYSTEM_ENDED] +
           counts[GOLEAK_T_SYSTEM_ENDED_BLOCKED];
}

static enum goleak_transition_kind there_as(enum goleak_gauge_kind kind)
{
    return kind == GOLEAK_GAUGE_LIVE ? GOLEAK_T_WAS_THERE : GOLEAK_T_WAS_BLOCKED;
}

/* Without those who were there from the beginning; but if they end, that counts. */
static int64_t now(const struct goleak_account *account, enum goleak_gauge_kind kind)
{
    const uint64_t *counts = account->counts;
    return (int64_t)(kind == GOLEAK_GAUGE_LIVE
                         ? counts[GOLEAK_T_APPEARED] + counts[GOLEAK_T_CREATED] - ended(account)
                         : counts[GOLEAK_T_BLOCKED] - counts[GOLEAK_T_UNBLOCKED] - counts[GOLEAK_T_ENDED_BLOCKED] -
                               counts[GOLEAK_T_SYSTEM_UNBLOCKED] - counts[GOLEAK_T_SYSTEM_ENDED_BLOCKED]);
}

/* Widths are powers of two. */
static size_t part_now(const struct goleak_ledger *ledger)
{
    return (size_t)(ledger->changes >> goleak_low_zeros(ledger->width));
}

/* Brings a site's series up to a part, without its end. */
static void catch_up(struct goleak_account_past *past, uint64_t width, size_t part, int64_t alive)
{
    for (; past->width < width; past->width *= 2) {
        for (size_t i = 0; i < past->known / 2; i++)
            past->parts[i] = past->parts[2 * i + 1];
        past->known /= 2; /* the last half of a pair is not over yet */
    }
    while (past->known < part)
        past->parts[past->known++] = alive;
}

static void settle(struct goleak_ledger *ledger, uint32_t site)
{
    struct goleak_account *account = &ledger->accounts[site];
    struct goleak_account_past *past = &ledger->pasts[site];
    for (int kind = 0; kind < GOLEAK_GAUGES; kind++)
        if (account->mark < ledger->gauges[kind].mark)
            past->at_peak[kind] = now(account, (enum goleak_gauge_kind)kind);
    catch_up(past, ledger->width, part_now(ledger), now(account, GOLEAK_GAUGE_LIVE));
    account->mark = ledger->mark;
}

/* To be changed. */
static struct goleak_account *touch(struct goleak_ledger *ledger, uint32_t site)
{
    struct goleak_account *account = &ledger->accounts[site];
    if (account->mark != ledger->mark)
        settle(ledger, site);
    return account;
}

/* ---- what a kind does ---- */

/* Up and down of the two gauges, and how much went on. */
#define EACH_KIND(X)                                                                                                   \
    X(GOLEAK_T_APPEARED, 1, 0, 0)                                                                                      \
    X(GOLEAK_T_CREATED, 1, 0, 0)                                                                                       \
    X(GOLEAK_T_ENDED, -1, 0, 1)                                                                                        \
    X(GOLEAK_T_ENDED_BLOCKED, -1, -1, 2)                                                                               \
    X(GOLEAK_T_SYSTEM_ENDED, -1, 0, 0)                                                                                 \
    X(GOLEAK_T_SYSTEM_ENDED_BLOCKED, -1, -1, 0)                                                                        \
    X(GOLEAK_T_BLOCKED, 0, 1, 0)                                                                                       \
    X(GOLEAK_T_UNBLOCKED, 0, -1, 1)                                                                                    \
    X(GOLEAK_T_REBLOCKED, 0, 0, 1)                                                                                     \
    X(GOLEAK_T_SYSTEM_UNBLOCKED, 0, -1, 0)                                                                             \
    X(GOLEAK_T_SYSTEM_REBLOCKED, 0, 0, 0)                                                                              \
    X(GOLEAK_T_WAS_THERE, 0, 0, 0)                                                                                     \
    X(GOLEAK_T_WAS_BLOCKED, 0, 0, 0)

#define STEP(kind, live, blocked, changes) [kind] = { { live, blocked }, changes },

static const struct step {
    int8_t gauges[GOLEAK_GAUGES];
    uint8_t changes;
} steps[GOLEAK_T_COUNTED] = { EACH_KIND(STEP) };

static void go_on(struct goleak_ledger *ledger, unsigned changes)
{
    uint64_t width = ledger->width, part = part_now(ledger);
    ledger->changes += changes;
    while (ledger->changes >= ledger->width * GOLEAK_LEDGER_PARTS)
        ledger->width *= 2;
    ledger->mark += part != part_now(ledger) || width != ledger->width;
}

/* ---- those that were counted wrongly ---- */

static enum goleak_transition_kind begun_as(const struct goleak_transition *t)
{
    return t->was_there ? GOLEAK_T_WAS_THERE : t->preexisting ? GOLEAK_T_APPEARED : GOLEAK_T_CREATED;
}

static enum goleak_transition_kind waits_as(const struct goleak_transition *t)
{
    return t->was_blocked ? GOLEAK_T_WAS_BLOCKED : GOLEAK_T_BLOCKED;
}

/* Serials, because several may begin at one moment. */
static void take_out_level(struct goleak_gauge *gauge, uint64_t serial, struct goleak_account_past *past)
{
    uint64_t level = gauge->peak + 1;
    while (level > gauge->known && gauge->reached[PLACE(level - 1)].serial >= serial)
        level--;
    if (level > gauge->peak) /* the peak was before it */
        return;
    for (; level < gauge->peak; level++)
        gauge->reached[PLACE(level)] = gauge->reached[PLACE(level + 1)];
    gauge->peak--;
    /* It was there when the sites were counted. */
    if (past->at_peak[GOLEAK_GAUGE_LIVE] > 0)
        past->at_peak[GOLEAK_GAUGE_LIVE]--;
}

static void retract(struct goleak_ledger *ledger, const struct goleak_transition *t)
{
    struct goleak_account *account = touch(ledger, t->site);
    account->counts[begun_as(t)]--;
    account->counts[waits_as(t)] -= t->blocked;
    ledger->gauges[GOLEAK_GAUGE_BLOCKED].now -= t->blocked && !t->was_blocked;
    if (t->was_there)
        return;
    ledger->gauges[GOLEAK_GAUGE_LIVE].now--;
    take_out_level(&ledger->gauges[GOLEAK_GAUGE_LIVE], t->serial, &ledger->pasts[t->site]);
}

static void move_one(struct goleak_account_past *from, struct goleak_account_past *to, enum goleak_gauge_kind kind)
{
    if (from->at_peak[kind] <= 0)
        return;
    from->at_peak[kind]--;
    to->at_peak[kind]++;
}

/* One that was counted at site 0 belongs to another. */
static void move(struct goleak_ledger *ledger, const struct goleak_transition *t)
{
    struct goleak_account *from = touch(ledger, 0), *to = touch(ledger, t->site);
    from->counts[begun_as(t)]--;
    to->counts[begun_as(t)]++;
    from->counts[waits_as(t)] -= t->blocked;
    to->counts[waits_as(t)] += t->blocked;
    if (!t->was_there)
        move_one(&ledger->pasts[0], &ledger->pasts[t->site], GOLEAK_GAUGE_LIVE);
    if (t->blocked && !t->was_blocked)
        move_one(&ledger->pasts[0], &ledger->pasts[t->site], GOLEAK_GAUGE_BLOCKED);
}

/* ---- a batch ---- */

/* How far the marks are: three numbers in one word, and above each a bit that is set when
 * it falls below zero, which is looked for after each transition. More than a batch can
 * need is not asked for, so none grows into another. */
enum { FIELD = 16, MOST = 0x7000 };
#define AT(field, number) ((uint64_t)(number) << FIELD * (field))
#define SIGN 0x8000u
#define BELOW_ZERO (AT(0, SIGN) | AT(1, SIGN) | AT(2, SIGN) | AT(3, SIGN))
#define COST(kind, live, blocked, changes) [kind] = AT(0, live) + AT(1, blocked) + AT(2, changes),
#define STOP AT(3, SIGN)

_Static_assert(MOST + 2 * GOLEAK_TRANSITIONS < SIGN && MOST > 2 * GOLEAK_TRANSITIONS, "a batch fits into a field");
_Static_assert((int)GOLEAK_GAUGE_LIVE == 0 && (int)GOLEAK_GAUGE_BLOCKED == 1, "gauges are the first two fields");

static const uint64_t costs[GOLEAK_T_KINDS] = {
    EACH_KIND(COST)
    [GOLEAK_T_MOVED] = STOP,
    [GOLEAK_T_RETRACTED] = STOP,
};

static uint64_t at_most(uint64_t number)
{
    return number < MOST ? number : MOST;
}

static uint64_t find_room(const struct goleak_ledger *ledger)
{
    uint64_t room = AT(2, at_most(ledger->width - 1 - (ledger->changes & (ledger->width - 1))));
    for (int kind = 0; kind < GOLEAK_GAUGES; kind++)
        room += AT(kind, at_most(ledger->gauges[kind].peak - ledger->gauges[kind].now));
    return room;
}

static uint64_t spent(uint64_t room, uint64_t left, int field)
{
    return (room >> FIELD * field & 0xffff) - (left >> FIELD * field & 0xffff);
}

static void spend(struct goleak_ledger *ledger, uint64_t room, uint64_t left)
{
    for (int kind = 0; kind < GOLEAK_GAUGES; kind++)
        ledger->gauges[kind].now += spent(room, left, kind);
    ledger->changes += spent(room, left, 2);
}

static void new_peak(struct goleak_gauge *gauge, const struct goleak_transition *t)
{
    gauge->now++;
    gauge->peak++;
    gauge->reached[PLACE(gauge->peak)] = (struct goleak_gauge_level){ t->moment, t->serial };
    if (gauge->peak - gauge->known >= GOLEAK_LEDGER_LEVELS)
        gauge->known = gauge->peak - GOLEAK_LEDGER_LEVELS + 1;
}

/* Moves the gauges, up to the first that ends a part or takes something back; returns it.
 * Of peaks the last one alone is a mark: who made it. */
static const struct goleak_transition *scan(struct goleak_ledger *ledger, const struct goleak_transition *t,
                                            const struct goleak_transition *end,
                                            const struct goleak_transition *peaks[GOLEAK_GAUGES])
{
    const uint64_t room = find_room(ledger);
    uint64_t left = room;
    peaks[GOLEAK_GAUGE_LIVE] = peaks[GOLEAK_GAUGE_BLOCKED] = NULL;
    for (; t < end; t++) {
        uint64_t after = left - costs[t->kind];
        if (UNLIKELY((after & BELOW_ZERO) != 0)) {
            for (int kind = 0; kind < GOLEAK_GAUGES; kind++)
                if (after & AT(kind, SIGN)) {
                    after += AT(kind, 1);
                    new_peak(&ledger->gauges[kind], t);
                    peaks[kind] = t;
                }
            if (after & BELOW_ZERO)
                break;
        }
        left = after;
    }
    spend(ledger, room, left);
    return t;
}

/* Between two marks. */
static void count(struct goleak_ledger *ledger, const struct goleak_transition *t, const struct goleak_transition *end)
{
    struct goleak_account *accounts = ledger->accounts;
    const uint64_t mark = ledger->mark;
    for (; t < end; t++) {
        struct goleak_account *account = &accounts[t->site];
        if (UNLIKELY(account->mark != mark))
            settle(ledger, t->site);
        account->counts[t->kind]++;
    }
}

/* As far as no mark comes, in one go. */
static const struct goleak_transition *count_far(struct goleak_ledger *ledger, const struct goleak_transition *t,
                                                 const struct goleak_transition *end)
{
    struct goleak_account *accounts = ledger->accounts;
    const uint64_t room = find_room(ledger), mark = ledger->mark;
    uint64_t left = room;
    for (; t < end; t++) {
        struct goleak_account *account = &accounts[t->site];
        uint64_t after = left - costs[t->kind];
        if (UNLIKELY((after & BELOW_ZERO) != 0))
            break;
        if (UNLIKELY(account->mark != mark))
            settle(ledger, t->site);
        account->counts[t->kind]++;
        left = after;
    }
    spend(ledger, room, left);
    return t;
}

/* One where scan() has stopped. */
static void take_one(struct goleak_ledger *ledger, const struct goleak_transition *t)
{
    if (t->kind == GOLEAK_T_RETRACTED) {
        retract(ledger, t);
    } else if (t->kind == GOLEAK_T_MOVED) {
        move(ledger, t);
    } else {
        const struct step *step = &steps[t->kind];
        go_on(ledger, step->changes);
        for (int kind = 0; kind < GOLEAK_GAUGES; kind++)
            ledger->gauges[kind].now += (uint64_t)(int64_t)step->gauges[kind];
        count(ledger, t, t + 1);
    }
}

enum goleak_status goleak_ledger_take(struct goleak_ledger *ledger, const struct goleak_transitions *batch)
{
    const struct goleak_transition *t = batch->all, *end = t + batch->count, *peaks[GOLEAK_GAUGES];
    if (batch->site_count > ledger->count && !make_room(ledger, batch->site_count))
        return goleak_alloc_failure(ledger->alloc);
    if (ledger->first == GOLEAK_NO_MOMENT && t < end)
        ledger->first = batch->beginning != GOLEAK_NO_MOMENT ? batch->beginning : t->moment;
    t = count_far(ledger, t, end);
    while (t < end) {
        const struct goleak_transition *stop = scan(ledger, t, end, peaks);
        int first = peaks[1] != NULL && (peaks[0] == NULL || peaks[1] < peaks[0]);
        for (int i = 0; i < GOLEAK_GAUGES; i++) {
            int kind = first ^ i;
            if (peaks[kind] == NULL)
                continue;
            count(ledger, t, peaks[kind] + 1);
            t = peaks[kind] + 1;
            ledger->gauges[kind].mark = ++ledger->mark;
        }
        count(ledger, t, stop);
        t = stop;
        if (t < end)
            take_one(ledger, t++);
    }
    return GOLEAK_OK;
}

/* ---- what they say ---- */

uint64_t goleak_ledger_told(const struct goleak_ledger *ledger, uint32_t site, enum goleak_transition_kind kind)
{
    return site < ledger->count ? ledger->accounts[site].counts[kind] : 0;
}

uint64_t goleak_ledger_all(const struct goleak_ledger *ledger, enum goleak_transition_kind kind)
{
    uint64_t sum = 0;
    for (size_t site = 0; site < ledger->count; site++)
        sum += ledger->accounts[site].counts[kind];
    return sum;
}

uint64_t goleak_ledger_older(const struct goleak_ledger *ledger, uint32_t site)
{
    return goleak_ledger_told(ledger, site, GOLEAK_T_APPEARED) + goleak_ledger_told(ledger, site, GOLEAK_T_WAS_THERE);
}

uint64_t goleak_ledger_ended(const struct goleak_ledger *ledger, uint32_t site)
{
    return site < ledger->count ? ended(&ledger->accounts[site]) : 0;
}

uint64_t goleak_ledger_all_ended(const struct goleak_ledger *ledger)
{
    uint64_t sum = 0;
    for (size_t site = 0; site < ledger->count; site++)
        sum += ended(&ledger->accounts[site]);
    return sum;
}

uint64_t goleak_ledger_now(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind)
{
    return ledger->gauges[kind].now + goleak_ledger_all(ledger, there_as(kind));
}

uint64_t goleak_ledger_peak(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind)
{
    return ledger->gauges[kind].peak + goleak_ledger_all(ledger, there_as(kind));
}

int64_t goleak_ledger_peak_moment(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind)
{
    const struct goleak_gauge *gauge = &ledger->gauges[kind];
    if (gauge->peak == 0) /* there were never more than at the beginning */
        return goleak_ledger_peak(ledger, kind) != 0 ? ledger->first : GOLEAK_NO_MOMENT;
    return gauge->peak >= gauge->known ? gauge->reached[PLACE(gauge->peak)].moment : GOLEAK_NO_MOMENT;
}

uint64_t goleak_ledger_at_peak(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind, uint32_t site)
{
    if (site >= ledger->count)
        return 0;
    const struct goleak_account *account = &ledger->accounts[site];
    int64_t own = account->mark < ledger->gauges[kind].mark ? now(account, kind) : ledger->pasts[site].at_peak[kind];
    own += (int64_t)account->counts[there_as(kind)];
    return own > 0 ? (uint64_t)own : 0;
}

size_t goleak_ledger_top(const struct goleak_ledger *ledger, enum goleak_gauge_kind kind, uint32_t *sites,
                         size_t room)
{
    size_t count = 0;
    for (uint32_t site = 0; site < ledger->count; site++) {
        uint64_t own = goleak_ledger_at_peak(ledger, kind, site);
        if (own == 0)
            continue;
        size_t to = count;
        while (to > 0 && goleak_ledger_at_peak(ledger, kind, sites[to - 1]) < own)
            to--;
        if (to >= room)
            continue;
        size_t moved = count < room ? count - to : room - 1 - to;
        memmove(sites + to + 1, sites + to, moved * sizeof *sites);
        sites[to] = site;
        count += count < room;
    }
    return count;
}

size_t goleak_ledger_series(const struct goleak_ledger *ledger, uint32_t site, int64_t series[GOLEAK_LEDGER_PARTS])
{
    if (site >= ledger->count)
        return 0;
    struct goleak_account_past past = ledger->pasts[site];
    size_t parts = part_now(ledger) + 1;
    catch_up(&past, ledger->width, parts, now(&ledger->accounts[site], GOLEAK_GAUGE_LIVE));
    for (size_t i = 0; i < GOLEAK_LEDGER_PARTS; i++)
        series[i] = past.parts[i] + (int64_t)ledger->accounts[site].counts[GOLEAK_T_WAS_THERE];
    return parts;
}
