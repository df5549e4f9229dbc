/*
 * ladder - the one table of rules, and the one place where they are weighed.
 *
 *      asked in this order, the first that applies decides alone:
 *        alive-only    the script cannot tell blocked from running           suspect
 *        main          the main goroutine: its end is the program's end      waiting
 *        system        the runtime's own                                     waiting
 *        panic-wait    parks because the process is panicking                waiting
 *        forever       nil channel, select{}: nothing can wake it            certain / likely
 *        lock-cycle    a deadlock, where every call of a lock was recorded   certain
 *        too-young     waits for less than --min-age                         waiting
 *        coroutine     created and never ended                               likely / suspect
 *          … and a Go trace shows that it is in use                          waiting
 *        blocked       the article's rule, where nothing more is told        likely
 *        waits         on time, network, or the runtime                      waiting
 *        unseen        awake when nobody recorded, and not seen since        unknown
 *        runs          runnable, running, in a system call                   running
 *
 *      all the others are of those who are blocked; each speaks for a leak or against it:
 *
 *        its lock's holder has ended, is stuck, or does not unlock it        likely
 *        reads a connection, whose answer is read                            waiting
 *        its waker has turned to those who took its place                    likely
 *        nothing against                                                     likely
 *        woken again and again by one that may do so again                   waiting
 *          … but others like it are, and it is not any more                  suspect
 *            … and its site rises, or it was taken off a list                likely
 *          … or its site has 30 and more, none ended, and rises              suspect
 *        kept since its place has started all that it has (startup)          suspect
 *        an idle connection of 30 and more, none of which ended; they rise   suspect
 *        anything else against                                               waiting
 *          … but its site rises, most of its kind are never woken, and
 *            nobody who acts is beside it or its child                       likely
 *        older than the recording, and nothing of the above                  unknown
 *          … a sender, or one at a lock, or others leak in its place         suspect
 *        and what was lost may explain it, it began with a cut, or it may
 *          have ended while nobody recorded                                  one lower
 */
#include "verdict/rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct goleak_limits goleak_limits_default = GOLEAK_LIMITS_DEFAULT;

/* What a recording must tell for a rule to be weighed at all. */
enum need {
    NEEDS_NOTHING,
    NEEDS_WAKEUPS,
    NEEDS_WAKERS,
    NEEDS_OBJECTS,
    NEEDS_TIMERS,
    NEEDS_STACKS,
    NEEDS_SITE,
    NEEDS_LOCKS
};

/* What a rule is to the others. */
enum part {
    DECIDES,
    FOR,
    SERVED,  /* against a leak: somebody may wake it as before, and the others need not be asked */
    AGAINST, /* one is enough */
    YOUNG,   /* … and it may not even have waited for long */
    TELLS,   /* … is a sentence alone */
    LOWERS
};

