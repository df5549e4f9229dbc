/* textual - see textual.h. */
#include "format/textual.h"

#include "base/bits.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/hash.h"
#include "format/perf_probe.h"
#include "model/locks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum goleak_status cut(void *context)
{
    return goleak_textual_begin_section(context);
}

bool goleak_textual_init(struct goleak_textual *text, const struct goleak_reader_env *env,
                         const struct goleak_line_reader *lines)
{
    struct goleak_line_reader own = *lines;
    own.cut = cut;
    own.cut_context = text;
    goleak_lines_init(&text->lines, env->alloc, &own);
    goleak_buf_init(&text->section.unjoined, env->alloc);
    text->env = *env;
    text->keyed.env = *env;
    goleak_shapes_init(&text->keyed.shapes);
    goleak_stacktext_init(&text->stack, env->symbols, env->alloc);
    text->batch = goleak_batch_new(env->alloc);
    return text->batch != NULL;
}

void goleak_textual_release(struct goleak_textual *text)
{
    goleak_lines_release(&text->lines);
    goleak_buf_release(&text->section.unjoined);
    goleak_stacktext_release(&text->stack);
    goleak_batch_free(text->env.alloc, text->batch);
}

/* ---- out of the reader ---- */

enum goleak_status goleak_textual_push(struct goleak_textual *text)
{
    text->bare_spawns = 0;
    text->section.batches++;
    enum goleak_status status = text->env.sink.push(text->env.sink.context, &text->batch);
    text->batch->counted = false; /* another one may come back */
    return status;
}

void goleak_textual_join(struct goleak_textual *text, struct goleak_event *event)
{
    const uint32_t others = GOLEAK_HAS_OTHER | GOLEAK_HAS_OTHER_GOID;
    struct goleak_section_state *section = &text->section;
    size_t place = event->tid % GOLEAK_SPAWNS;
    struct goleak_spawn *spawn = &text->spawns[place];
    if (event->kind == GOLEAK_EVENT_SPAWN) {
        *spawn = (struct goleak_spawn){ event->has | GOLEAK_HAS_TID, event->tid, event->stack, event->gopc,
                                        event->other_g, event->other_goid, event->position };
        goleak_set_bit(section->spawned, place);
        return;
    }
    if (section->alone && !goleak_has_bit(section->spawned, place)) {
        const struct goleak_unjoined unjoined = { section->batches, (uint32_t)(event - text->batch->events) };
        goleak_buf_append(&section->unjoined, &unjoined, sizeof unjoined);
        return;
    }
    if (spawn->has == 0 || spawn->tid != event->tid)
        return;
    bool same = (event->has & spawn->has & GOLEAK_HAS_GOPC) == 0 || spawn->gopc == event->gopc;
    uint32_t more = same ? spawn->has & ~event->has & (others | GOLEAK_HAS_STACK) : 0;
    spawn->has = 0;
    if (more & GOLEAK_HAS_STACK)
        event->stack = spawn->stack;
    if (more & GOLEAK_HAS_OTHER)
        event->other_g = spawn->other_g;
    if (more & GOLEAK_HAS_OTHER_GOID)
        event->other_goid = spawn->other_goid;
    event->has |= more;
}

static const struct goleak_go_place *ask_place(struct goleak_textual *text, uint64_t gopc)
{
    size_t place = goleak_hash_u64(gopc) % GOLEAK_SPAWNS;
    if (!goleak_has_bit(text->section.placed, place))
        goleak_set_bit(text->section.asked, place);
    return &text->places[place];
}

static void set_place(struct goleak_textual *text, uint64_t gopc, uint64_t frame)
{
    size_t place = goleak_hash_u64(gopc) % GOLEAK_SPAWNS;
    goleak_set_bit(text->section.placed, place);
    text->places[place] = (struct goleak_go_place){ gopc, frame };
}

/* 0: there is no frame. Few are asked for again and again. */
static uint64_t frame_hash(struct goleak_textual *text, uint32_t frame)
{
    struct goleak_frame_hash *known = &text->frame_hashes[frame % GOLEAK_FRAME_HASHES];
    if (known->frame != frame) {
        size_t size;
        const char *bytes = goleak_intern_get(&text->env.symbols->frames, frame, &size);
        *known = (struct goleak_frame_hash){ frame, goleak_hash_bytes(bytes, size) | 1 };
    }
    return known->hash;
}

/* Of several events that a creation's stack could belong to, the one whose go statement
 * stands where the stack was taken: the only one known to, or the only one not known
 * not to. NULL: nothing tells. */
