/* results - what a finished trace tells, in the structs of goleak.h. */
#include "trace.h"

#include "analysis/peaks.h"
#include "analysis/spawns.h"
#include "report/report.h"

#include <string.h>

static bool is_from_exe(const struct goleak_trace *trace)
{
    return trace->reasons.from != NULL && strcmp(trace->reasons.from, GOLEAK_FROM_EXE) == 0;
}

void goleak_trace_view(const struct goleak_trace *trace, struct goleak_view *out)
{
    *out = (struct goleak_view) {
        .trace = trace,
        .model = &trace->model,
        .analyses = trace->analyses,
        .judge = &trace->judge,
        .story = &trace->replay.story,
        .exe_told_go = is_from_exe(trace),
        .finished = trace->finished,
    };
}

static const void *analysis(const struct goleak_trace *trace, const struct goleak_analysis *which)
{
    struct goleak_view view;
    goleak_trace_view(trace, &view);
    return goleak_view_analysis(&view, which);
}

/* ---- moments ---- */

static int64_t to_ns(const struct goleak_trace *trace, int64_t moment)
{
    if (moment == GOLEAK_NO_MOMENT)
        return GOLEAK_NONE;
    return trace->replay.stream.has_time ? moment : goleak_ticks_ns(&trace->replay.ticks, moment);
}

static uint64_t to_event(const struct goleak_trace *trace, int64_t moment)
{
    return moment == GOLEAK_NO_MOMENT || trace->replay.stream.has_time ? 0 : (uint64_t)moment;
}

/* A wait from `since` to the end, in ns; GOLEAK_NONE without a clock. */
static int64_t wait_ns(const struct goleak_trace *trace, int64_t since)
{
    int64_t from = to_ns(trace, since), to = to_ns(trace, trace->judge.last);
    return from == GOLEAK_NONE || to == GOLEAK_NONE ? GOLEAK_NONE : to - from;
}

static int64_t wait_events(const struct goleak_trace *trace, int64_t since)
{
    if (since == GOLEAK_NO_MOMENT || trace->replay.stream.has_time)
        return GOLEAK_NONE;
    return trace->judge.last - since;
}

/* ---- the whole ---- */

/* Calls without identity: how many began and ended, and no more. */
static bool only_counts(const struct goleak_trace *trace)
{
    const struct goleak_replay *replay = &trace->replay;
    return replay->store.count == 0 && (replay->flow_created != 0 || replay->flow_ended != 0);
}

/* Some was seen, the runtime's own too, or is counted. Who is only named as a spawner is neither. */
static bool has_goroutines(const struct goleak_trace *trace)
{
    const struct goleak_ledger *ledger = &trace->ledger;
    return only_counts(trace) || trace->replay.system_count != 0 || goleak_ledger_all(ledger, GOLEAK_T_CREATED) != 0 ||
           goleak_ledger_all(ledger, GOLEAK_T_APPEARED) != 0 || goleak_ledger_all(ledger, GOLEAK_T_WAS_THERE) != 0;
}

bool goleak_trace_is_of_go(const struct goleak_trace *trace)
{
    struct goleak_input_info input;
    for (size_t i = 0; goleak_trace_input(trace, i, &input) == GOLEAK_OK; i++) {
        const char *format = input.source_format != NULL ? input.source_format : input.format;
        if (format != NULL && strstr(format, "gotrace") != NULL)
            return true;
    }
    return false;
}

/* A recorder prints what goroutines do: who has blocked before it began does nothing. A Go trace lists all who live when
 * it begins. Main is goroutine 1, whose creation is in what began with the program. */
static bool misses_older(const struct goleak_trace *trace)
{
    const struct goleak_replay *replay = &trace->replay;
    for (size_t i = 0; i < replay->process_count; i++)
        if (replay->processes[i].has_main)
            return false;
    return (replay->stream.has_goids || goleak_ledger_all(&trace->ledger, GOLEAK_T_APPEARED) != 0) &&
           !goleak_trace_is_of_go(trace);
}

