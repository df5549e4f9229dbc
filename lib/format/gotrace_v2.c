/*
 * gotrace_v2 - Go execution traces of Go 1.22 and later.
 *
 *      "go 1.26 trace\0\0\0"
 *      0x01 gen m time size payload        a batch: events of thread m, or strings, stacks, …
 *      0x31 exp gen m time size payload    an experimental batch (from 1.23 on), stepped over
 *      0x34                                the end of a generation (from 1.26 on)
 *
 * The trace comes in generations of about a second, each with tables of its own, which
 * stand at its end: so a generation is kept until it is whole (generation.h), put in order
 * (scheduler.h), and left behind. What a cut trace has of its last one is used as far as it
 * goes: states need no tables, only names and stacks do.
 *
 * Layout and event types: the runtime's traceevent.go and internal/trace, as the fact sheet
 * on execution traces tells them.
 */
#include "format/gotrace_v2.h"

#include "format/scheduler.h"
#include "format/varint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_HEADER_MAX (2 + 4 * 10)

struct goleak_reader {
    struct goleak_reader_env env;
    struct goleak_generation generation;
    struct goleak_scheduler scheduler;
    unsigned version;      /* minor, of the header; 0: not read yet */
    size_t parsed;         /* of the generation's bytes: what is kept, and whole batches */
    uint64_t last_generation; /* its number; 0: none */
    unsigned doubts;       /* headers that were hardly believed */
    bool searching;        /* behind some damage, which begins at `parsed`, for a batch */
    size_t searched;       /* of the generation's bytes */
    char damage[192];      /* what was found there, and what was expected */
    bool lost;             /* there is none */
    uint64_t damage_count; /* of what is before the present generation */
    uint64_t elsewhere;    /* complaints of other readers, which have the same book … */
    uint64_t own_count;    /* … and without those, when this one was last at work */
    bool hole, hole_before; /* something was left out since the last generation was run; and between the two before */
    bool unsettled;         /* some may have ended in what was damaged */
    struct goleak_trace_marks marks; /* but its threads */
    uint64_t hole_at;       /* offset of what is left out */
    size_t hole_bytes;      /* of it, so many are gone already */
    uint64_t frequency;    /* of the last generation that told it */
};

/* ---- generations ---- */

/* In the trace, of what is behind the whole batches. */
static uint64_t offset_of(const struct goleak_reader *reader)
{
    return goleak_generation_offset(&reader->generation, reader->parsed);
}

static void note_truncated(struct goleak_reader *reader, const char *sentence)
{
    goleak_health_note(reader->env.health, GOLEAK_HEALTH_truncated, 1, 0, 0, offset_of(reader), "%s", sentence);
}

/* What the events mention and the tables do not have. */
static void note_missing(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    uint64_t stacks = generation->unknown_stacks, strings = generation->unknown_strings;
    if (stacks != 0 && (!generation->has_stacks || generation->is_cut))
        note_truncated(reader, "the last generation lacks its tables of stacks and strings, which come at its end: "
                               "states are right, names and stacks are missing");
    else if (strings != 0 && (!generation->has_strings || generation->is_cut))
        note_truncated(reader, "the last generation lacks its table of strings, which comes at its end: states are "
                               "right, names are missing");
    else if (stacks != 0 || strings != 0)
        goleak_generation_damage(generation, generation->offset, "found %" PRIu64 " mentions of stack ids and %" PRIu64
                                 " of string ids that generation %" PRIu64 " does not have",
                                 stacks, strings, generation->number);
}

/* Each generation has a frequency, and from Go 1.25 on what the clock showed at its begin. */
static void check_clock(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    const char *snapshot = reader->version >= 25 && !generation->has_snapshot ? "no clock snapshot" : NULL;
    if (generation->batch_count == 0)
        return;
    if (generation->frequency == 0)
        goleak_generation_damage(generation, generation->offset, "found no frequency%s%s in generation %" PRIu64
                                 ", expected one%s; that of %s is used", snapshot != NULL ? " and " : "",
                                 snapshot != NULL ? snapshot : "", generation->number,
                                 snapshot != NULL ? " of each" : "",
                                 reader->frequency != 0 ? "the generation before" : "Linux");
    else if (snapshot != NULL)
        goleak_generation_damage(generation, generation->offset, "found %s in generation %" PRIu64 ", expected one",
                                 snapshot, generation->number);
}