static struct goleak_event *by_place(struct goleak_textual *text, struct goleak_event *const *candidates, size_t count,
                                     uint64_t frame)
{
    struct goleak_event *known = NULL, *possible = NULL;
    bool several = false;
    for (size_t i = 0; i < count; i++) {
        struct goleak_event *event = candidates[i];
        const struct goleak_go_place *place = ask_place(text, event->has & GOLEAK_HAS_GOPC ? event->gopc : 0);
        bool told = (event->has & GOLEAK_HAS_GOPC) != 0 && place->gopc == event->gopc && place->frame != 0;
        if (told && place->frame == frame)
            known = event; /* the oldest of them */
        if (told)
            continue;
        bool both = possible != NULL && (event->has & possible->has & GOLEAK_HAS_GOPC) != 0;
        several = several || (both && possible->gopc != event->gopc);
        possible = event;
    }
    return known != NULL ? known : several ? NULL : possible;
}

#define STACK_BACK 16 /* bits of bare_spawns */

/* Of the batch's creations, one that may get a stack from the section before. */
static bool is_unjoined(const struct goleak_textual *text, size_t index)
{
    const struct goleak_section_state *section = &text->section;
    struct goleak_unjoined unjoined;
    for (size_t at = section->unjoined.size; at != 0;) {
        at -= sizeof unjoined;
        memcpy(&unjoined, section->unjoined.data + at, sizeof unjoined);
        if (unjoined.batch != section->batches || unjoined.event < index)
            return false;
        if (unjoined.event == index)
            return true;
    }
    return false;
}

/* A stack is printed for itself, so another CPU's line may stand between it and its
 * event: of those, the function that it was taken in tells the right one. */
static struct goleak_event *owner_of(struct goleak_textual *text, uint32_t stack)
{
    static const uint32_t kinds[] = {
        [GOLEAK_LEAF_SPAWN] = 1u << GOLEAK_EVENT_SPAWN,
        [GOLEAK_LEAF_SPAWNED] = 1u << GOLEAK_EVENT_CREATE,
        [GOLEAK_LEAF_PARK] = 1u << GOLEAK_EVENT_PARK,
    };
    struct goleak_event *events = text->batch->events, *candidates[STACK_BACK];
    size_t last = text->batch->count - 1, count = 0;
    enum goleak_leaf leaf = goleak_symbols_leaf(text->env.symbols, stack);
    bool fits = leaf == GOLEAK_LEAF_OTHER || (kinds[leaf] >> events[last].kind & 1) != 0;
    if (leaf == GOLEAK_LEAF_SPAWN && events[last].kind == GOLEAK_EVENT_CREATE)
        fits = true; /* a script that prints the creation at the entry */
    if (fits && leaf != GOLEAK_LEAF_SPAWN)
        return events[last].has & GOLEAK_HAS_STACK ? NULL : &events[last];
    if (leaf != GOLEAK_LEAF_SPAWN) {
        for (size_t back = 0; back <= last && back < STACK_BACK; back++) {
            struct goleak_event *event = &events[last - back];
            if ((kinds[leaf] >> event->kind & 1) == 0 || (event->has & GOLEAK_HAS_STACK) != 0)
                continue;
            text->section.unsure = text->section.unsure || is_unjoined(text, last - back);
            return event;
        }
        return NULL;
    }
    bool is_last = fits && (events[last].has & GOLEAK_HAS_STACK) == 0;
    for (uint32_t back = text->bare_spawns | is_last; back != 0; back &= back - 1)
        candidates[count++] = &events[last - goleak_low_zeros(back)];
    if (count == 0)
        return NULL;
    uint64_t frame = frame_hash(text, goleak_symbols_created_at(text->env.symbols, stack));
    if (count > 1)
        return by_place(text, candidates, count, frame);
    if (candidates[0]->has & GOLEAK_HAS_GOPC)
        set_place(text, candidates[0]->gopc, frame);
    return candidates[0];
}