void goleak_trace_capture(const struct goleak_trace *trace, struct goleak_capture *out)
{
    const struct goleak_replay *replay = &trace->replay;
    bool ticks = goleak_ticks_tell(&replay->ticks);
    *out = (struct goleak_capture) {
        .clock = replay->stream.has_time ? trace->relative_time ? GOLEAK_CLOCK_RELATIVE : GOLEAK_CLOCK_MONOTONIC
                 : ticks                 ? GOLEAK_CLOCK_RELATIVE
                                         : GOLEAK_CLOCK_NONE,
        .first_ns = replay->stream.has_time ? replay->first_ns
                    : ticks                 ? 0
                                            : GOLEAK_NONE,
        .last_ns = to_ns(trace, trace->finished           ? trace->judge.last
                                : replay->stream.has_time ? replay->last_ns
                                                          : GOLEAK_NO_MOMENT),
        .duration_ns = GOLEAK_NONE,
        .events = replay->event_count,
        .complete = goleak_health_complete(&trace->health),
        .has_stacks = replay->stream.has_stacks,
        .has_wakeups = replay->stream.has_wakeups || goleak_trace_is_of_go(trace),
        .has_blocking = goleak_model_tells_blocking(&trace->model),
        .misses_older = misses_older(trace),
        .has_goroutines = has_goroutines(trace),
        .ticks = replay->ticks.count,
        .tick_cpus = replay->ticks.without_cpu ? 0 : replay->ticks.cpus,
        .counters_line = replay->printed.position,
        .printed_count = replay->printed.count,
        .recomputed_count = replay->printed.should_count,
        .printed_blocked_count = replay->printed.blocked,
        .recomputed_blocked_count = replay->printed.should_blocked,
    };
    if (!out->has_goroutines)
        out->recomputed_count = out->recomputed_blocked_count = GOLEAK_NONE;
    if (out->last_ns != GOLEAK_NONE)
        out->duration_ns = out->last_ns - out->first_ns;
}

void goleak_trace_summary(const struct goleak_trace *trace, struct goleak_summary *out)
{
    const struct goleak_ledger *ledger = &trace->ledger;
    const struct goleak_replay *replay = &trace->replay;
    *out = (struct goleak_summary) {
        .preexisting = goleak_ledger_all(ledger, GOLEAK_T_APPEARED) + goleak_ledger_all(ledger, GOLEAK_T_WAS_THERE),
        .created = goleak_ledger_all(ledger, GOLEAK_T_CREATED),
        .ended = goleak_ledger_all_ended(ledger),
        .live_at_end = goleak_ledger_now(ledger, GOLEAK_GAUGE_LIVE),
        .blocked_at_end = goleak_ledger_now(ledger, GOLEAK_GAUGE_BLOCKED),
        .peak_live = goleak_ledger_peak(ledger, GOLEAK_GAUGE_LIVE),
        .peak_blocked = goleak_ledger_peak(ledger, GOLEAK_GAUGE_BLOCKED),
        .peak_live_at = goleak_ledger_peak_moment(ledger, GOLEAK_GAUGE_LIVE),
        .peak_blocked_at = goleak_ledger_peak_moment(ledger, GOLEAK_GAUGE_BLOCKED),
        .too_young = trace->groups.too_young,
        .system_hidden = trace->options.include_system ? 0 : replay->system_count,
    };
    memcpy(out->verdicts, trace->groups.verdicts, sizeof out->verdicts);
    if (only_counts(trace)) {
        out->ended += replay->flow_ended;
        out->live_at_end = out->created > out->ended ? out->created - out->ended : 0;
        out->peak_live = replay->flow_peak;
        out->peak_live_at = (int64_t)replay->flow_peak_event;
        out->verdicts[GOLEAK_VERDICT_UNKNOWN] = out->live_at_end;
    }
    out->verdicts[GOLEAK_VERDICT_ENDED] = out->ended;
    out->leaks = out->verdicts[GOLEAK_VERDICT_CERTAIN] + out->verdicts[GOLEAK_VERDICT_LIKELY];
}

int64_t goleak_trace_pid(const struct goleak_trace *trace, size_t index)
{
    const struct goleak_replay *replay = &trace->replay;
    for (size_t i = 0; i < replay->process_count; i++)
        if (replay->processes[i].pid != 0 && index-- == 0)
            return replay->processes[i].pid;
    return GOLEAK_NONE;
}

enum goleak_status goleak_trace_input(const struct goleak_trace *trace, size_t index, struct goleak_input_info *out)
{
    if (index >= trace->input_count)
        return GOLEAK_END;
    const struct goleak_input *input = trace->inputs[index];
    int64_t pid = trace->replay.process_count == 1 ? (int64_t)trace->replay.processes[0].pid : 0;
    *out = (struct goleak_input_info){
        .path = input->path,
        .format = input->format != NULL ? input->format->name : NULL,
        .format_title = input->format != NULL ? input->format->title : NULL,
        .form = input->facts.form,
        .bytes = input->bytes,
        .events = input->facts.events,
        .go_version = trace->reasons.text[0] != '\0' ? trace->reasons.text : NULL,
        .go_version_from = is_from_exe(trace) ? "option" : trace->reasons.from,
        .pid = pid != 0 ? pid : GOLEAK_NONE,
        .source_format = input->facts.source,
    };
    return GOLEAK_OK;
}