static struct goleak_marked_generation mark_of(const struct goleak_generation *generation)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < generation->batch_count; i++)
        first = generation->batches[i].time < first ? generation->batches[i].time : first;
    return (struct goleak_marked_generation) { generation->number, first };
}

static void mark_generation(struct goleak_reader *reader, struct goleak_marked_generation mark)
{
    const struct goleak_generation *generation = &reader->generation;
    struct goleak_trace_marks *marks = &reader->marks;
    if (!marks->has_boot && generation->has_snapshot && generation->snapshot.mono_ns <= INT64_MAX &&
        generation->snapshot.wall_s <= UINT32_MAX && generation->snapshot.wall_ns < 1000000000) {
        marks->has_boot = true;
        marks->boot_ns = (int64_t)(generation->snapshot.wall_s * 1000000000 + generation->snapshot.wall_ns -
                                   generation->snapshot.mono_ns);
    }
    if (marks->generation_count < GOLEAK_MARKED)
        marks->generations[marks->generation_count++] = mark;
}

/* Of a generation that is whole. Whoever is asked knows it behind all of its events, and before any other. */
static enum goleak_status tell_marks(struct goleak_reader *reader, struct goleak_marked_generation mark)
{
    struct goleak_trace_marks *marks = &reader->marks;
    struct goleak_v2_out *out = &reader->scheduler.out;
    const bool all_told = marks->all_told || (!reader->scheduler.misfits && !reader->hole_before);
    enum goleak_status status = GOLEAK_OK;
    if (marks->all_told == all_told && marks->generation_count == GOLEAK_MARKED)
        return GOLEAK_OK;
    if (all_told && !marks->all_told && reader->env.joined)
        status = goleak_v2_tell_all_told(out);
    marks->all_told = all_told;
    mark_generation(reader, mark);
    return status == GOLEAK_OK ? goleak_v2_push(out) : status;
}

/* So often something was said of what is missing, or cannot be. */
static uint64_t count_damage(const struct goleak_reader *reader)
{
    const struct goleak_health_entry *entries = reader->env.health->entries;
    return entries[GOLEAK_HEALTH_damaged_records].count + entries[GOLEAK_HEALTH_truncated].count - reader->elsewhere;
}

/* What was said since is not of this trace. */
static void leave_out_others(struct goleak_reader *reader)
{
    reader->elsewhere += count_damage(reader) - reader->own_count;
}

/* All batches of a generation are there; whole: as far as its end tells. */
static enum goleak_status run_generation(struct goleak_reader *reader, bool whole)
{
    struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = goleak_generation_load(generation);
    if (status != GOLEAK_OK)
        return status;
    check_clock(reader);
    const struct goleak_marked_generation mark = mark_of(generation);
    if (generation->frequency != 0)
        reader->frequency = generation->frequency;
    if (reader->frequency == 0)
        reader->frequency = 15625000;
    status = goleak_scheduler_run(&reader->scheduler, reader->frequency, offset_of(reader) - generation->offset);
    note_missing(reader);
    const uint64_t damage_count = count_damage(reader);
    const bool is_damaged = reader->damage_count != damage_count;
    bool settled = false;
    /* Of what was left out before it, a part may have been its own. */
    if (status == GOLEAK_OK && whole && reader->unsettled && !is_damaged && !reader->hole_before)
        status = goleak_scheduler_end_missing(&reader->scheduler, &settled);
    reader->unsettled = is_damaged || (reader->unsettled && !settled);
    if (status == GOLEAK_OK && whole && !is_damaged && generation->batch_count != 0)
        status = tell_marks(reader, mark);
    reader->damage_count = damage_count;
    reader->hole_before = reader->hole;
    reader->hole = false;
    return status;
}

/* What was run is left behind. */
static void drop(struct goleak_reader *reader)
{
    goleak_generation_next(&reader->generation, reader->parsed);
    reader->parsed = 0;
}

/* ---- batches ---- */

