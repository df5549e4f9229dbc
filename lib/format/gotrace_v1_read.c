/* gotrace_v1_read - see gotrace_v1_read.h. */
#include "format/gotrace_v1_read.h"

#include "base/bits.h"
#include "base/digits.h"
#include "format/gotrace_v1_shape.h"
#include "format/tickclock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FREQUENCY_MAX GOLEAK_TICKCLOCK_MAX
/* Behind damage, a head of a batch is believed if so many events behind it make sense (or
 * so many bytes, with a few events), and if its time is within so much of the trace's
 * beginning. */
#define PROOF_EVENTS 24
#define PROOF_BYTES 2048
#define PROOF_LEAST 4
#define PROOF_TICKS ((uint64_t)1 << 44)
/* One that is longer is cut in two between events: no runtime writes such a batch, and it is read again as a whole. */
#define BATCH_MAX (GOLEAK_TRACE_BATCH_MAX + 256)

unsigned goleak_v1_version(const char *bytes, size_t size)
{
    unsigned minor = goleak_trace_version(bytes, size);
    return minor == 11 || minor == 19 || minor == 21 ? minor : 0;
}

/* ---- what is kept ---- */

/* Where the event at file->at stands in the bytes from here on. */
static size_t keep_event(struct goleak_v1_file *file, size_t size)
{
    size_t at = file->kept;
    if (file->env.read_again == NULL)
        return file->at;
    memmove(file->bytes.data + at, file->bytes.data + file->at, size); /* over what has been gone through */
    file->kept += size;
    return at;
}

static bool add_stamp(struct goleak_v1_file *file, struct goleak_v1_stamps *stamps, uint64_t ticks, size_t size)
{
    if (!goleak_grow(file->env.alloc, &stamps->items, &stamps->capacity, stamps->count + 1, sizeof *stamps->items))
        return false;
    ticks -= ticks == UINT64_MAX; /* which stands for none */
    stamps->items[stamps->count++] =
        (struct goleak_v1_stamp) { ticks, goleak_v1_offset(file, file->at), keep_event(file, size) };
    return true;
}

static bool add_entry(struct goleak_v1_file *file, struct goleak_v1_table *table, uint64_t id, size_t size,
                      uint8_t type)
{
    if (goleak_idmap_get(&table->ids, id) != 0) {
        goleak_health_note(file->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0, goleak_v1_offset(file, file->at),
                           "found a second %s %" PRIu64 ", expected another id; the first one is used",
                           goleak_v1_name(type), id);
        return true;
    }
    if (table->count >= UINT32_MAX - 1 ||
        !goleak_grow(file->env.alloc, &table->entries, &table->capacity, table->count + 1, sizeof *table->entries))
        return false;
    table->entries[table->count++] = (struct goleak_v1_entry) { .at = keep_event(file, size) };
    return goleak_idmap_put(&table->ids, id, (uint32_t)table->count);
}

/* It ends before the byte at `end`. */
static void close_batch(struct goleak_v1_file *file, size_t end)
{
    if (!file->batch_open)
        return;
    struct goleak_v1_batch *batch = &file->batches[file->batch_count - 1];
    const uint64_t size = goleak_v1_offset(file, end) - batch->offset;
    batch->end = batch->offset + size;
    file->batch_open = false;
    if (file->env.read_again == NULL) {
        batch->at = (size_t)batch->offset;
    } else if (size <= GOLEAK_TRACE_SMALL_BATCH && size <= end - file->kept && file->kept == file->kept_before) {
        batch->at = file->kept;
        memmove(file->bytes.data + batch->at, file->bytes.data + (end - (size_t)size), (size_t)size);
        file->kept += (size_t)size;
    }
}