enum goleak_status goleak_trace_health(const struct goleak_trace *trace, size_t index, struct goleak_health *out)
{
    if (index >= GOLEAK_HEALTH_COUNT)
        return GOLEAK_END;
    goleak_health_get(&trace->health, (enum goleak_health_id)index, out);
    return GOLEAK_OK;
}

/* ---- goroutines ---- */

static void fill_parent(const struct goleak_trace *trace, uint32_t node, struct goleak_goroutine *out)
{
    out->parent_goid = GOLEAK_NONE;
    if (node == 0)
        return;
    const struct goleak_node *parent = goleak_lineage_at(&trace->replay.lineage, node);
    out->parent_g = goleak_g_told(parent->g);
    out->parent_goid = parent->goid != 0 ? (int64_t)parent->goid : GOLEAK_NONE;
    out->lineage = node;
}

static void fill_places(const struct goleak_trace *trace, const struct goleak_record *record,
                        const struct goleak_detail *detail, struct goleak_goroutine *out)
{
    /* Of one that ends the line goes out before all names are known: by what was learnt so far, and the number, which
     * stays the same. */
    const struct goleak_site *site = goleak_sites_at(trace->model.sites, record->site);
    const uint32_t start = goleak_symbols_start_again(&trace->symbols, site->start);
    out->site = site->place;
    out->created_at = goleak_site_created_at(&trace->model, record->site);
    out->start_function = start != 0 ? goleak_symbols_text(&trace->symbols, start) : NULL;
    uint32_t stack = goleak_waiting_stack(record), frame = goleak_symbols_blocked_at(&trace->symbols, stack);
    out->blocked_at = frame != 0 ? goleak_symbols_frame_text(&trace->symbols, frame) : NULL;
    out->created_stack = detail->created_stack;
    out->stack = stack;
}

/* All but the verdict. An ended one ended at `ended`. */
static void fill(const struct goleak_trace *trace, const struct goleak_record *record,
                 const struct goleak_detail *detail, int64_t started, int64_t ended, struct goleak_goroutine *out)
{
    memset(out, 0, sizeof *out);
    uint32_t pid = trace->replay.processes[record->process].pid;
    out->input = trace->input_count != 0 ? trace->inputs[0]->path : NULL;
    out->pid = pid != 0 ? (int64_t)pid : GOLEAK_NONE;
    out->goid = record->goid != 0 ? (int64_t)record->goid : GOLEAK_NONE;
    out->g = goleak_g_told(record->g);
    out->blocked_before = goleak_waits_before(record, trace->judge.first);
    out->reason_inferred = (record->flags & GOLEAK_REC_FOUND) != 0 && record->reason != GOLEAK_REASON_NONE &&
                           record->reason != GOLEAK_REASON_UNKNOWN;
    out->incarnation = goleak_incarnation_told(record->g, detail->incarnation);
    out->serial = goleak_store_serial(&trace->replay.store, record);
    out->preexisting = (record->flags & GOLEAK_REC_PREEXISTING) != 0;
    out->system = record->flags & GOLEAK_REC_SYSTEM ? 1 : record->flags & GOLEAK_REC_USER ? 0 : -1;
    fill_parent(trace, record->parent, out);
    out->created_ns = to_ns(trace, record->created);
    out->created_event = to_event(trace, record->created);
    out->started_ns = to_ns(trace, started);
    out->ended_ns = to_ns(trace, ended);
    out->ended_event = to_event(trace, ended);
    /* Where only creations and ends are printed, who lives may do anything. */
    const bool told = record->state == GOLEAK_STATE_ENDED || goleak_model_tells_blocking(&trace->model) ||
                      trace->replay.stream.has_wakeups;
    out->state = told ? (enum goleak_state)record->state : GOLEAK_STATE_UNKNOWN;
    bool waits = record->state == GOLEAK_STATE_WAITING;
    out->reason = waits ? (enum goleak_reason)record->reason : GOLEAK_REASON_NONE;
    out->wait_reason = waits && record->wait != GOLEAK_NO_WAIT
                           ? goleak_reasons_wait_text(&trace->reasons, record->wait)
                           : NULL;
    out->blocked_since_ns = waits ? to_ns(trace, record->since) : GOLEAK_NONE;
    out->blocked_since_event = waits ? to_event(trace, record->since) : 0;
    fill_places(trace, record, detail, out);
}