struct batch_head {
    uint64_t gen, m, time, size;
    size_t at, end; /* of the payload */
    bool experimental;
    bool too_long; /* a number has more than 64 bits */
};

enum found { WHOLE, CUT, MORE, BROKEN };

/* Of [at, end), which is not empty: where its payload begins, and ends, from `at` on. MORE: it is not whole. */
static enum found read_numbers(const uint8_t *at, const uint8_t *end, struct batch_head *head)
{
    const uint8_t *start = at;
    uint64_t *const fields[] = { &head->gen, &head->m, &head->time, &head->size };
    *head = (struct batch_head) { .experimental = *at == GOLEAK_TRACE_EXPERIMENTAL_BATCH };
    at += at + head->experimental < end ? 1 + head->experimental : 1;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const uint8_t *next = goleak_varint(at, end, fields[i]);
        head->too_long = next == NULL && end - at >= 10;
        if (next == NULL)
            return head->too_long ? BROKEN : MORE;
        at = next;
    }
    head->at = (size_t)(at - start);
    head->end = head->at + (size_t)head->size;
    return head->size <= GOLEAK_TRACE_BATCH_MAX ? WHOLE : BROKEN;
}

/* MORE: of bytes, is needed to tell. Its generation may be 0, which none is. */
static enum found read_head(const struct goleak_reader *reader, size_t from, bool last, struct batch_head *head)
{
    const struct goleak_buf *bytes = &reader->generation.bytes;
    const uint8_t *start = (const uint8_t *)bytes->data;
    *head = (struct batch_head) { 0 };
    if (bytes->size - from < BATCH_HEADER_MAX && !last)
        return MORE;
    enum found found = read_numbers(start + from, start + bytes->size, head);
    if (found != WHOLE)
        return found;
    head->at += from;
    head->end += from;
    return head->end <= bytes->size ? WHOLE : last ? CUT : MORE;
}

static bool begins_batch(const struct goleak_reader *reader, uint8_t kind)
{
    return kind == GOLEAK_TRACE_BATCH || (kind == GOLEAK_TRACE_EXPERIMENTAL_BATCH && reader->version >= 23);
}

static bool is_batch(const struct goleak_reader *reader, size_t at)
{
    return begins_batch(reader, (uint8_t)reader->generation.bytes.data[at]);
}

static bool ends_generation(const struct goleak_reader *reader, uint8_t kind)
{
    return kind == GOLEAK_TRACE_END_OF_GENERATION && reader->version >= 26;
}

static bool is_end_mark(const struct goleak_reader *reader, size_t at)
{
    return ends_generation(reader, (uint8_t)reader->generation.bytes.data[at]);
}

/* ---- finding the way again ---- */

/* A damaged length is of 65536 at most or told at once, so the next batch is not far; but there may be a hole. */
#define SEARCH_BYTES ((size_t)1 << 20)
#define HOLE_BYTES ((size_t)1 << 24)

/* What follows the damage is looked for, and then it is said. */
static void search(struct goleak_reader *reader, const struct batch_head *head)
{
    reader->searching = true;
    reader->searched = reader->parsed;
    reader->hole_at = offset_of(reader);
    reader->hole_bytes = 0;
    if (head == NULL)
        snprintf(reader->damage, sizeof reader->damage, "found the byte 0x%02x, expected a batch",
                 (unsigned char)reader->generation.bytes.data[reader->parsed]);
    else if (head->too_long)
        snprintf(reader->damage, sizeof reader->damage, "found a batch header with a number of more than 64 bits");
    else
        snprintf(reader->damage, sizeof reader->damage,
                 head->gen == 0 || head->size > GOLEAK_TRACE_BATCH_MAX
                     ? "found a batch of generation %" PRIu64 " with %" PRIu64
                       " bytes, expected a generation from 1 and at most %d bytes"
                     : "found a batch of generation %" PRIu64 " with %" PRIu64
                       " bytes, expected one that those behind its start follow (at most %d bytes)",
                 head->gen, head->size, GOLEAK_TRACE_BATCH_MAX);
}

/* A batch of generation `gen` may have one of this behind it. */
static bool goes_on(uint64_t gen, uint64_t behind)
{
    return behind == gen || behind == gen + 1;
}