static void put_stack(struct goleak_textual *text, uint32_t stack)
{
    struct goleak_event *owner = owner_of(text, stack);
    if (owner == NULL)
        return;
    const uint32_t has = owner->has; /* read before it is written: what is read together would wait for that */
    const bool is_spawn = owner->kind == GOLEAK_EVENT_SPAWN && (has & GOLEAK_HAS_TID) != 0;
    owner->stack = stack;
    owner->has = has | GOLEAK_HAS_STACK;
    text->stacked |= 1u << owner->kind;
    size_t back = (size_t)(&text->batch->events[text->batch->count - 1] - owner);
    text->bare_spawns &= (uint16_t)~(1u << back);
    if (!is_spawn)
        return;
    struct goleak_spawn *spawn = &text->spawns[owner->tid % GOLEAK_SPAWNS];
    if (spawn->has != 0 && spawn->tid == owner->tid && spawn->position == owner->position) {
        spawn->stack = stack;
        spawn->has |= GOLEAK_HAS_STACK;
    }
}

/* Where the program lies may have been learnt: stacks that stand below again get names. */
static void look_again(struct goleak_textual *text)
{
    uint32_t learnt = goleak_symbols_learnt(text->env.symbols);
    if (learnt == text->learnt)
        return;
    text->learnt = learnt;
    text->has_stacks = goleak_textual_has_stacks(text);
    goleak_stacktext_forget(&text->stack);
}

void goleak_textual_tell_probe(struct goleak_textual *text, enum goleak_event_kind kind, uint64_t address)
{
    goleak_symbols_tell_probe(text->env.symbols, kind, address);
    look_again(text);
}

static void tell_ends(struct goleak_textual *text)
{
    uint64_t leaf, root;
    goleak_stacktext_ends(&text->stack, &leaf, &root);
    goleak_symbols_tell_ends(text->env.symbols,
                             (enum goleak_event_kind)text->batch->events[text->batch->count - 1].kind, leaf, root);
    look_again(text);
}

enum goleak_status goleak_textual_end_stack(struct goleak_textual *text)
{
    uint32_t stack;
    if (text->stack.block.size == 0 && !text->stack.block.failed)
        return GOLEAK_OK;
    if (text->env.symbols->resolver != NULL)
        tell_ends(text);
    if (!goleak_stacktext_take(&text->stack, &stack))
        return goleak_alloc_failure(text->env.alloc);
    if (stack != 0)
        put_stack(text, stack);
    text->frames = GOLEAK_FRAMES_HAD;
    return GOLEAK_OK;
}

bool goleak_textual_frame(struct goleak_textual *text, const struct goleak_line *line)
{
    if (text->frames != GOLEAK_FRAMES_AWAITED)
        return text->frames != GOLEAK_FRAMES_NOBODYS;
    if (!line->ended)
        goleak_textual_cut(text, line);
    else if (!goleak_stacktext_add(&text->stack, line->at, line->end))
        goleak_textual_damaged(text, line, line->at,
                               "found a frame behind 256 KiB of its stack, expected a shorter one: it is left out");
    return true;
}

enum goleak_status goleak_textual_skip_event(struct goleak_textual *text)
{
    enum goleak_status status = goleak_textual_close_event(text);
    text->frames = GOLEAK_FRAMES_IGNORED;
    return status;
}

enum goleak_status goleak_textual_drop_stack(struct goleak_textual *text)
{
    text->stack.block.size = 0;
    return goleak_textual_skip_event(text);
}

/* The last events of a batch that goes out go into the next one. */
static void keep_unjoined(struct goleak_section_state *section, size_t from)
{
    char *first = section->unjoined.data;
    for (size_t at = section->unjoined.size; at != 0;) {
        struct goleak_unjoined unjoined;
        at -= sizeof unjoined;
        memcpy(&unjoined, first + at, sizeof unjoined);
        if (unjoined.batch != section->batches || unjoined.event < from)
            break;
        unjoined.batch++;
        unjoined.event -= (uint32_t)from;
        memcpy(first + at, &unjoined, sizeof unjoined);
    }
}

/* Where spawns have stacks, those that have none yet stay, and what is behind them. The first
 * section does without: it shows what there is. */
static enum goleak_status push_full(struct goleak_textual *text)
{
    struct goleak_event kept[STACK_BACK];
    uint32_t bare = text->bare_spawns;
    if (bare == 0 || (text->lines.seam.awaits >> GOLEAK_EVENT_SPAWN & 1) == 0)
        return goleak_textual_push(text);
    size_t count = 0;
    while (count < STACK_BACK && bare >> count != 0)
        count++;
    text->batch->count -= count;
    memcpy(kept, text->batch->events + text->batch->count, count * sizeof *kept);
    keep_unjoined(&text->section, text->batch->count);
    enum goleak_status status = goleak_textual_push(text);
    memcpy(text->batch->events, kept, count * sizeof *kept);
    text->batch->count = count;
    text->bare_spawns = (uint16_t)bare;
    return status;
}