static void fill_living(const struct goleak_trace *trace, uint32_t index, struct goleak_goroutine *out)
{
    const struct goleak_store *store = &trace->replay.store;
    struct goleak_judgement judgement;
    const struct goleak_record *record = goleak_store_at(store, index);
    fill(trace, record, goleak_store_detail(store, record), goleak_store_started(record), GOLEAK_NO_MOMENT, out);
    goleak_judge(&trace->judge, index, &judgement);
    out->verdict = judgement.verdict;
    memcpy(out->evidence, judgement.evidence, sizeof out->evidence);
    out->evidence_count = judgement.evidence_count;
}

/* For the hook on goroutines that end while the trace is being fed. */
void goleak_trace_fill(const struct goleak_trace *trace, const struct goleak_record *record,
                       struct goleak_goroutine *out)
{
    const struct goleak_store *store = &trace->replay.store;
    fill(trace, record, goleak_store_detail(store, record), goleak_store_started(record), trace->ending_moment, out);
    out->verdict = GOLEAK_VERDICT_ENDED;
}

static bool is_shown(const struct goleak_trace *trace, const struct goleak_record *record)
{
    if ((record->flags & GOLEAK_REC_SEEN) == 0 || record->state == GOLEAK_STATE_ENDED)
        return false;
    return (record->flags & GOLEAK_REC_SYSTEM) == 0 || trace->options.include_system;
}

enum goleak_status goleak_goroutine_next(const struct goleak_trace *trace, struct goleak_goroutine_iter *iter,
                                         struct goleak_goroutine *out)
{
    const struct goleak_store *store = &trace->replay.store;
    if (!trace->finished)
        return GOLEAK_END; /* nobody has been judged */
    while (iter->position < store->count) {
        const struct goleak_record *record = goleak_store_at(store, (uint32_t)++iter->position);
        if (!is_shown(trace, record))
            continue;
        fill_living(trace, (uint32_t)iter->position, out);
        return GOLEAK_OK;
    }
    uint64_t at = iter->position - store->count;
    if (at >= trace->ended_count)
        return GOLEAK_END;
    iter->position++;
    const struct goleak_ended *ended = &trace->ended[at];
    fill(trace, &ended->record, &ended->detail, ended->started, ended->moment, out);
    out->serial = ended->serial; /* the record's, by now, may be that of another life */
    out->verdict = GOLEAK_VERDICT_ENDED;
    out->parent_g = ended->parent_g;
    out->parent_goid = ended->parent_goid != 0 ? (int64_t)ended->parent_goid : GOLEAK_NONE;
    return GOLEAK_OK;
}

/* What is said of one that is alive. */
static void fill_verdict(const struct goleak_trace *trace, const struct goleak_node *node, struct goleak_ancestor *out)
{
    out->verdict = GOLEAK_VERDICT_UNKNOWN;
    const struct goleak_record *record =
        node->alive && trace->finished ? goleak_node_record(&trace->replay.store, node) : NULL;
    if (record == NULL || !is_shown(trace, record))
        return;
    out->verdict = goleak_verdict_of(&trace->judge, record->index);
    out->leak = goleak_groups_find(&trace->groups, &trace->judge, record, out->verdict);
}

size_t goleak_goroutine_ancestors(const struct goleak_trace *trace, const struct goleak_goroutine *of,
                                  struct goleak_ancestor *out, size_t room)
{
    const struct goleak_lineage *lineage = &trace->replay.lineage;
    size_t count = 0;
    const struct goleak_node *at;
    if (!goleak_lineage_has(lineage, of->lineage))
        return 0; /* the caller's own number, or one of a goroutine that is gone */
    for (uint32_t node = of->lineage; node != 0; node = at->parent, count++) {
        at = goleak_lineage_at(lineage, node);
        if (count < room) {
            out[count] = (struct goleak_ancestor){
                .goid = at->goid != 0 ? (int64_t)at->goid : GOLEAK_NONE,
                .g = goleak_g_told(at->g),
                .incarnation = goleak_incarnation_told(at->g, at->incarnation),
                .alive = at->alive,
                .start_function = goleak_site_start(&trace->model, at->site),
                .created_at = goleak_site_created_at(&trace->model, at->site),
                .cut = at->cut,
            };
            fill_verdict(trace, at, &out[count]);
        }
    }
    return count;
}