/* It is of generation `gen` (0: any) or the next one, and its payload begins with what is known. */
static bool is_likely(const struct batch_head *head, uint64_t gen, uint8_t first)
{
    return (gen == 0 ? head->gen - 1 < UINT32_MAX : goes_on(gen, head->gen)) && head->size != 0 &&
           (head->experimental || goleak_trace_begins_payload(first));
}

/* A batch of which that holds; MORE, CUT: as of its header. */
static enum found read_likely(const struct goleak_reader *reader, size_t at, uint64_t gen, bool last,
                              struct batch_head *head)
{
    enum found found = is_batch(reader, at) ? read_head(reader, at, last, head) : BROKEN;
    if (found == MORE && last)
        return BROKEN;
    if (found != WHOLE)
        return found;
    return is_likely(head, gen, (uint8_t)reader->generation.bytes.data[head->at]) ? WHOLE : BROKEN;
}

/* In ticks, for a clock that has only begun. */
#define NEAR_TICKS 64

static bool is_near(uint64_t time, uint64_t other)
{
    uint64_t between = time > other ? time - other : other - time;
    return between <= NEAR_TICKS || (time / 2 <= other && other / 2 <= time);
}

/* Chance makes small numbers; threads of one generation tell times that lie near each other. The first batch's
 * may be damaged itself. */
static bool fits_time(const struct goleak_generation *generation, uint64_t time)
{
    const struct goleak_trace_batch *batches = generation->batches;
    size_t count = generation->batch_count;
    return count == 0 || is_near(time, batches[0].time) || is_near(time, batches[count - 1].time);
}

/* The end of the generation, if the next one or the end of the trace is behind it. */
static enum found is_end(const struct goleak_reader *reader, size_t at, uint64_t gen, bool last)
{
    struct batch_head head;
    if (at + 1 == reader->generation.bytes.size)
        return last ? WHOLE : MORE;
    enum found found = read_likely(reader, at + 1, gen, last, &head);
    return found == WHOLE && (head.gen != gen + 1 || !fits_time(&reader->generation, head.time)) ? BROKEN : found;
}

/* A batch with another one behind it, the end of the generation, or that of the trace. One
 * alone could be chance. */
static enum found is_way(const struct goleak_reader *reader, size_t at, bool last)
{
    uint64_t number = reader->generation.number, after = reader->last_generation;
    struct batch_head head, next;
    if (is_end_mark(reader, at) && number != 0)
        return is_end(reader, at, number, last);
    enum found found = read_likely(reader, at, number != 0 ? number : after != 0 ? after + 1 : 0, last, &head);
    if (found != WHOLE)
        return found;
    if (!fits_time(&reader->generation, head.time))
        return BROKEN;
    if (head.end == reader->generation.bytes.size)
        return last ? WHOLE : MORE;
    if (is_end_mark(reader, head.end))
        return is_end(reader, head.end, head.gen, last);
    found = read_likely(reader, head.end, head.gen, last, &next);
    return found == WHOLE && !fits_time(&reader->generation, next.time) ? BROKEN : found;
}

/* What its batch has behind it: the end, or one that goes on with its own generation or with the one that is read. What
 * chance makes of other bytes is of some other. */
static enum found look_behind(const struct goleak_reader *reader, const struct batch_head *head, uint64_t number,
                              bool last)
{
    struct batch_head next;
    if (head->end > reader->generation.bytes.size)
        return BROKEN;
    if (head->end == reader->generation.bytes.size)
        return last ? WHOLE : MORE;
    if (is_end_mark(reader, head->end))
        return WHOLE;
    enum found found = read_likely(reader, head->end, 0, last, &next);
    if (found != WHOLE || goes_on(head->gen, next.gen) || (number != 0 && goes_on(number, next.gen)))
        return found;
    return BROKEN;
}

/* Not for each batch of a trace that is full of such. */
#define DOUBTS_MOST 64

/* A header behind whose batch no other one stands, or in whose batch the trace ends, is believed
 * unless batches that fit begin within it. Of a trace that is cut the end may look like one by
 * chance, so two must. */