enum goleak_status goleak_textual_close_event(struct goleak_textual *text)
{
    if (!goleak_textual_is_open(text))
        return GOLEAK_OK;
    enum goleak_status status = goleak_textual_end_stack(text);
    if (status != GOLEAK_OK)
        return status;
    text->frames = GOLEAK_FRAMES_NOBODYS;
    struct goleak_event *event = &text->batch->events[text->batch->count - 1];
    if ((event->kind == GOLEAK_EVENT_SPAWN || event->kind == GOLEAK_EVENT_CREATE) && (event->has & GOLEAK_HAS_TID))
        goleak_textual_join(text, event);
    return text->batch->count == GOLEAK_BATCH_EVENTS ? push_full(text) : GOLEAK_OK;
}

enum goleak_status goleak_textual_begin_section(struct goleak_textual *text)
{
    enum goleak_status status = goleak_textual_close_event(text);
    if (status == GOLEAK_OK && text->batch->count != 0)
        status = goleak_textual_push(text);
    if (!text->has_first)
        text->lines.seam.awaits = text->stacked;
    text->has_first = true;
    text->frames = GOLEAK_FRAMES_NOBODYS;
    return status;
}

bool goleak_textual_take_known_stack(struct goleak_textual *text, const char **at, const char *limit, uint64_t *line)
{
    uint32_t stack;
    size_t lines;
    if (text->frames != GOLEAK_FRAMES_AWAITED || text->stack.block.size != 0)
        return false;
    const uint8_t kind = text->batch->events[text->batch->count - 1].kind;
    const char *next = goleak_stacktext_known(&text->stack, *at, limit, kind, &stack, &lines);
    if (next == NULL)
        return false;
    if (stack != 0)
        put_stack(text, stack);
    text->frames = GOLEAK_FRAMES_HAD;
    *line += lines;
    *at = next;
    return true;
}

/* What a recorder says of itself goes the way of events, so that a .glk has it, too. */
static enum goleak_status add_own(struct goleak_textual *text, enum goleak_event_kind kind, const char *name,
                                  int64_t time_ns, uint64_t line)
{
    struct goleak_event event;
    goleak_event_begin(&event, (uint8_t)kind);
    event.position = line;
    event.has = time_ns != GOLEAK_NONE ? GOLEAK_HAS_TIME : 0;
    event.time_ns = time_ns;
    event.name = goleak_symbols_string(text->env.symbols, name, strlen(name));
    return event.name != 0 ? goleak_textual_add(text, &event) : goleak_alloc_failure(text->env.alloc);
}

NOINLINE static enum goleak_status add_behind_restart(struct goleak_textual *text, const struct goleak_event *event)
{
    const struct goleak_event own = *event; /* it may be where the next one goes */
    const uint64_t line = text->restart_line;
    text->restart_line = 0;
    enum goleak_status status = add_own(text, GOLEAK_EVENT_OTHER, GOLEAK_RECORDER_BEGINS, event->time_ns, line);
    return status == GOLEAK_OK ? goleak_textual_add(text, &own) : status;
}

enum goleak_status goleak_textual_add(struct goleak_textual *text, const struct goleak_event *event)
{
    if (UNLIKELY(text->restart_line != 0) && (event->has & GOLEAK_HAS_TIME))
        return add_behind_restart(text, event);
    enum goleak_status status = goleak_textual_close_event(text);
    if (status != GOLEAK_OK)
        return status;
    const struct goleak_resolver *resolver = text->env.symbols->resolver;
    if (resolver != NULL && event->kind == GOLEAK_EVENT_CREATE && (event->has & GOLEAK_HAS_STARTPC)) {
        resolver->created(resolver->context, event->has & GOLEAK_HAS_GOID ? event->goid : 0, event->startpc,
                          event->has & GOLEAK_HAS_START ? goleak_symbols_text(text->env.symbols, event->name) : NULL,
                          event->position);
        look_again(text);
    }
    struct goleak_event *slot = &text->batch->events[text->batch->count++];
    if (slot != event)
        *slot = *event;
    bool bare = slot->kind == GOLEAK_EVENT_SPAWN && (slot->has & GOLEAK_HAS_STACK) == 0;
    text->bare_spawns = (uint16_t)((unsigned)text->bare_spawns << 1 | bare);
    text->batch->counted = false;
    text->frames = GOLEAK_FRAMES_AWAITED;
    text->events++;
    if (UNLIKELY((text->forms & GOLEAK_FORM_TELLS) == 0) && goleak_event_tells(slot, text->env.symbols))
        text->forms |= GOLEAK_FORM_TELLS;
    return GOLEAK_OK;
}