static const struct rule {
    const char *id;
    enum part part;
    enum need need;
    goleak_rule *applies;
} rules[] = {
    { "alive-only", DECIDES, NEEDS_NOTHING, goleak_rule_alive_only },
    { "main", DECIDES, NEEDS_NOTHING, goleak_rule_main },
    { "system", DECIDES, NEEDS_NOTHING, goleak_rule_system },
    { "panic-wait", DECIDES, NEEDS_NOTHING, goleak_rule_panic },
    { "forever", DECIDES, NEEDS_NOTHING, goleak_rule_forever },
    { "lock-cycle", DECIDES, NEEDS_LOCKS, goleak_rule_lock_cycle },
    { "too-young", DECIDES, NEEDS_NOTHING, goleak_rule_young },
    { "coroutine", DECIDES, NEEDS_NOTHING, goleak_rule_coroutine },
    { "blocked", DECIDES, NEEDS_NOTHING, goleak_rule_article },
    { "waits", DECIDES, NEEDS_NOTHING, goleak_rule_waits },
    { "unseen", DECIDES, NEEDS_NOTHING, goleak_rule_unseen },
    { "runs", DECIDES, NEEDS_NOTHING, goleak_rule_runs },

    { "lock-kept", FOR, NEEDS_LOCKS, goleak_rule_lock_kept },
    { "waker-gone", FOR, NEEDS_WAKERS, goleak_rule_waker_gone },
    { "never-woken", FOR, NEEDS_WAKEUPS, goleak_rule_never_woken },
    { "sender", FOR, NEEDS_WAKEUPS, goleak_rule_sender },
    { "unread", FOR, NEEDS_STACKS, goleak_rule_unread },
    { "left-out", FOR, NEEDS_WAKEUPS, goleak_rule_left_out },
    { "orphan", FOR, NEEDS_SITE, goleak_rule_orphan },
    { "rises", FOR, NEEDS_SITE, goleak_rule_rises },
    { "never-ends", FOR, NEEDS_SITE, goleak_rule_never_ends },
    { "beyond", FOR, NEEDS_WAKEUPS, goleak_rule_beyond },
    { "shape", FOR, NEEDS_NOTHING, goleak_rule_shape },
    { "spawner-gone", FOR, NEEDS_NOTHING, goleak_rule_spawner_gone },
    { "alike", FOR, NEEDS_NOTHING, goleak_rule_alike },
    { "nobody", FOR, NEEDS_WAKERS, goleak_rule_nobody },

    { "holder", AGAINST, NEEDS_LOCKS, goleak_rule_holder },
    { "serves", SERVED, NEEDS_WAKEUPS, goleak_rule_serves },
    { "timed", SERVED, NEEDS_TIMERS, goleak_rule_timed },
    { "timer", SERVED, NEEDS_WAKERS, goleak_rule_timer },
    { "shared", AGAINST, NEEDS_OBJECTS, goleak_rule_shared },
    { "pool", AGAINST, NEEDS_WAKEUPS, goleak_rule_pool },
    { "beside", AGAINST, NEEDS_SITE, goleak_rule_beside },
    { "child", AGAINST, NEEDS_NOTHING, goleak_rule_child },
    { "passed", AGAINST, NEEDS_STACKS, goleak_rule_passed },
    { "inside", AGAINST, NEEDS_STACKS, goleak_rule_inside },
    { "reader", AGAINST, NEEDS_STACKS, goleak_rule_reader },
    { "taker", AGAINST, NEEDS_OBJECTS, goleak_rule_taker },
    { "scope", AGAINST, NEEDS_SITE, goleak_rule_scope },
    { "tied", AGAINST, NEEDS_SITE, goleak_rule_tied },
    { "startup", TELLS, NEEDS_SITE, goleak_rule_startup },
    { "queue", AGAINST, NEEDS_WAKEUPS, goleak_rule_queue },
    { "usual", YOUNG, NEEDS_STACKS, goleak_rule_usual },
    { "own", YOUNG, NEEDS_WAKEUPS, goleak_rule_own },
    { "early", YOUNG, NEEDS_WAKEUPS, goleak_rule_early },
    { "idler", AGAINST, NEEDS_STACKS, goleak_rule_idler },
    { "older", TELLS, NEEDS_NOTHING, goleak_rule_older },

    { "brief", LOWERS, NEEDS_NOTHING, goleak_rule_brief },
    { "gap", LOWERS, NEEDS_NOTHING, goleak_rule_gap },
    { "loss", LOWERS, NEEDS_NOTHING, goleak_rule_loss },
};
#define RULES (sizeof rules / sizeof *rules)

static enum goleak_weight weight_of(const struct rule *rule)
{
    return rule->part == DECIDES  ? GOLEAK_DECIDES
           : rule->part == FOR    ? GOLEAK_FOR
           : rule->part == LOWERS ? GOLEAK_LOWERS
                                  : GOLEAK_AGAINST;
}

/* ---- sentences ---- */

void goleak_write_saying(struct goleak_saying *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out->evidence.text, sizeof out->evidence.text, format, args);
    va_end(args);
}

static void add_value(struct goleak_evidence *evidence, const char *name, int64_t number, const char *text)
{
    if (evidence->value_count < GOLEAK_EVIDENCE_VALUES)
        evidence->values[evidence->value_count++] = (struct goleak_value){ name, number, text };
}

void goleak_say_number(struct goleak_saying *out, const char *name, int64_t number)
{
    add_value(&out->evidence, name, number, NULL);
}

void goleak_say_goid(struct goleak_saying *out, const char *name, uint64_t goid)
{
    if (goid != 0)
        goleak_say_number(out, name, (int64_t)goid);
}

void goleak_say_text(struct goleak_saying *out, const char *name, const char *text)
{
    if (text != NULL)
        add_value(&out->evidence, name, 0, text);
}

struct goleak_span goleak_span_of(const struct goleak_verdict_input *input, int64_t moments)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {
        { 3600000000000, "h" }, { 60000000000, "min" }, { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" }
    };
    struct goleak_span span;
    if (!input->has_time) {
        snprintf(span.text, sizeof span.text, "%" PRId64 " event%s", moments, moments == 1 ? "" : "s");
        return span;
    }
    snprintf(span.text, sizeof span.text, "%" PRId64 " ns", moments);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double value = (double)moments / (double)units[i].ns;
        if (value < 0.9995 || (units[i].ns >= 60000000000 && value < 2)) /* 999.5 of the next one round up to 1 */
            continue;
        /* As fine as the report's own durations of two digits: else 13.5 s there would be 14 s here. */
        int size = snprintf(span.text, sizeof span.text, value < 99.95 ? "%.1f" : "%.0f", value);
        if (size == 4 && span.text[2] == '.' && span.text[3] == '0')
            size = 2;
        snprintf(span.text + size, sizeof span.text - (size_t)size, " %s", units[i].name);
        break;
    }
    return span;
}