/* Its events begin with the byte at `at`. */
static bool open_batch(struct goleak_v1_file *file, uint64_t p, uint64_t ticks, bool goes_on, size_t at)
{
    struct goleak_alloc *alloc = file->env.alloc;
    uint32_t index = goleak_idmap_get(&file->p_ids, p);
    if (file->batch_count >= UINT32_MAX - 1 ||
        !goleak_grow(alloc, &file->batches, &file->batch_capacity, file->batch_count + 1, sizeof *file->batches))
        return false;
    if (index == 0) {
        if (!goleak_grow(alloc, &file->ps, &file->p_capacity, file->p_count + 1, sizeof *file->ps) ||
            !goleak_idmap_put(&file->p_ids, p, (uint32_t)file->p_count + 1))
            return false;
        file->ps[file->p_count++] = (struct goleak_v1_p) { .p = p };
        index = (uint32_t)file->p_count;
    }
    file->p = p;
    if (file->batch_count == 0)
        file->first_ticks = ticks;
    uint64_t offset = goleak_v1_offset(file, at);
    file->batches[file->batch_count++] = (struct goleak_v1_batch) {
        .ticks = ticks, .offset = offset, .end = offset, .at = GOLEAK_NOT_KEPT, .goes_on = goes_on
    };
    file->kept_before = file->kept;
    file->batch_open = true;
    struct goleak_v1_p *of = &file->ps[index - 1];
    if (of->last != 0)
        file->batches[of->last - 1].next = (uint32_t)file->batch_count;
    else
        of->first = (uint32_t)file->batch_count;
    of->last = (uint32_t)file->batch_count;
    return true;
}

/* A whole event at file->at. False: memory. */
static bool keep(struct goleak_v1_file *file, const struct goleak_v1_piece *piece)
{
    const uint8_t *bytes = (const uint8_t *)file->bytes.data;
    size_t next = (size_t)(piece->next - bytes), size = next - file->at;
    switch (piece->type) {
    case GOLEAK_V1_Batch:
        close_batch(file, file->at);
        return open_batch(file, piece->values[0], piece->values[1], false, next);
    case GOLEAK_V1_String: return add_entry(file, &file->strings, piece->values[0], size, piece->type);
    case GOLEAK_V1_Stack:
        return piece->values[0] == 0 || add_entry(file, &file->stacks, piece->values[0], size, piece->type);
    case GOLEAK_V1_Frequency: file->frequency = piece->values[0]; return true;
    case GOLEAK_V1_CPUSample: return add_stamp(file, &file->samples, piece->values[1], size);
    case GOLEAK_V1_GoSysExit: return piece->values[3] == 0 || add_stamp(file, &file->returns, piece->values[3], size);
    case GOLEAK_V1_GoSysExitLocal:
        return piece->values[2] == 0 || add_stamp(file, &file->returns, piece->values[2], size);
    default: return true;
    }
}

/* ---- damage ---- */

static void note_damage(const struct goleak_v1_file *file, const struct goleak_v1_piece *piece)
{
    char found[160];
    const char *name = goleak_v1_name(piece->type); /* "?": there is none */
    snprintf(found, sizeof found, piece->problem, piece->found);
    goleak_health_note(file->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0, goleak_v1_offset(file, file->at),
                       "%s%s%s; what stands behind it is used from the next batch on", name[0] != '?' ? name : "",
                       name[0] != '?' ? ": " : "", found);
}

/* Is there a batch at `at`? CUT: not to be told before there is more. */
static enum goleak_v1_shape is_batch(const struct goleak_v1_file *file, const uint8_t *at, const uint8_t *end,
                                     bool whole)
{
    struct goleak_v1_piece piece;
    bool limited = end - at > PROOF_BYTES;
    end = limited ? at + PROOF_BYTES : end;
    for (int i = 0; i <= PROOF_EVENTS; i++, at = piece.next) {
        if (i != 0 && at == end)
            return whole || limited ? GOLEAK_V1_EVENT : GOLEAK_V1_CUT;
        enum goleak_v1_shape shape = goleak_v1_measure(file->version, at, end, &piece);
        if (shape == GOLEAK_V1_CUT && i >= PROOF_LEAST && (whole || limited))
            return GOLEAK_V1_EVENT;
        if (shape != GOLEAK_V1_EVENT)
            return shape == GOLEAK_V1_CUT && !whole && !limited ? GOLEAK_V1_CUT : GOLEAK_V1_BROKEN;
        uint64_t ticks = piece.values[1];
        if (i == 0 && file->batch_count != 0 && (ticks < file->first_ticks || ticks - file->first_ticks > PROOF_TICKS))
            return GOLEAK_V1_BROKEN;
    }
    return GOLEAK_V1_EVENT;
}