void goleak_textual_added(struct goleak_textual *text, size_t count)
{
    const uint32_t all = 1u << GOLEAK_EVENT_CREATE | 1u << GOLEAK_EVENT_PARK | 1u << GOLEAK_EVENT_END;
    const struct goleak_event *first = text->batch->events + text->batch->count, *last = first + count - 1;
    uint32_t kinds = 0;
    if (count == 0)
        return;
    for (const struct goleak_event *event = last; event >= first && kinds != all; event--) {
        if ((kinds >> event->kind & 1) == 0)
            text->keyed.last_keys[event->kind] = event->has;
        if ((kinds & ~(1u << GOLEAK_EVENT_PARK)) == 0 && (event->has & GOLEAK_HAS_COUNT))
            text->keyed.last_count = event->count;
        kinds |= 1u << event->kind;
    }
    if (last->has & GOLEAK_HAS_TIME)
        text->keyed.last_ns = last->time_ns;
    text->keyed.last_blocked_count = last->blocked_count; /* all of them have it */
    text->seen |= last->has & GOLEAK_HAS_TIME;
    text->batch->count += count;
    text->bare_spawns = (uint16_t)(count < 16 ? (unsigned)text->bare_spawns << count : 0u);
    text->frames = GOLEAK_FRAMES_AWAITED;
    text->events += count;
    text->forms |= GOLEAK_FORM_TELLS;
    text->recorder_events += count;
}

static void compare_count(struct goleak_textual *text)
{
    uint64_t count = text->recorder_counted, here = text->recorder_events, line = text->recorder_line;
    if (count < here)
        goleak_health_note(text->env.health, GOLEAK_HEALTH_surplus_events, here - count, line, 1, 0,
                           "the recorder counted %" PRIu64 " events, and %" PRIu64 " are here", count, here);
    if (count <= here || count - here <= text->lost_told)
        return;
    uint64_t missing = count - here - text->lost_told;
    text->lost_told += missing;
    goleak_health_note(text->env.health, GOLEAK_HEALTH_lost_events, missing, line, 1, 0,
                       "the recorder counted %" PRIu64 " events and printed %" PRIu64, count, here);
}

/* At the end tracers take their probes away one after the other, while the program runs on: who is not seen to
 * wake up and to end meanwhile has not waited for so long. */
#define DETACH_NS ((uint64_t)2000000000)

static bool is_timed(const struct goleak_textual *text)
{
    return text->events != 0 && (text->seen & GOLEAK_HAS_TIME) != 0;
}

/* The recording went on to here, though nothing happened any more. */
static enum goleak_status tell_end(struct goleak_textual *text)
{
    const uint64_t last = text->keyed.last_ns > 0 ? (uint64_t)text->keyed.last_ns : 0;
    if (text->recorder_end_ns < last || text->recorder_end_ns - last < DETACH_NS)
        return GOLEAK_OK;
    return add_own(text, GOLEAK_EVENT_OTHER, GOLEAK_RECORDER_ENDS, (int64_t)text->recorder_end_ns, text->recorder_line);
}

/* All of the recorder's lines are there: what the buffers of other processors held back is printed behind its last
 * one. */
static enum goleak_status settle_end(struct goleak_textual *text)
{
    enum goleak_status status = GOLEAK_OK;
    if (text->recorder_line == 0)
        return status;
    if (text->recorder_counted != UINT64_MAX)
        compare_count(text);
    if (text->recorder_end_ns <= INT64_MAX)
        status = tell_end(text);
    text->recorder_line = 0;
    return status;
}

/* If it was that. `line`: where another one begins; 0: the recording ends. */
static enum goleak_status note_killed(struct goleak_textual *text, uint64_t line)
{
    if (!text->recorder_began || text->recorder_ended)
        return GOLEAK_OK;
    goleak_health_note(text->env.health, GOLEAK_HEALTH_truncated, 1, line, 0, 0, GOLEAK_KILLED_TEXT);
    return is_timed(text) ? add_own(text, GOLEAK_EVENT_OTHER, GOLEAK_RECORDER_KILLED, text->keyed.last_ns, line)
                          : GOLEAK_OK;
}