static enum found doubt(struct goleak_reader *reader, const struct batch_head *head, bool last)
{
    const struct goleak_generation *generation = &reader->generation;
    uint64_t number = generation->number != 0 ? generation->number : reader->last_generation;
    bool cut = head->end > generation->bytes.size;
    bool next_gen = number == 0 || goes_on(number, head->gen);
    enum found behind = look_behind(reader, head, number, last);
    if (behind == MORE)
        return MORE;
    if (behind == WHOLE || reader->doubts == DOUBTS_MOST)
        return BROKEN;
    size_t left = generation->bytes.size - reader->parsed;
    if (left < SEARCH_BYTES && !last)
        return MORE;
    reader->doubts++;
    size_t end = next_gen && !cut ? head->end : reader->parsed + (left < SEARCH_BYTES ? left : SEARCH_BYTES);
    for (size_t at = reader->parsed + 1; at < end; at++) {
        struct batch_head first;
        if (is_way(reader, at, last) != WHOLE || read_head(reader, at, last, &first) != WHOLE)
            continue;
        if (!cut || first.end < generation->bytes.size)
            return WHOLE;
    }
    return BROKEN;
}

/* What has been searched is not kept: it may be more than there is room for. */
static void drop_searched(struct goleak_reader *reader)
{
    struct goleak_buf *bytes = &reader->generation.bytes;
    const size_t gone = reader->searched - reader->parsed;
    memmove(bytes->data + reader->parsed, bytes->data + reader->searched, bytes->size - reader->searched);
    bytes->size -= gone;
    reader->generation.gone += gone;
    reader->hole_bytes += gone;
    reader->searched = reader->parsed;
}

/* False: more bytes are needed, or the search is over in vain. */
static bool find_way(struct goleak_reader *reader, bool last)
{
    struct goleak_generation *generation = &reader->generation;
    for (size_t at = reader->searched + 1; reader->hole_bytes + at - reader->parsed <= HOLE_BYTES; at++) {
        enum found found = at < generation->bytes.size ? is_way(reader, at, last) : last ? CUT : MORE;
        if (found == MORE) {
            if (reader->searched - reader->parsed > GOLEAK_TRACE_BATCH_MAX)
                drop_searched(reader);
            return false;
        }
        if (found == WHOLE) {
            goleak_generation_damage(generation, reader->hole_at, "%s; %zu bytes were left out", reader->damage,
                                     reader->hole_bytes + at - reader->parsed);
            reader->parsed = at;
            reader->searching = false;
            reader->hole = true;
            return true;
        }
        if (at >= generation->bytes.size)
            break;
        reader->searched = at;
    }
    goleak_generation_damage(generation, reader->hole_at, "%s; what follows cannot be read", reader->damage);
    reader->lost = true;
    return false;
}

/* That of another trace, written behind this one. */
static enum found find_header(const struct goleak_reader *reader, bool last)
{
    const struct goleak_buf *bytes = &reader->generation.bytes;
    size_t left = bytes->size - reader->parsed;
    if (bytes->data[reader->parsed] != 'g' || (left < GOLEAK_TRACE_HEADER && last))
        return BROKEN;
    if (left < GOLEAK_TRACE_HEADER)
        return MORE;
    return goleak_trace_version(bytes->data + reader->parsed, left) != 0 ? WHOLE : BROKEN;
}

static void note_skipped(struct goleak_reader *reader, uint64_t found, uint64_t last)
{
    goleak_generation_damage(&reader->generation, offset_of(reader),
                             "found generation %" PRIu64 " behind %" PRIu64 ", expected the next one", found, last);
}

/* Generations begin with their clock. */
static bool is_clock(const struct goleak_reader *reader, const struct batch_head *head)
{
    uint8_t first = head->size != 0 ? (uint8_t)reader->generation.bytes.data[head->at] : 0;
    return first == GOLEAK_TRACE_FREQUENCY || first == GOLEAK_TRACE_SYNC;
}

/* The number of the batch that begins at `at`, 0: there is none. False: more bytes are needed. */
static bool peek_gen(const struct goleak_reader *reader, size_t at, bool last, struct batch_head *head)
{
    size_t size = reader->generation.bytes.size;
    *head = (struct batch_head) { 0 };
    if (at >= size || !is_batch(reader, at))
        return last || at != size;
    enum found found = read_head(reader, at, last, head);
    if (found == BROKEN)
        head->gen = 0;
    return found != MORE || last;
}