/* Goes on to the next batch, or to where one may begin when there are more bytes. */
static void find_batch(struct goleak_v1_file *file, bool whole)
{
    const uint8_t *bytes = (const uint8_t *)file->bytes.data, *end = bytes + file->bytes.size;
    while (file->lost && file->at < file->bytes.size) {
        const uint8_t *at = memchr(bytes + file->at, GOLEAK_V1_Batch | 1 << 6, (size_t)(end - (bytes + file->at)));
        if (at == NULL) {
            file->at = file->bytes.size;
            return;
        }
        file->at = (size_t)(at - bytes);
        enum goleak_v1_shape result = is_batch(file, at, end, whole);
        if (result == GOLEAK_V1_CUT)
            return;
        file->lost = result != GOLEAK_V1_EVENT;
        file->at += result != GOLEAK_V1_EVENT;
    }
}

/* ---- all of them ---- */

#define STEP 64

/* A bit for each of 64 bytes below 0x80. */
static inline uint64_t find_low(const uint8_t *at)
{
    uint64_t low = 0;
#if defined(__SSE2__) && defined(__x86_64__)
    for (int i = 0; i < STEP; i += 16)
        low |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(at + i))) << i;
    return ~low;
#elif defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (int i = 0; i < STEP; i += 8)
        low |= (~goleak_load64((const char *)at + i) & 0x8080808080808080u) * 0x0002040810204081u >> 56 << i;
    return low;
#else
    for (int i = 0; i < STEP; i++)
        low |= (uint64_t)(at[i] < 0x80) << i;
    return low;
#endif
}

/* A bit for each byte that ends a number; an event's own byte looks like one, too, unless it
 * has two numbers announced or more. None from where a number may be too long. */
static inline uint64_t find_ends(const uint8_t *at)
{
    uint64_t ends = find_low(at), eight = ~ends & ~ends >> 1;
    eight &= eight >> 2;
    eight &= eight >> 4;
    return ends & ((eight & -eight) - 1);
}

/* Where the bits are, the lowest first: by each eight of them. Returns how many. */
static inline size_t list_ends(const struct goleak_v1_file *file, uint64_t ends, uint8_t list[STEP + 8])
{
    size_t count = 0;
    for (unsigned i = 0; i < STEP; i += 8) {
        unsigned eight = ends >> i & 0xff;
        uint64_t places = file->places[eight] + i * UINT64_C(0x0101010101010101);
        memcpy(list + count, &places, 8);
        count += file->counts[eight];
    }
    return count;
}

/* Events of up to four numbers are all that most traces consist of; their ends are found 64
 * bytes at a time. Which end is an event's depends on its first byte alone, and that is
 * foreseen: the processor goes from end to end without waiting for what stands between.
 * Stops at what is not so, or near the end. */
static const uint8_t *skip_plain(const struct goleak_v1_file *file, const uint8_t *at, const uint8_t *end)
{
    while (end - at > STEP) {
        uint8_t ends[STEP + 8];
        size_t count = list_ends(file, find_ends(at), ends), next = 0;
        const uint8_t *event = at;
        for (;;) {
            uint8_t byte = *event;
            if (file->numbers[byte] == 0)
                return event;
            if (byte < 1 << 6) { /* it looks like an end itself */
                if ((next += 2) > count)
                    break;
                event = at + ends[next - 1] + 1;
            } else if (byte < 3 << 6) { /* … or has a number more */
                if ((next += 3) > count)
                    break;
                event = at + ends[next - 1] + 1;
            } else { /* the first one is its length */
                if ((next += 5) > count)
                    break;
                if (event + 2 + event[1] != at + ends[next - 1] + 1)
                    return event;
                event = at + ends[next - 1] + 1;
            }
        }
        if (event == at)
            break;
        at = event;
    }
    return at;
}