enum goleak_status goleak_textual_finish(struct goleak_textual *text)
{
    enum goleak_status status = settle_end(text);
    if (status == GOLEAK_OK)
        status = goleak_textual_close_event(text);
    if (status == GOLEAK_OK)
        status = note_killed(text, 0);
    return status == GOLEAK_OK && text->batch->count != 0 ? goleak_textual_push(text) : status;
}

/* ---- lines that are no events ---- */

void goleak_textual_damaged(struct goleak_textual *text, const struct goleak_line *line, const char *at,
                            const char *sentence)
{
    goleak_health_note(text->env.health, GOLEAK_HEALTH_damaged_lines, 1, line->number,
                       (uint64_t)(at - line->at) + 1, 0, "%s", sentence);
}

static void note_line(struct goleak_textual *text, enum goleak_health_id id, uint64_t count,
                      const struct goleak_line *line)
{
    char excerpt[160] = "";
    if (goleak_health_is_first(text->env.health, id))
        goleak_escape_excerpt(excerpt, id == GOLEAK_HEALTH_unknown_lines ? 96 : sizeof excerpt, line->at,
                              (size_t)(line->end - line->at));
    goleak_health_note(text->env.health, id, count, line->number, 1, 0, "\"%s\"", excerpt);
}

/* The last line, without its newline: the beginning of a frame, or of an event's name. What the program prints
 * may lack one, too. */
static bool is_cut(const struct goleak_textual *text, const struct goleak_line *line)
{
    const char *at = line->at;
    while (at < line->end && (*at == ' ' || *at == '\t'))
        at++;
    return !line->ended && text->events != 0 && (at > line->at || goleak_keyed_begins_name(at, line->end));
}

/* Two recordings in one file are read as what the first one is. */
static bool is_foreign(const struct goleak_line *line)
{
    return goleak_keyed_is_event(line->at, line->end) || goleak_perf_event(line->at, line->end) != GOLEAK_EVENT_OTHER;
}

void goleak_textual_unknown(struct goleak_textual *text, const struct goleak_line *line)
{
    if (is_cut(text, line))
        goleak_textual_cut(text, line);
    else if (is_foreign(line))
        goleak_textual_damaged(text, line, line->at,
                               "found an event as another tracer prints it: give each recording as a file of its own");
    else
        note_line(text, GOLEAK_HEALTH_unknown_lines, 1, line);
}

void goleak_textual_lost(struct goleak_textual *text, const struct goleak_line *line, uint64_t count)
{
    text->lost_told = goleak_add_most(text->lost_told, count);
    note_line(text, GOLEAK_HEALTH_lost_events, count, line);
}

void goleak_textual_lost_in_all(struct goleak_textual *text, const struct goleak_line *line, uint64_t total)
{
    text->section.unsure = true; /* what is lost before it */
    if (total > text->lost_told)
        goleak_textual_lost(text, line, total - text->lost_told);
}

void goleak_textual_lost_stack(struct goleak_textual *text, const struct goleak_line *line)
{
    note_line(text, GOLEAK_HEALTH_lost_stacks, 1, line);
}

void goleak_textual_error(struct goleak_textual *text, const struct goleak_line *line)
{
    note_line(text, GOLEAK_HEALTH_recorder_errors, 1, line);
}

void goleak_textual_cut(struct goleak_textual *text, const struct goleak_line *line)
{
    goleak_health_note(text->env.health, GOLEAK_HEALTH_truncated, 1, line->number, (uint64_t)(line->end - line->at) + 1,
                       0, "the last line ends without a newline and may be cut; it was left out");
}

void goleak_textual_cut_loss(struct goleak_textual *text, const struct goleak_line *line)
{
    goleak_health_note(text->env.health, GOLEAK_HEALTH_truncated, 1, line->number, (uint64_t)(line->end - line->at) + 1,
                       0,
                       "the last line ends without a newline and may be cut: it tells of lost events, and there may "
                       "be more");
}

void goleak_textual_too_long(struct goleak_textual *text, const struct goleak_line *line, uint64_t bytes)
{
    goleak_health_note(text->env.health, GOLEAK_HEALTH_damaged_lines, 1, line->number, GOLEAK_LINE_MAX + 1, 0,
                       "found a line of %" PRIu64 " bytes, expected at most %zu; it was skipped", bytes,
                       (size_t)GOLEAK_LINE_MAX);
}

/* ---- keyed events ---- */