/* Generations do not mix, and none is of one batch alone: where a batch is not of its generation and what is behind it
 * goes on with that, or with the next one, its number is damaged. False: more bytes are needed. */
static bool correct_gen(struct goleak_reader *reader, struct batch_head *head, bool last)
{
    struct goleak_generation *generation = &reader->generation;
    uint64_t number = generation->number, after = number != 0 ? number : reader->last_generation, gen = head->gen;
    bool first = number == 0 || is_clock(reader, head);
    struct batch_head next, third;
    if ((gen == number && gen != 0) || head->end > generation->bytes.size)
        return true;
    if (!peek_gen(reader, head->end, last, &next))
        return false;
    bool may_be_next = gen == after + 1 && reader->version < 26; /* from then on a generation says where it ends */
    if (number != 0 && (next.gen == number || (!may_be_next && !first && (next.gen == 0 || next.gen == after + 1))))
        gen = number;
    else if (after != 0 && next.gen == after + 1)
        gen = next.gen;
    else if (after == 0 && next.gen != 0 && next.gen != gen && (gen == 0 || next.gen != gen + 1)) {
        if (!peek_gen(reader, next.end, last, &third))
            return false;
        gen = third.gen == next.gen ? next.gen : gen;
    }
    if (gen != head->gen)
        goleak_generation_damage(generation, offset_of(reader),
                                 "found a batch of generation %" PRIu64 ", expected one of %" PRIu64
                                 " before what follows; it is taken for that",
                                 head->gen, gen);
    head->gen = gen;
    return true;
}

/* Whole batches go into their generation; a whole generation is run. */
static enum goleak_status take_batches(struct goleak_reader *reader, bool last)
{
    struct goleak_generation *generation = &reader->generation;
    enum goleak_status status = GOLEAK_OK;
    while (status == GOLEAK_OK && reader->parsed < generation->bytes.size) {
        struct batch_head head;
        if (reader->searching && !find_way(reader, last))
            return GOLEAK_OK;
        if (is_end_mark(reader, reader->parsed)) {
            reader->parsed++;
            if (generation->number != 0)
                status = run_generation(reader, true);
            drop(reader);
            reader->last_generation = generation->number;
            generation->number = 0;
            continue;
        }
        if (!is_batch(reader, reader->parsed)) {
            enum found header = find_header(reader, last);
            if (header == MORE)
                return GOLEAK_OK;
            if (header == WHOLE) {
                goleak_generation_damage(generation, offset_of(reader), GOLEAK_TRACE_ANOTHER);
                reader->lost = true;
                return GOLEAK_OK;
            }
            search(reader, NULL);
            continue;
        }
        enum found found = read_head(reader, reader->parsed, last, &head);
        if (found == MORE)
            return GOLEAK_OK;
        enum found other = found != BROKEN ? doubt(reader, &head, last) : BROKEN;
        if (other == MORE)
            return GOLEAK_OK;
        if (found == BROKEN || other == WHOLE) {
            search(reader, &head);
            continue;
        }
        if (!correct_gen(reader, &head, last))
            return GOLEAK_OK;
        if (head.gen == 0) {
            search(reader, &head);
            continue;
        }
        if (generation->number == 0) {
            if (reader->last_generation != 0 && head.gen != reader->last_generation + 1)
                note_skipped(reader, head.gen, reader->last_generation);
            generation->number = head.gen;
        } else if (head.gen != generation->number) {
            if (head.gen != generation->number + 1)
                note_skipped(reader, head.gen, generation->number);
            else if (reader->version >= 26)
                note_truncated(reader, "a generation does not end before the next one begins");
            status = run_generation(reader, reader->version < 26);
            drop(reader);
            generation->number = head.gen;
            continue;
        }
        if (found == CUT) { /* what there is of it is used */
            generation->is_cut = true;
            generation->cut_at = goleak_generation_offset(generation, head.at);
            head.end = generation->bytes.size;
        }
        if (!head.experimental && !goleak_generation_add(generation, head.m, head.time, head.at, head.end))
            return goleak_alloc_failure(reader->env.alloc);
        reader->parsed = head.end;
    }
    return status;
}