static void begin(struct goleak_v1_file *file)
{
    file->version = goleak_v1_version(file->bytes.data, file->bytes.size);
    if (file->version == 0) {
        goleak_health_note(file->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0, 0,
                           "found no header of a trace of Go 1.11 to 1.21, expected one");
        file->refused = true;
        return;
    }
    goleak_reasons_set_range(file->env.reasons, file->version,
                             file->version == 11   ? 18
                             : file->version == 19 ? 20
                                                   : 21);
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned type = byte & 63, count = goleak_v1_numbers[type];
        bool special = type == GOLEAK_V1_GoSysExit || type == GOLEAK_V1_GoSysExitLocal || type == GOLEAK_V1_UserLog;
        file->numbers[byte] = count == (byte >> 6) + 1 && !special ? (uint8_t)count : 0;
    }
    for (unsigned eight = 0; eight < 256; eight++) {
        uint8_t places[8] = { 0 };
        for (uint8_t bit = 0; bit < 8; bit++)
            if (eight >> bit & 1)
                places[file->counts[eight]++] = bit;
        memcpy(&file->places[eight], places, sizeof places);
    }
    file->at = file->kept = GOLEAK_TRACE_HEADER; /* so that nothing that is kept stands at 0 */
}

/* How far the open batch may reach. */
static const uint8_t *end_of_batch(const struct goleak_v1_file *file, const uint8_t *end)
{
    const uint8_t *at = (const uint8_t *)file->bytes.data + file->at;
    uint64_t size = goleak_v1_offset(file, file->at) - file->batches[file->batch_count - 1].offset;
    uint64_t left = size < BATCH_MAX ? BATCH_MAX - size : 0;
    return left < (uint64_t)(end - at) ? at + left : end;
}

/* The open batch ends here, and another one begins, if it is that long. False: memory. */
static bool part_batch(struct goleak_v1_file *file)
{
    uint64_t offset = goleak_v1_offset(file, file->at);
    if (!file->batch_open || offset - file->batches[file->batch_count - 1].offset < BATCH_MAX - STEP)
        return true;
    close_batch(file, file->at);
    return open_batch(file, file->p, 0, true, file->at);
}

static enum goleak_status go_through(struct goleak_v1_file *file, bool whole)
{
    const uint8_t *bytes = (const uint8_t *)file->bytes.data, *end = bytes + file->bytes.size;
    while (file->at < file->bytes.size) {
        struct goleak_v1_piece piece;
        if (file->lost) {
            find_batch(file, whole);
            if (file->lost)
                return GOLEAK_OK;
        }
        if (file->batch_open)
            file->at = (size_t)(skip_plain(file, bytes + file->at, end_of_batch(file, end)) - bytes);
        if (file->at == file->bytes.size)
            return GOLEAK_OK;
        if (!part_batch(file))
            return goleak_alloc_failure(file->env.alloc);
        enum goleak_v1_shape result = goleak_v1_measure(file->version, bytes + file->at, end, &piece);
        if (result == GOLEAK_V1_CUT)
            return GOLEAK_OK;
        if (result == GOLEAK_V1_EVENT && !file->batch_open && goleak_v1_numbers[piece.type] != 0)
            result = goleak_v1_broken(&piece, "found before the first batch, expected a batch", 0);
        if (result == GOLEAK_V1_BROKEN && bytes[file->at] == 'g') {
            size_t left = file->bytes.size - file->at;
            if (left < GOLEAK_TRACE_HEADER && !whole)
                return GOLEAK_OK;
            if (goleak_trace_version(file->bytes.data + file->at, left) != 0) {
                goleak_health_note(file->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0,
                                   goleak_v1_offset(file, file->at), GOLEAK_TRACE_ANOTHER);
                file->bytes.size = file->at;
                file->another = true;
                return GOLEAK_OK;
            }
        }
        if (result == GOLEAK_V1_BROKEN) {
            note_damage(file, &piece);
            close_batch(file, file->at++);
            file->lost = true;
            continue;
        }
        if (!keep(file, &piece))
            return goleak_alloc_failure(file->env.alloc);
        file->at = (size_t)(piece.next - bytes);
    }
    return GOLEAK_OK;
}