struct goleak_span goleak_waited_for(const struct goleak_case *c)
{
    struct goleak_span span = goleak_span_of(c->input, c->waited), over;
    if (!goleak_waits_longer(c->record))
        return span;
    snprintf(over.text, sizeof over.text, "over %.26s", span.text);
    return over;
}

struct goleak_span goleak_who(const struct goleak_verdict_input *input, uint32_t index)
{
    struct goleak_span who;
    const struct goleak_record *record = index != 0 ? goleak_store_at(input->store, index) : NULL;
    if (record != NULL && record->goid != 0)
        snprintf(who.text, sizeof who.text, "goroutine %" PRIu64, record->goid);
    else if (record != NULL && goleak_g_told(record->g) != 0)
        snprintf(who.text, sizeof who.text, "the one at %" PRIx64, record->g);
    else
        snprintf(who.text, sizeof who.text, "another goroutine");
    return who;
}

/* ---- a case ---- */

/* It tells no more than the article's script does. */
static bool is_bare(const struct goleak_verdict_input *input)
{
    return !input->wakeups_told && !input->objects_told && !input->timers_told && !input->stacks_told;
}

/* The numbers of a place are sums. Over processes: what rises may be the number of these, of which none has more than a
 * few there. Over callers: a place that starts what it is given rises by what one of them gives it, which is those who
 * have the same caller, or wait alike. */
static bool is_own_rise(const struct goleak_case *c)
{
    const struct goleak_limits *limits = c->input->limits;
    const uint32_t *alive = c->input->alive;
    if (alive == NULL)
        return true;
    uint64_t all = alive[goleak_sites_at(c->input->sites, c->record->site)->whole], own = alive[c->record->site];
    if (c->input->processes > 1 && all < limits->rise_created)
        return false;
    if (c->cohort != NULL && c->cohort->alike > own)
        own = c->cohort->alike;
    return own == all || (own > 1 && own >= all / limits->rise_part);
}

static const struct goleak_rise *rise_of(const struct goleak_case *c)
{
    uint32_t place = goleak_sites_at(c->input->sites, c->record->site)->place;
    bool is_told = place < c->input->ledger->count && is_own_rise(c);
    return &c->input->rises[is_told ? place : c->input->ledger->count];
}

/* What one waits for, where, and as what it was started, in which process. */
struct place {
    uint32_t reason, blocked_at, start, process;
};

static struct place place_of(const struct goleak_verdict_input *input, const struct goleak_record *record)
{
    const uint32_t stack = goleak_waiting_stack(record);
    return (struct place) { record->reason, goleak_symbols_blocked_at(input->symbols, stack),
                            goleak_symbols_started_by(input->symbols, stack), record->process };
}

/* So many that are not older than the recording leak in its place. */
static uint64_t leaks_at(const struct goleak_verdict_input *input, const struct goleak_record *record)
{
    const struct place place = place_of(input, record);
    const uint32_t id = place.blocked_at != 0 ? goleak_intern_find(&input->leaky, &place, sizeof place) : 0;
    return id != 0 ? input->leaks[id - 1] : 0;
}

static struct goleak_case open_case(const struct goleak_verdict_input *input, uint32_t index)
{
    const struct goleak_record *record = goleak_store_at(input->store, index);
    struct goleak_case c = {
        .input = input,
        .record = record,
        .index = index,
        .blocked = record->state == GOLEAK_STATE_WAITING && (record->flags & GOLEAK_REC_BLOCKED) != 0,
        .older = (record->flags & GOLEAK_REC_PREEXISTING) != 0,
        .bare = is_bare(input),
        .waited = goleak_waited(record, input->last),
    };
    if (!c.blocked) {
        c.rise = rise_of(&c);
        return c;
    }
    c.habit = goleak_waits_here(input->waits, record);
    c.site = goleak_waits_site(input->waits, record);
    c.cohort = goleak_cohorts_of(&input->cohorts, record);
    c.hope = goleak_hope_of(&input->hope, c.index);
    c.whom = c.index < input->hope.count ? input->hope.whom[c.index] : 0;
    c.lock = goleak_holders_lock(&input->holders, index);
    if (c.lock != NULL)
        c.root = goleak_lock_root(input, index);
    if (c.root.end == GOLEAK_WAY_STUCK) {
        const enum goleak_verdict root = goleak_verdict_of(input, c.root.holder->record);
        c.root_leaks = root <= GOLEAK_VERDICT_SUSPECT;
        c.root_suspect = root == GOLEAK_VERDICT_SUSPECT;
    }
    c.leak_alike = c.older && input->leaks_known ? leaks_at(input, record) : 0;
    c.rise = rise_of(&c);
    c.tie = goleak_tie_of(&input->ties, record);
    c.unread = goleak_is_unread(&input->ties, record);
    return c;
}