bool goleak_textual_whole(struct goleak_textual *text, const struct goleak_line *line, const struct goleak_event *event)
{
    if (!line->ended && !goleak_keyed_is_whole(&text->keyed, line->at, line->end, event, text->events == 0)) {
        goleak_textual_cut(text, line);
        return false;
    }
    goleak_keyed_remember(&text->keyed, event);
    text->recorder_events++;
    text->seen |= event->has;
    return true;
}

enum goleak_status goleak_textual_event(struct goleak_textual *text, const struct goleak_line *line, const char *at,
                                        int64_t cpu, bool *taken, const struct goleak_event **kept)
{
    struct goleak_event event = { .position = line->number };
    struct goleak_keyed_problem problem;
    const char *end = line->end;
    *taken = false;
    *kept = NULL;
    while (end > at && end[-1] == ' ')
        end--;
    if (memchr(at, 0, (size_t)(end - at)) != NULL)
        return GOLEAK_OK;
    enum goleak_keyed_result result = goleak_keyed_read(&text->keyed, at, end, line->number, &event, &problem);
    if (result == GOLEAK_KEYED_FAILED)
        return goleak_alloc_failure(text->env.alloc);
    *taken = result != GOLEAK_KEYED_NOT;
    if (result == GOLEAK_KEYED_DAMAGED) {
        if (line->ended)
            goleak_textual_damaged(text, line, problem.at, problem.sentence);
        else
            goleak_textual_cut(text, line);
        return goleak_textual_close_event(text); /* what stands below is its own */
    }
    if (result != GOLEAK_KEYED_EVENT)
        return GOLEAK_OK;
    if (cpu >= 0 && (event.has & GOLEAK_HAS_CPU) == 0) {
        event.cpu = (uint32_t)cpu;
        event.has |= GOLEAK_HAS_CPU;
    }
    if (!goleak_textual_whole(text, line, &event))
        return GOLEAK_OK;
    enum goleak_status status = goleak_textual_add(text, &event);
    if (status == GOLEAK_OK)
        *kept = &text->batch->events[text->batch->count - 1];
    return status;
}

/* ---- our own recorders ---- */

static const char *behind_hash(const char *at, const char *end)
{
    return goleak_begins(at, end, "# ") ? at + 2 : at;
}

bool goleak_textual_is_recorder_line(const char *at, const char *end)
{
    return goleak_begins(behind_hash(at, end), end, "goleak-recorder");
}

/* The value of " KEY=" in the line, up to the next blank; NULL: it has none. */
static const char *find_value(const char *at, const char *end, const char *key, size_t *size)
{
    size_t length = strlen(key);
    for (; at < end; at++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (at == NULL)
            return NULL;
        if (!goleak_begins(at + 1, end, key))
            continue;
        at += 1 + length;
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        *size = (size_t)((stop != NULL ? stop : end) - at);
        return at;
    }
    return NULL;
}

static bool find_number(const char *at, const char *end, const char *key, uint64_t *out)
{
    size_t size;
    const char *value = find_value(at, end, key, &size);
    return value != NULL && goleak_parse_most(value, value + size, out) == value + size;
}

/* The last one: it may have blanks. */
static const char *find_exe(const char *at, const char *end, size_t *size)
{
    const char *path = find_value(at, end, "exe=", size);
    if (path != NULL)
        *size = (size_t)(end - path);
    return path;
}

static void recorder_begins(struct goleak_textual *text, const char *at, const char *end)
{
    size_t size;
    char version[32];
    const char *value = find_value(at, end, "go=", &size);
    text->recorder_began = true;
    text->recorder_ended = false;
    text->recorder_events = 0;
    const struct goleak_resolver *resolver = text->env.symbols->resolver;
    size_t path_size;
    const char *path = find_exe(at, end, &path_size);
    if (resolver != NULL && path != NULL)
        resolver->recorded(resolver->context, path, path_size);
    if (value == NULL || size >= sizeof version)
        return;
    memcpy(version, value, size);
    version[size] = '\0';
    const struct goleak_reasons *reasons = text->env.reasons;
    /* The recorder has read the program that ran. */
    if (!goleak_reasons_is_given(reasons) || strcmp(reasons->from, GOLEAK_FROM_EXE) == 0)
        goleak_reasons_set_version(text->env.reasons, version, "header");
}

/* What verdicts may rest on. */
static enum goleak_status note_locks(struct goleak_textual *text, const struct goleak_line *line, const char *at)
{
    size_t size;
    const char *path = find_exe(at, line->end, &size);
    const char *value = find_value(at, path != NULL ? path : line->end, "locks=", &size);
    if (value == NULL || size != 5 || memcmp(value, "every", 5) != 0)
        return GOLEAK_OK;
    return add_own(text, GOLEAK_EVENT_OBJECT, GOLEAK_LOCKS_EVERY, GOLEAK_NONE, line->number);
}