/* What was gone through, and is not kept, can be read again. */
static void let_go(struct goleak_v1_file *file)
{
    struct goleak_buf *bytes = &file->bytes;
    memmove(bytes->data + file->kept, bytes->data + file->at, bytes->size - file->at);
    file->gone += file->at - file->kept;
    bytes->size -= file->at - file->kept;
    file->at = file->kept;
}

enum goleak_status goleak_v1_file_feed(struct goleak_v1_file *file, const char *bytes, size_t size)
{
    if (file->refused || file->another)
        return GOLEAK_OK;
    goleak_buf_append(&file->bytes, bytes, size);
    if (file->bytes.failed)
        return goleak_alloc_failure(file->env.alloc);
    if (file->version == 0 && file->bytes.size >= GOLEAK_TRACE_HEADER)
        begin(file);
    enum goleak_status status = file->version != 0 ? go_through(file, false) : GOLEAK_OK;
    if (status == GOLEAK_OK && file->version != 0 && file->env.read_again != NULL)
        let_go(file);
    return status;
}

/* All of it has the shape that it had: up to the first event that has not. */
static const uint8_t *check(const struct goleak_v1_file *file, const uint8_t *at, const uint8_t *end)
{
    for (struct goleak_v1_piece piece;; at = piece.next) {
        at = skip_plain(file, at, end);
        if (at == end || goleak_v1_measure(file->version, at, end, &piece) != GOLEAK_V1_EVENT ||
            piece.type == GOLEAK_V1_Batch)
            return at;
    }
}

const uint8_t *goleak_v1_batch_bytes(struct goleak_v1_file *file, const struct goleak_v1_batch *batch,
                                     struct goleak_trace_window *window, const uint8_t **end)
{
    size_t size = (size_t)(batch->end - batch->offset), got;
    if (batch->at != GOLEAK_NOT_KEPT) {
        const uint8_t *at = (const uint8_t *)file->bytes.data + batch->at;
        *end = at + size;
        return at;
    }
    const uint8_t *at = goleak_trace_read_again(window, &file->env, batch->offset, size, &got);
    if (at == NULL) {
        file->failure = goleak_alloc_failure(file->env.alloc);
        return NULL;
    }
    *end = check(file, at, at + got);
    if (*end != at + size)
        goleak_health_note(file->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0,
                           batch->offset + (uint64_t)(*end - at), GOLEAK_TRACE_CHANGED);
    return at;
}

/* ---- the end ---- */

static bool is_before(const struct goleak_v1_stamp *a, const struct goleak_v1_stamp *b)
{
    return a->ticks != b->ticks ? a->ticks < b->ticks : a->at < b->at;
}

static void sink_down(struct goleak_v1_stamp *items, size_t at, size_t count)
{
    struct goleak_v1_stamp item = items[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && is_before(&items[child], &items[child + 1]);
        if (!is_before(&item, &items[child]))
            break;
        items[at] = items[child];
    }
    items[at] = item;
}

/* By time: a heap sort, for it needs no memory and has no bad case. */
static void sort_stamps(struct goleak_v1_stamps *stamps)
{
    for (size_t i = stamps->count / 2; i > 0; i--)
        sink_down(stamps->items, i - 1, stamps->count);
    for (size_t left = stamps->count; left > 1; left--) {
        struct goleak_v1_stamp greatest = stamps->items[0];
        stamps->items[0] = stamps->items[left - 1];
        stamps->items[left - 1] = greatest;
        sink_down(stamps->items, 0, left - 1);
    }
}