static bool ask(const struct rule *rule, const struct goleak_case *c, struct goleak_saying *out)
{
    out->evidence.rule = rule->id;
    out->evidence.against = weight_of(rule) == GOLEAK_AGAINST || weight_of(rule) == GOLEAK_LOWERS;
    out->evidence.text[0] = '\0';
    out->evidence.value_count = 0;
    out->mute = false;
    return rule->applies(c, out);
}

/* For the answer alone. */
static bool holds(const struct rule *rule, const struct goleak_case *c, enum goleak_verdict *verdict)
{
    struct goleak_saying saying;
    saying.mute = true;
    saying.evidence.value_count = 0;
    bool holds = rule->applies(c, &saying);
    if (holds && rule->part == DECIDES)
        *verdict = saying.verdict;
    return holds;
}

static void add_evidence(struct goleak_judgement *judgement, const struct goleak_saying *saying)
{
    if (saying->evidence.text[0] != '\0' && judgement->evidence_count < GOLEAK_EVIDENCE_MAX)
        judgement->evidence[judgement->evidence_count++] = saying->evidence;
}

/* ---- weighing ---- */

/* Senders and those at a lock do not idle; who waits in a WaitGroup may lead for as long as
 * the program runs. */
static bool is_at_work(const struct goleak_case *c)
{
    return c->record->reason == GOLEAK_REASON_CHAN_SEND ||
           (c->record->reason == GOLEAK_REASON_SYNC &&
            !goleak_is_in_wait_group(c->input->symbols, c->input->reasons, c->record));
}

/* Any of this part. */
static bool speaks(const struct goleak_case *c, enum part part)
{
    enum goleak_verdict none;
    for (size_t i = 0; i < RULES; i++)
        if (rules[i].part == part && holds(&rules[i], c, &none))
            return true;
    return false;
}

/* Its spawner is not stuck, and still where it started it. Where most who wait like it have such spawners, and others
 * have ended, their number is that of their spawners; where few have, it is the others that make it rise: sessions
 * that are open among those that were left behind. */
static bool is_rise_of_spawners(const struct goleak_case *c)
{
    if (c->hope != GOLEAK_HOPE_SCOPE || c->cohort == NULL)
        return false;
    return c->rise->ended != 0 || c->cohort->scoped * 2 <= c->cohort->count;
}

/* Of its place those who wait like it, and those who have ended; where others call for some there, too, of its
 * caller's. Who waits elsewhere was started for something else. */
static uint64_t births_alike(const struct goleak_case *c)
{
    const struct goleak_site *site = goleak_sites_at(c->input->sites, c->record->site);
    const uint64_t alike = c->cohort != NULL ? c->cohort->count : c->rise->alive;
    const uint64_t ended = c->input->alive != NULL ? (uint64_t)site->tied + site->untied : c->rise->ended;
    return alike + (ended < c->rise->ended ? ended : c->rise->ended);
}

/* Of those who wait like it one in so many is woken again and again. */
#define SERVED_ONE_IN 10

static bool are_some_served(const struct goleak_case *c)
{
    return c->cohort != NULL && c->cohort->served * SERVED_ONE_IN >= c->cohort->count;
}

static bool is_ended_outside(const struct goleak_case *c)
{
    return c->cohort != NULL && goleak_is_idler(c) && goleak_idlers[c->cohort->idler].outside;
}

/* What another program ends, with the one beside it that hears of that. */
static bool is_connection(const struct goleak_case *c)
{
    return c->hope == GOLEAK_HOPE_BESIDE && goleak_is_idler(c);
}