/* ---- past what is read again ---- */

/* What lies at an offset in the file. */
struct far {
    uint64_t offset;
    bool there; /* what is before it: the last byte of a batch */
    bool ends;  /* it is the end of the generation */
    bool batch; /* … or a batch, whose header is whole */
    struct batch_head head;
    uint8_t first; /* of its payload; 0: it is not there */
};

static void look_far(const struct goleak_reader *reader, uint64_t offset, struct far *far)
{
    uint8_t bytes[1 + BATCH_HEADER_MAX + 1];
    const struct goleak_reader_env *env = &reader->env;
    const size_t got = env->read_again(env->again_context, offset - 1, bytes, sizeof bytes);
    *far = (struct far) { .offset = offset, .there = got != 0 };
    if (got < 2)
        return;
    far->ends = ends_generation(reader, bytes[1]);
    far->batch = begins_batch(reader, bytes[1]) && read_numbers(bytes + 1, bytes + got, &far->head) == WHOLE;
    if (far->batch && 1 + far->head.at < got)
        far->first = bytes[1 + far->head.at];
}

/* Those that are of this generation, and would be let go of, need not be read at all before they are run: as long as
 * each has another one behind it that is whole, of which their headers tell. Whatever is else is read as it comes. */
static enum goleak_status hop(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    struct far here, next, behind;
    look_far(reader, offset_of(reader), &here);
    look_far(reader, here.offset + here.head.end, &next);
    while (here.batch && !here.head.experimental && here.head.gen == generation->number &&
           goleak_generation_may_let_go(here.head.size, here.first)) {
        const struct batch_head *head = &next.head;
        const bool likely = next.batch && is_likely(head, generation->number, next.first);
        look_far(reader, next.offset + head->end, &behind);
        if (!next.ends && !(likely && behind.there))
            break;
        if (!goleak_generation_add_far(generation, here.head.m, here.head.time, here.offset + here.head.at,
                                       (uint32_t)here.head.size))
            return goleak_alloc_failure(reader->env.alloc);
        here = next;
        next = behind;
    }
    if (here.offset != offset_of(reader))
        reader->env.skip(reader->env.again_context, goleak_generation_hop(generation, reader->parsed, here.offset));
    return GOLEAK_OK;
}

/* ---- the reader ---- */

static void close_reader(struct goleak_reader *reader)
{
    if (reader == NULL)
        return;
    goleak_scheduler_release(&reader->scheduler);
    goleak_generation_release(&reader->generation);
    goleak_free(reader->env.alloc, reader, sizeof *reader);
}