static void note_end(struct goleak_v1_file *file)
{
    bool timeless = file->frequency == 0, inside = file->at < file->bytes.size && !file->lost;
    file->cut = timeless || inside;
    if (file->frequency > FREQUENCY_MAX) {
        goleak_health_note(file->env.health, GOLEAK_HEALTH_damaged_records, 1, 0, 0, 0,
                           "found a frequency of %" PRIu64 " ticks a second, expected 1 to %" PRIu64
                           ": times are not told",
                           file->frequency, FREQUENCY_MAX);
        file->frequency = 0;
    }
    if (inside)
        goleak_health_note(file->env.health, GOLEAK_HEALTH_truncated, 1, 0, 0, goleak_v1_offset(file, file->at),
                           "the trace ends inside %s, expected the rest of it%s",
                           goleak_v1_name((uint8_t)file->bytes.data[file->at] & 63),
                           timeless ? "; with its end it lost the frequency, so no times are told" : "");
    else if (timeless && goleak_v1_offset(file, file->bytes.size) > GOLEAK_TRACE_HEADER)
        goleak_health_note(file->env.health, GOLEAK_HEALTH_truncated, 1, 0, 0, goleak_v1_offset(file, file->bytes.size),
                           "the trace ends without its frequency, which comes last: it is cut, and no times are told");
}

enum goleak_status goleak_v1_file_finish(struct goleak_v1_file *file)
{
    if (file->version == 0) {
        if (!file->refused)
            goleak_health_note(file->env.health, GOLEAK_HEALTH_truncated, 1, 0, 0, file->bytes.size,
                               "the trace ends inside its header of 16 bytes");
        return GOLEAK_OK;
    }
    enum goleak_status status = go_through(file, true);
    if (status != GOLEAK_OK)
        return status;
    close_batch(file, file->at);
    note_end(file);
    sort_stamps(&file->samples);
    sort_stamps(&file->returns);
    if (!goleak_buf_reserve(&file->bytes, GOLEAK_TRACE_PADDING))
        return goleak_alloc_failure(file->env.alloc);
    memset(file->bytes.data + file->bytes.size, 0, GOLEAK_TRACE_PADDING);
    return GOLEAK_OK;
}

/* ---- a file ---- */

static void table_release(struct goleak_v1_table *table, struct goleak_alloc *alloc)
{
    goleak_idmap_release(&table->ids);
    goleak_free(alloc, table->entries, table->capacity * sizeof *table->entries);
}

void goleak_v1_file_init(struct goleak_v1_file *file, const struct goleak_reader_env *env)
{
    *file = (struct goleak_v1_file) { .env = *env };
    goleak_buf_init(&file->bytes, env->alloc);
    file->bytes.is_long = true;
    goleak_idmap_init(&file->p_ids, env->alloc);
    goleak_idmap_init(&file->strings.ids, env->alloc);
    goleak_idmap_init(&file->stacks.ids, env->alloc);
    goleak_trace_frames_init(&file->frames, env->symbols, env->alloc);
}

void goleak_v1_file_release(struct goleak_v1_file *file)
{
    struct goleak_alloc *alloc = file->env.alloc;
    goleak_buf_release(&file->bytes);
    goleak_idmap_release(&file->p_ids);
    table_release(&file->strings, alloc);
    table_release(&file->stacks, alloc);
    goleak_trace_frames_release(&file->frames);
    goleak_free(alloc, file->batches, file->batch_capacity * sizeof *file->batches);
    goleak_free(alloc, file->ps, file->p_capacity * sizeof *file->ps);
    goleak_free(alloc, file->samples.items, file->samples.capacity * sizeof *file->samples.items);
    goleak_free(alloc, file->returns.items, file->returns.capacity * sizeof *file->returns.items);
    goleak_free(alloc, file->scratch, file->scratch_capacity * sizeof *file->scratch);
}