static enum goleak_status recorder_ends(struct goleak_textual *text, const struct goleak_line *line, const char *at)
{
    uint64_t count;
    if (find_number(at, line->end, "lost=", &count))
        goleak_textual_lost_in_all(text, line, count);
    if (!text->recorder_began) /* in another file, perhaps */
        return is_timed(text)
                   ? add_own(text, GOLEAK_EVENT_OTHER, GOLEAK_RECORDER_ENDS_LAST, text->keyed.last_ns, line->number)
                   : GOLEAK_OK;
    text->recorder_line = line->number;
    if (!find_number(at, line->end, "events=", &text->recorder_counted))
        text->recorder_counted = UINT64_MAX;
    text->recorder_idle = text->recorder_counted == 0;
    if (!find_number(at, line->end, "ts=", &text->recorder_end_ns))
        text->recorder_end_ns = UINT64_MAX;
    return GOLEAK_OK;
}

const char *goleak_textual_nothing(const struct goleak_textual *text)
{
    return text->recorder_idle
               ? "found the recorder's first line and its last, which counts 0 events: did the process run, and "
                 "do anything, meanwhile, and is it of the executable that was probed?"
               : NULL;
}

bool goleak_textual_recorder_line(struct goleak_textual *text, const struct goleak_line *line,
                                  enum goleak_status *status)
{
    const char *at = behind_hash(line->at, line->end);
    if (goleak_begins(at, line->end, "goleak-recorder: ")) {
        *status = settle_end(text); /* of the recording before */
        if (!line->ended) {         /* of version 1.26 1.2 may be left */
            goleak_textual_cut(text, line);
            return true;
        }
        if (*status == GOLEAK_OK)
            *status = note_killed(text, line->number);
        text->restart_line = is_timed(text) ? line->number : 0;
        recorder_begins(text, at, line->end);
        *status = *status == GOLEAK_OK ? note_locks(text, line, at) : *status;
    } else if (goleak_begins(at, line->end, "goleak-recorder-end:")) {
        text->recorder_ended = true;
        if (line->ended)
            *status = recorder_ends(text, line, at);
        else
            goleak_textual_cut(text, line); /* its numbers may lack digits */
    } else {
        return false;
    }
    text->section.unsure = true; /* whose events it counts */
    text->notes++;
    return true;
}

/* ---- at a glance ---- */

/* The newline of the line at `at`, of which a shape is learnt. */
static const char *by_plan(struct goleak_textual *text, const char *at, const char *limit, struct goleak_event *event)
{
    const struct goleak_key_plan *plan = goleak_keyed_plan(&text->keyed, at);
    if (plan == NULL)
        return NULL;
    const char *arguments = at + plan->name.size;
    const char *newline = goleak_keyed_plan_run(&text->keyed, plan, arguments, limit, event);
    if (newline == NULL || *newline != '\n')
        return NULL;
    struct goleak_shape_draft draft;
    goleak_shape_begin(&draft, at, newline, plan->kind);
    goleak_keyed_shape(plan, arguments, &draft);
    goleak_shapes_keep(&text->keyed.shapes, &draft);
    return newline;
}

const char *goleak_textual_bulk(struct goleak_textual *text, const char *at, const char *end, size_t events,
                                uint64_t *number, enum goleak_status *status)
{
    const char *limit = end + GOLEAK_LINES_PAD - 64;
    uint64_t line = *number;
    while (at < end && events != 0) {
        if (*at == '\n') { /* before and behind a stack */
            line++;
            at++;
            continue;
        }
        if (*at == ' ' || *at == '\t') {
            if (!goleak_textual_take_known_stack(text, &at, end + GOLEAK_LINES_PAD, &line))
                break;
            continue;
        }
        struct goleak_event over, *event = goleak_textual_slot(text, &over);
        const char *next = goleak_keyed_shape_run(&text->keyed, at, event);
        if (next == NULL && (next = by_plan(text, at, limit, event)) == NULL)
            break;
        event->position = ++line;
        goleak_keyed_remember(&text->keyed, event);
        text->recorder_events++;
        text->seen |= event->has;
        *status = goleak_textual_add(text, event);
        at = next + 1;
        events--;
        if (*status != GOLEAK_OK)
            break;
    }
    *number = line;
    return at;
}