/* Only what matters is asked: this is what verdicts cost where very many wait. */
static enum goleak_verdict weigh(const struct goleak_case *c)
{
    bool startup = c->hope == GOLEAK_HOPE_STARTUP;
    bool rising = goleak_is_rising(c) && c->hope != GOLEAK_HOPE_HOLDER && c->hope != GOLEAK_HOPE_INSIDE &&
                  c->hope != GOLEAK_HOPE_CHILD && c->hope != GOLEAK_HOPE_FELLOW && c->hope != GOLEAK_HOPE_BESIDE &&
                  !startup && !is_rise_of_spawners(c) && !goleak_is_queued(c) && c->tie.whom == 0;
    bool endless = c->rise->ended == 0 && c->rise->created >= c->input->limits->endless_created;
    bool most_never = c->cohort == NULL || c->cohort->served * 2 <= c->cohort->count;
    if (c->hope == GOLEAK_HOPE_READER)
        return GOLEAK_VERDICT_WAITING;
    if (goleak_hope_is_replaced(&c->input->hope, c->index))
        return GOLEAK_VERDICT_LIKELY;
    if (goleak_is_orphan(c)) /* who is served may have been handed over, or be kept for others */
        return rising || !speaks(c, SERVED) ? GOLEAK_VERDICT_LIKELY : GOLEAK_VERDICT_SUSPECT;
    if (c->hope == GOLEAK_HOPE_INSIDE && goleak_is_patience_gone(c))
        return GOLEAK_VERDICT_SUSPECT;
    if (speaks(c, SERVED)) {
        bool idles = goleak_is_idler(c) && !goleak_has_blocked_mate(&c->input->ties, c->record);
        bool left_out = !idles && goleak_is_left_out(c), dropped = !idles && goleak_is_dropped(c);
        bool timed = goleak_hope_is_timed(c->input->store, c->input->limits, c->record, c->input->last);
        return ((left_out && rising) || dropped) && !timed                ? GOLEAK_VERDICT_LIKELY
               : ((left_out || dropped) && !timed) || (rising && endless) ? GOLEAK_VERDICT_SUSPECT
                                                                          : GOLEAK_VERDICT_WAITING;
    }
    if (is_ended_outside(c))
        return rising && (endless || goleak_is_left(c)) ? GOLEAK_VERDICT_SUSPECT : GOLEAK_VERDICT_WAITING;
    if (is_connection(c) && endless && goleak_is_rising(c) && !speaks(c, YOUNG)) /* nobody closes, or uses again, any */
        return GOLEAK_VERDICT_SUSPECT;
    if (rising && most_never && !speaks(c, YOUNG))
        return GOLEAK_VERDICT_LIKELY;
    if ((c->older && c->habit != NULL && !goleak_is_deserted(c)) || speaks(c, AGAINST) || speaks(c, YOUNG))
        return GOLEAK_VERDICT_WAITING;
    if (c->older && c->habit != NULL) /* others may have woken it before, who come again */
        return (!startup && goleak_hope_had_its_own(&c->input->hope, c->input->limits, c->record, c->habit)) ||
                       c->leak_alike != 0
                   ? GOLEAK_VERDICT_LIKELY
                   : GOLEAK_VERDICT_SUSPECT;
    if (c->older)
        return is_at_work(c) || c->leak_alike != 0 ? GOLEAK_VERDICT_SUSPECT : GOLEAK_VERDICT_UNKNOWN;
    return startup && (births_alike(c) < c->input->limits->endless_created || are_some_served(c))
               ? GOLEAK_VERDICT_SUSPECT
               : GOLEAK_VERDICT_LIKELY;
}

/* The sentences of one weight, in the order of the table. */
static void add_all(const struct goleak_case *c, enum goleak_weight weight, size_t most, struct goleak_judgement *out)
{
    struct goleak_saying saying;
    for (size_t i = 0; i < RULES && out->evidence_count < most; i++)
        if (weight_of(&rules[i]) == weight && ask(&rules[i], c, &saying))
            add_evidence(out, &saying);
}

struct outcome {
    enum goleak_verdict verdict;
    const struct rule *decided; /* by one rule; NULL: it was weighed, or nothing is told */
    bool lowered;               /* for what was lost */
};

/* Which rules may lower it: of what one rule has decided, not that its wait is brief. Nor has what nothing can wake been
 * woken by what was lost. */
static bool may_lower(const struct rule *rule, const struct rule *decided)
{
    return rule->part == LOWERS &&
           (decided == NULL || (decided->applies != goleak_rule_forever && rule->applies != goleak_rule_brief));
}

static bool is_lowered(const struct goleak_case *c, const struct rule *decided)
{
    enum goleak_verdict none;
    for (size_t i = 0; i < RULES; i++)
        if (may_lower(&rules[i], decided) && holds(&rules[i], c, &none))
            return true;
    return false;
}

static void add_lowering(const struct goleak_case *c, const struct rule *decided, struct goleak_judgement *out)
{
    struct goleak_saying saying;
    for (size_t i = 0; i < RULES; i++)
        if (may_lower(&rules[i], decided) && ask(&rules[i], c, &saying))
            add_evidence(out, &saying);
}

static struct outcome decide(const struct goleak_case *c)
{
    struct outcome outcome = { .verdict = GOLEAK_VERDICT_UNKNOWN };
    for (size_t i = 0; i < RULES && rules[i].part == DECIDES; i++)
        if (holds(&rules[i], c, &outcome.verdict)) {
            outcome.decided = &rules[i];
            break;
        }
    if (outcome.decided == NULL && c->blocked)
        outcome.verdict = !goleak_is_locked_out(c) ? weigh(c)
                          : c->root_suspect        ? GOLEAK_VERDICT_SUSPECT
                                                   : GOLEAK_VERDICT_LIKELY;
    outcome.lowered = outcome.verdict == GOLEAK_VERDICT_LIKELY && is_lowered(c, outcome.decided);
    if (outcome.lowered)
        outcome.verdict = GOLEAK_VERDICT_SUSPECT;
    return outcome;
}