/* ---- leaks ---- */

static bool is_by_same_rules(const struct goleak_goroutine *one, const struct goleak_goroutine *other)
{
    if (one->evidence_count != other->evidence_count)
        return false;
    for (size_t i = 0; i < one->evidence_count; i++)
        if (strcmp(one->evidence[i].rule, other->evidence[i].rule) != 0)
            return false;
    return true;
}

/* One verdict may rest on different rules: the evidence of most of the examples stands for all, by the oldest that has
 * it. */
static void put_typical_first(struct goleak_leak *leak)
{
    size_t typical = 0, most = 0;
    for (size_t i = 0; i < leak->example_count; i++) {
        size_t alike = 0;
        for (size_t k = i; k < leak->example_count; k++)
            alike += is_by_same_rules(&leak->examples[i], &leak->examples[k]);
        if (alike > most) {
            most = alike;
            typical = i;
        }
    }
    const struct goleak_goroutine first = leak->examples[typical];
    memmove(&leak->examples[1], &leak->examples[0], typical * sizeof first);
    leak->examples[0] = first;
}

enum goleak_status goleak_trace_leak(const struct goleak_trace *trace, size_t index, struct goleak_leak *out)
{
    if (!trace->finished || index >= trace->groups.count)
        return GOLEAK_END;
    const struct goleak_group *group = &trace->groups.groups[index];
    struct goleak_spawn site = goleak_spawns_at(analysis(trace, &goleak_analysis_spawns), group->site);
    memset(out, 0, sizeof *out);
    out->verdict = group->verdict;
    out->reason = group->reason;
    if (group->sum.wait != GOLEAK_NO_WAIT)
        out->wait_reason = goleak_reasons_wait_text(&trace->reasons, group->sum.wait);
    out->created_at = goleak_site_created_at(&trace->model, group->site);
    out->start_function = goleak_site_start(&trace->model, group->site);
    if (group->blocked_at != 0)
        out->blocked_at = goleak_symbols_frame_text(&trace->symbols, group->blocked_at);
    out->count = group->sum.count;
    out->oldest_wait_ns = wait_ns(trace, group->sum.oldest_since);
    out->youngest_wait_ns = wait_ns(trace, group->sum.youngest_since);
    out->oldest_wait_events = wait_events(trace, group->sum.oldest_since);
    out->youngest_wait_events = wait_events(trace, group->sum.youngest_since);
    out->site_created = site.created;
    out->site_ended = site.ended;
    out->alike = group->alike;
    out->example_count = group->sum.example_count;
    for (size_t i = 0; i < group->sum.example_count; i++) {
        fill_living(trace, group->sum.examples[i], &out->examples[i]);
        out->oldest_wait_before |= out->examples[i].blocked_before;
    }
    put_typical_first(out);
    memcpy(out->evidence, out->examples[0].evidence, sizeof out->evidence);
    out->evidence_count = out->examples[0].evidence_count;
    return GOLEAK_OK;
}

enum goleak_status goleak_trace_unknown(const struct goleak_trace *trace, size_t index, struct goleak_unknown *out)
{
    if (!trace->finished || index >= trace->groups.unknown_count)
        return GOLEAK_END;
    const struct goleak_unknown_sum *sum = &trace->groups.unknown[index];
    out->count = sum->count;
    fill_living(trace, sum->example, &out->example);
    return GOLEAK_OK;
}

const char *goleak_stack_frame(const struct goleak_trace *trace, uint32_t stack, size_t index)
{
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(&trace->symbols, stack, &frames);
    return index < count ? goleak_symbols_frame_text(&trace->symbols, frames[index]) : NULL;
}

/* ---- names ---- */

const char *goleak_verdict_name(enum goleak_verdict verdict)
{
    static const char *const names[] = { "certain", "likely", "suspect", "waiting", "running", "unknown", "ended" };
    return (unsigned)verdict < GOLEAK_VERDICT_COUNT ? names[verdict] : "?";
}

const char *goleak_state_name(enum goleak_state state)
{
    static const char *const names[] = { "unknown", "runnable", "running", "syscall", "waiting", "ended" };
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "?";
}

const char *goleak_version(void)
{
    return GOLEAK_VERSION;
}