static struct goleak_reader *open_reader(const struct goleak_reader_env *env)
{
    struct goleak_reader *reader = goleak_alloc_zeroed(env->alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->env = *env;
    goleak_generation_init(&reader->generation, env);
    if (!goleak_scheduler_init(&reader->scheduler, &reader->generation)) {
        close_reader(reader);
        return NULL;
    }
    return reader;
}

static void read_header(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    reader->version = goleak_trace_version(generation->bytes.data, generation->bytes.size);
    if (reader->version == 0) { /* --input-format insisted */
        goleak_generation_damage(generation, generation->offset,
                                 "found no header of a Go execution trace, expected \"go 1.26 trace\"");
        reader->lost = true;
        return;
    }
    /* Go 1.24 writes 1.23's header, and 1.27 that of 1.26. */
    unsigned high = reader->version == 23 ? 24 : reader->version == 26 ? 27 : reader->version;
    goleak_reasons_set_range(reader->env.reasons, reader->version, high);
    reader->parsed = GOLEAK_TRACE_HEADER;
    drop(reader);
}

static enum goleak_status feed_bytes(struct goleak_reader *reader, const char *bytes, size_t size)
{
    struct goleak_buf *buf = &reader->generation.bytes;
    if (reader->lost)
        return GOLEAK_OK;
    goleak_buf_append(buf, bytes, size);
    if (buf->failed)
        return goleak_alloc_failure(reader->env.alloc);
    if (reader->version == 0 && buf->size >= GOLEAK_TRACE_HEADER)
        read_header(reader);
    enum goleak_status status = reader->version != 0 ? take_batches(reader, false) : GOLEAK_OK;
    if (status == GOLEAK_OK && !reader->searching)
        reader->parsed = goleak_generation_let_go(&reader->generation, reader->parsed);
    const bool may_hop = reader->env.skip != NULL && reader->generation.number != 0 && !reader->searching;
    return status == GOLEAK_OK && may_hop && !reader->lost ? hop(reader) : status;
}

static enum goleak_status feed(struct goleak_reader *reader, const char *bytes, size_t size)
{
    leave_out_others(reader);
    const enum goleak_status status = feed_bytes(reader, bytes, size);
    reader->own_count = count_damage(reader);
    return status;
}

/* The runtime names its reasons at the end of each generation, even of one without events. */
static bool tells_strings(const struct goleak_generation *generation)
{
    const uint8_t *start = (const uint8_t *)generation->bytes.data;
    for (size_t i = 0; i < generation->batch_count; i++) {
        const struct goleak_trace_batch *batch = &generation->batches[i];
        if (batch->size != 0 && batch->at != GOLEAK_NOT_KEPT && start[batch->at] == GOLEAK_TRACE_STRINGS)
            return true;
    }
    return false;
}

static enum goleak_status finish(struct goleak_reader *reader)
{
    struct goleak_generation *generation = &reader->generation;
    leave_out_others(reader);
    enum goleak_status status = reader->version != 0 && !reader->lost ? take_batches(reader, true) : GOLEAK_OK;
    if (status != GOLEAK_OK)
        return status;
    if (generation->is_cut || (reader->parsed < generation->bytes.size && !reader->lost))
        note_truncated(reader, "the trace ends in the middle of a batch");
    else if (reader->version >= 26 && generation->number != 0)
        note_truncated(reader, "the trace ends before its last generation does");
    if (generation->number != 0) {
        bool whole = tells_strings(generation); /* while the batches are as they came */
        status = run_generation(reader, whole && reader->version < 26);
        if (!whole && count_damage(reader) == 0)
            note_truncated(reader, "the trace ends before its last generation does");
    }
    if (status == GOLEAK_OK)
        status = goleak_scheduler_finish(&reader->scheduler);
    return status == GOLEAK_OK ? goleak_v2_push(&reader->scheduler.out) : status;
}

/* An M's number is its thread's. Of hostile traces with very many not all are asked. */
#define ASKED_THREADS 4096

static void mark_threads(const struct goleak_scheduler *scheduler, struct goleak_trace_marks *marks)
{
    for (size_t i = 0; i < scheduler->thread_count && i < ASKED_THREADS; i++) {
        const uint64_t id = scheduler->threads[i].id;
        size_t at = marks->thread_count;
        while (at > 0 && marks->threads[at - 1] > id)
            at--;
        if (at == GOLEAK_MARKED || id > INT64_MAX) /* what was written by none */
            continue;
        marks->thread_count += marks->thread_count < GOLEAK_MARKED;
        memmove(&marks->threads[at + 1], &marks->threads[at], (marks->thread_count - at - 1) * sizeof id);
        marks->threads[at] = id;
    }
}

static void facts(const struct goleak_reader *reader, struct goleak_reader_facts *out)
{
    const struct goleak_v2_out *told = &reader->scheduler.out;
    *out = (struct goleak_reader_facts){ .events = goleak_v2_events(told), .form = "v2" };
    out->marks = reader->marks;
    mark_threads(&reader->scheduler, &out->marks);
    if (out->events == 0)
        out->guess = "found a Go execution trace without one event, expected some: was it cut, or stopped at once?";
}

static enum goleak_sniff sniff(const char *bytes, size_t size, bool whole)
{
    (void)whole;
    switch (goleak_trace_version(bytes, size)) {
    case 22:
    case 23:
    case 25:
    case 26: return GOLEAK_SNIFF_YES;
    default: return GOLEAK_SNIFF_NO;
    }
}

const struct goleak_format goleak_format_gotrace_v2 = {
    .name = "gotrace",
    .title = "Go execution trace",
    .offsets = true,
    .sniff = sniff,
    .open = open_reader,
    .feed = feed,
    .finish = finish,
    .facts = facts,
    .close = close_reader,
};