enum goleak_verdict goleak_verdict_of(const struct goleak_verdict_input *input, uint32_t index)
{
    struct goleak_case c = open_case(input, index);
    return decide(&c).verdict;
}

bool goleak_is_spared(const struct goleak_verdict_input *input, uint32_t index)
{
    if (input->min_age_ns == 0)
        return false;
    struct goleak_case c = open_case(input, index);
    const struct outcome outcome = decide(&c);
    return outcome.decided != NULL && outcome.decided->applies == goleak_rule_young;
}

static void explain_blocked(const struct goleak_case *c, const struct outcome *outcome, struct goleak_judgement *out)
{
    bool is_leak = outcome->verdict == GOLEAK_VERDICT_LIKELY || outcome->lowered;
    size_t most = GOLEAK_EVIDENCE_MAX - outcome->lowered;
    if (is_leak || outcome->verdict == GOLEAK_VERDICT_SUSPECT)
        add_all(c, GOLEAK_FOR, is_leak ? most : most - 1, out);
    if (!is_leak || out->evidence_count == 0)
        add_all(c, GOLEAK_AGAINST, most, out);
}

void goleak_judge(const struct goleak_verdict_input *input, uint32_t index, struct goleak_judgement *out)
{
    struct goleak_case c = open_case(input, index);
    struct outcome outcome = decide(&c);
    struct goleak_saying saying;
    out->verdict = outcome.verdict;
    out->reason = (enum goleak_reason)c.record->reason;
    out->evidence_count = 0;
    if (outcome.decided != NULL) {
        if (ask(outcome.decided, &c, &saying))
            add_evidence(out, &saying);
        if (outcome.decided->applies == goleak_rule_forever)
            add_all(&c, GOLEAK_FOR, GOLEAK_EVIDENCE_MAX - outcome.lowered, out);
    } else if (c.blocked) {
        explain_blocked(&c, &outcome, out);
    } else {
        saying = (struct goleak_saying){ .evidence = { .rule = "untold" } };
        goleak_say(&saying, "nothing was recorded of it that tells whether it runs or waits");
        add_evidence(out, &saying);
    }
    if (outcome.lowered)
        add_lowering(&c, outcome.decided, out);
}

/* ---- all that was weighed ---- */

static const char *missing(const struct goleak_verdict_input *input, enum need need, const struct goleak_record *record)
{
    switch (need) {
    case NEEDS_WAKEUPS:
        return input->wakeups_told ? NULL : "ready and execute events";
    case NEEDS_WAKERS:
        return input->waits->tells_wakers ? NULL : "who wakes whom (by= of ready events, or a Go trace)";
    case NEEDS_OBJECTS:
        return input->objects_told ? NULL : "what goroutines wait on (chan= and elem= of gopark events)";
    case NEEDS_TIMERS:
        return input->timers_told ||
                       (record->reason != GOLEAK_REASON_CHAN_RECV && record->reason != GOLEAK_REASON_SELECT)
                   ? NULL
                   : "the timers that goroutines wait for (until= of gopark events, which no Go trace has; of a "
                     "program whose go.mod says 1.23 or later, or that runs with GODEBUG=asynctimerchan=0)";
    case NEEDS_STACKS:
        return !input->stacks_told ? "stacks"
               : record->state == GOLEAK_STATE_WAITING && goleak_waiting_stack(record) == 0
                   ? "the stacks of gopark events"
                   : NULL;
    case NEEDS_LOCKS:
        return record->reason != GOLEAK_REASON_SYNC || input->locks->locker_count != 0 ||
                       goleak_is_in_wait_group(input->symbols, input->reasons, record)
                   ? NULL
                   : "calls of Lock and Unlock (recorder --locks)";
    case NEEDS_SITE:
        return record->site != 0 ? NULL : "where goroutines are created (a stack, gopc=, fn=)";
    default:
        return NULL;
    }
}

size_t goleak_weigh(const struct goleak_verdict_input *input, uint32_t index, struct goleak_weighed *out, size_t room)
{
    struct goleak_case c = open_case(input, index);
    const struct outcome outcome = decide(&c);
    struct goleak_saying saying;
    size_t count = 0;
    for (size_t i = 0; i < RULES && count < room; i++) {
        if (rules[i].part != DECIDES && !c.blocked)
            continue;
        struct goleak_weighed *weighed = &out[count++];
        *weighed = (struct goleak_weighed){ .rule = rules[i].id, .weight = weight_of(&rules[i]) };
        weighed->needs = missing(input, rules[i].need, c.record);
        weighed->applies = weighed->needs == NULL && ask(&rules[i], &c, &saying) &&
                           (rules[i].part != LOWERS || (outcome.lowered && may_lower(&rules[i], outcome.decided)));
        if (weighed->applies)
            memcpy(weighed->text, saying.evidence.text, sizeof weighed->text);
    }
    return count;
}

/* ---- once, at the end ---- */

/* The part of the events that is missing. */
static double part_lost(const struct goleak_verdict_input *input)
{
    static const enum goleak_health_id told[] = { GOLEAK_HEALTH_lost_events, GOLEAK_HEALTH_damaged_lines,
                                                  GOLEAK_HEALTH_implicit_ends };
    static const enum goleak_health_id untold[] = { GOLEAK_HEALTH_truncated, GOLEAK_HEALTH_damaged_frames,
                                                    GOLEAK_HEALTH_damaged_records, GOLEAK_HEALTH_broken_order };
    const struct goleak_health_entry *entries = input->health->entries;
    double lost = 0;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i] != GOLEAK_HEALTH_implicit_ends || input->health->gap_count == 0) /* else ends lie in gaps, mostly */
            lost += (double)entries[told[i]].count;
    double part = lost > 0 ? lost / (lost + (double)input->events) : 0;
    for (size_t i = 0; i < sizeof untold / sizeof *untold; i++)
        if (entries[untold[i]].count != 0 && part < input->limits->loss_untold)
            part = input->limits->loss_untold;
    return part;
}

/* When each place has started one last, whoever called it. False: memory. */
static bool find_lasts(struct goleak_verdict_input *input)
{
    size_t count = goleak_sites_count(input->sites);
    if ((input->lasts = goleak_alloc_zeroed(input->alloc, count * sizeof *input->lasts)) == NULL)
        return false;
    for (uint32_t i = 1; i < count; i++) {
        const struct goleak_site *site = goleak_sites_at(input->sites, i);
        input->lasts[site->place] = site->last > input->lasts[site->place] ? site->last : input->lasts[site->place];
    }
    return true;
}

/* Who lives, by spawn site, which is one process's and one caller's, and by those of all callers. False: memory. */
static bool count_alive(struct goleak_verdict_input *input)
{
    if (!input->sites->parted)
        return true;
    input->alive = goleak_alloc_zeroed(input->alloc, goleak_sites_count(input->sites) * sizeof *input->alive);
    for (uint32_t i = 1; i <= input->store->count && input->alive != NULL; i++) {
        const struct goleak_record *record = goleak_store_at(input->store, i);
        if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED)
            continue;
        uint32_t whole = goleak_sites_at(input->sites, record->site)->whole;
        input->alive[record->site]++;
        input->alive[whole] += whole != record->site;
    }
    return input->alive != NULL && find_lasts(input);
}

static bool is_older(const struct goleak_record *record)
{
    return goleak_is_blocked(record) && (record->flags & GOLEAK_REC_PREEXISTING) != 0 &&
           (record->flags & GOLEAK_REC_SYSTEM) == 0;
}

/* One for each bunch, and those who are alone: its record, and how many it stands for. Counted from 0. */
static uint32_t nth_one(const struct goleak_bunches *bunches, size_t n, uint64_t *count)
{
    const bool bunched = n < bunches->index.count;
    *count = bunched ? bunches->all[n + 1].sum.count : 1;
    return bunched ? goleak_bunch_one(&bunches->all[n + 1]) : bunches->alone[n - bunches->index.count];
}

static size_t count_ones(const struct goleak_bunches *bunches)
{
    return bunches->index.count + bunches->alone_count;
}

static bool is_any_older(const struct goleak_verdict_input *input)
{
    uint64_t count;
    for (size_t n = 0; n < count_ones(&input->bunches); n++) {
        const uint32_t one = nth_one(&input->bunches, n, &count);
        if (count != 0 && is_older(goleak_store_at(input->store, one)))
            return true;
    }
    return false;
}

/* False: memory. */
static bool note_leaks(struct goleak_verdict_input *input, uint32_t index, uint64_t count)
{
    const struct goleak_record *record = goleak_store_at(input->store, index);
    const struct place place = place_of(input, record);
    if (!goleak_is_blocked(record) || (record->flags & GOLEAK_REC_PREEXISTING) != 0 || place.blocked_at == 0 ||
        goleak_verdict_of(input, index) > GOLEAK_VERDICT_LIKELY)
        return true;
    const size_t before = input->leaky.count;
    const uint32_t id = goleak_intern_add(&input->leaky, &place, sizeof place);
    if (id == 0 || !goleak_grow(input->alloc, &input->leaks, &input->leak_capacity, id, sizeof *input->leaks))
        return false;
    input->leaks[id - 1] = (id > before ? 0 : input->leaks[id - 1]) + count;
    return true;
}

/* What is seen of others tells of those of which too little was seen. False: memory. */
static bool find_leaks(struct goleak_verdict_input *input)
{
    uint64_t count;
    bool good = true;
    if (!is_any_older(input))
        return true;
    for (size_t n = 0; n < count_ones(&input->bunches) && good; n++) {
        const uint32_t one = nth_one(&input->bunches, n, &count);
        good = count == 0 || note_leaks(input, one, count);
    }
    input->leaks_known = good;
    return good;
}

static bool is_any_start_told(const struct goleak_verdict_input *input)
{
    uint64_t address;
    for (uint32_t i = 1; i < goleak_sites_count(input->sites); i++) {
        uint32_t start = goleak_sites_at(input->sites, i)->start;
        if (start != 0 && !goleak_symbols_is_address(input->symbols, start, &address))
            return true;
    }
    return false;
}

/* By rules that look at one goroutine alone: all of the article's own form are. */
static bool is_decided(const struct goleak_verdict_input *input)
{
    if (input->locks->locker_count != 0)
        return false;
    return !input->blocking_told || is_bare(input);
}

enum goleak_status goleak_verdict_prepare(struct goleak_verdict_input *input)
{
    const struct goleak_holders_input locks = { input->store, input->symbols, input->reasons, input->locks,
                                                input->limits, goleak_health_complete(input->health) };
    struct goleak_hope_input known = {
        .store = input->store,
        .lineage = input->lineage,
        .sites = input->sites,
        .symbols = input->symbols,
        .reasons = input->reasons,
        .waits = input->waits,
        .ledger = input->ledger,
        .limits = input->limits,
        .has_time = input->has_time,
        .timers_told = input->timers_told,
        .first = input->first,
        .last = input->last,
        .several = input->processes > 1,
    };
    goleak_holders_init(&input->holders, input->alloc);
    goleak_hope_init(&input->hope, input->alloc);
    goleak_ties_init(&input->ties, input->alloc);
    goleak_gaps_init(&input->gaps, input->alloc);
    goleak_bunches_init(&input->bunches, input->alloc);
    goleak_intern_init(&input->leaky, input->alloc);
    goleak_cohorts_init(&input->cohorts, input->alloc);
    input->lost = part_lost(input);
    input->starts_told = is_any_start_told(input);
    input->rises = goleak_growth_find(input->ledger, input->sites, input->alloc);
    if (input->rises == NULL || !count_alive(input) ||
        !goleak_gaps_find(&input->gaps, input->health, &known, input->processes))
        return goleak_alloc_failure(input->alloc);
    bool weighed = GOLEAK_KEEPS_WAITS && (!is_decided(input) || input->explained);
    enum goleak_status status = goleak_holders_find(&input->holders, &locks);
    known.holders = input->holders.record_count != 0 ? &input->holders : NULL;
    if (status == GOLEAK_OK && weighed)
        status = goleak_hope_find(&input->hope, &known);
    if (status == GOLEAK_OK)
        goleak_locks_settle(input);
    if (status == GOLEAK_OK && weighed)
        status = goleak_ties_find(&input->ties, &known, &input->hope);
    if (status == GOLEAK_OK)
        status = goleak_bunches_find(&input->bunches, &known, &input->hope, &input->ties, &input->gaps,
                                     input->min_age_ns != 0);
    if (status == GOLEAK_OK && weighed)
        status = goleak_cohorts_find(&input->cohorts, &known, &input->hope, &input->bunches);
    if (status == GOLEAK_OK && weighed && input->stacks_told && !find_leaks(input))
        status = goleak_alloc_failure(input->alloc);
    return status;
}

void goleak_verdict_release(struct goleak_verdict_input *input)
{
    goleak_hope_release(&input->hope);
    goleak_ties_release(&input->ties);
    goleak_gaps_release(&input->gaps);
    goleak_holders_release(&input->holders);
    goleak_growth_free(input->ledger, input->rises, input->alloc);
    input->rises = NULL;
    goleak_intern_release(&input->leaky);
    if (input->leaks != NULL)
        goleak_free(input->alloc, input->leaks, input->leak_capacity * sizeof *input->leaks);
    input->leaks = NULL;
    goleak_bunches_release(&input->bunches);
    goleak_cohorts_release(&input->cohorts);
    if (input->alive != NULL)
        goleak_free(input->alloc, input->alive, goleak_sites_count(input->sites) * sizeof *input->alive);
    input->alive = NULL;
    if (input->lasts != NULL)
        goleak_free(input->alloc, input->lasts, goleak_sites_count(input->sites) * sizeof *input->lasts);
    input->lasts = NULL;
}
