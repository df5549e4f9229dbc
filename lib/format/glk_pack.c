/*
 * glk_pack - a full block on its way out: packed, and written in its turn.
 *
 * Packing takes ten times as long as all that comes before it. So a converter may have it done by threads: blocks
 * stand in a ring of parcels, in the order in which they were made, and go out in that order; the caller's thread
 * writes, and packs what nobody has taken when there is no parcel left. The bytes are the same for any number of
 * threads.
 *
 *      tables, columns --put--> waits --a thread, or the caller--> packed --the caller--> written
 */
#include "format/glk_writer_parts.h"

#include "base/error.h"
#include "base/workers.h"
#include "base/xxh64.h"

#include <zstd.h>

/* Sections below this are not worth packing; those below the other are packed as tightly as
 * can be, where the caller does not ask for speed: it takes no time. */
#define PACK_LEAST 48
#define PACK_SMALL ((size_t)32 << 10)

struct goleak_glk_parcel {
    struct goleak_task task;
    bool failed;
    struct goleak_glk_head head;
    struct goleak_buf plain[2], packed[2]; /* tables, columns */
};

struct goleak_glk_packing {
    int level;
    struct goleak_glk_parcel *parcels;
    size_t count; /* of them; more than one: there may be threads */
    size_t first, filled;
    struct goleak_workers workers;
    ZSTD_CCtx *zstd[GOLEAK_WORKERS + 1]; /* the caller's first */
};

/* ---- packing ---- */

static int level_of(int level, size_t size)
{
    return size < PACK_SMALL && level >= GOLEAK_WRITER_LEVEL ? GOLEAK_GLK_LEVEL_MAX : level;
}

static bool is_to_be_packed(int level, const struct goleak_buf *plain)
{
    return level != 0 && plain->size >= PACK_LEAST;
}

/* The section as it goes out: packed where that is smaller. */
static const struct goleak_buf *section(const struct goleak_glk_parcel *parcel, size_t which)
{
    return parcel->packed[which].size != 0 ? &parcel->packed[which] : &parcel->plain[which];
}

/* A goleak_workers': room has been made. */
static void pack(void *context, void *task, size_t number)
{
    const struct goleak_glk_packing *packing = context;
    struct goleak_glk_parcel *parcel = task;
    for (size_t i = 0; i < 2; i++) {
        const struct goleak_buf *plain = &parcel->plain[i];
        struct goleak_buf *packed = &parcel->packed[i]; /* empty */
        if (!is_to_be_packed(packing->level, plain))
            continue;
        size_t size = ZSTD_compressCCtx(packing->zstd[number], packed->data, packed->capacity, plain->data, plain->size,
                                        level_of(packing->level, plain->size));
        parcel->failed = parcel->failed || ZSTD_isError(size); /* memory is the only thing that it lacks */
        packed->size = !ZSTD_isError(size) && size < plain->size ? size : 0;
    }
    struct goleak_glk_head *head = &parcel->head;
    const struct goleak_buf *tables = section(parcel, 0), *columns = section(parcel, 1);
    head->tables_packed = tables->size;
    head->tables_plain = parcel->plain[0].size;
    head->tables_sum = (uint32_t)goleak_xxh64(tables->data, tables->size);
    head->columns_packed = columns->size;
    head->columns_plain = parcel->plain[1].size;
    head->columns_sum = (uint32_t)goleak_xxh64(columns->data, columns->size);
}

static struct goleak_glk_parcel *parcel_at(const struct goleak_glk_packing *packing, size_t number)
{
    return &packing->parcels[(packing->first + number) % packing->count];
}

/* ---- a writer's packing ---- */

static bool add_parcels(struct goleak_writer *writer, struct goleak_glk_packing *packing, size_t count)
{
    struct goleak_glk_parcel *parcels = goleak_alloc_zeroed(&writer->alloc, count * sizeof *parcels);
    if (parcels == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 2; k++) {
            goleak_buf_init(&parcels[i].plain[k], &writer->alloc);
            goleak_buf_init(&parcels[i].packed[k], &writer->alloc);
        }
    packing->parcels = parcels;
    packing->count = count;
    return true;
}

static void drop_parcels(struct goleak_writer *writer, struct goleak_glk_packing *packing)
{
    for (size_t i = 0; i < packing->count; i++)
        for (size_t k = 0; k < 2; k++) {
            goleak_buf_release(&packing->parcels[i].plain[k]);
            goleak_buf_release(&packing->parcels[i].packed[k]);
        }
    goleak_free(&writer->alloc, packing->parcels, packing->count * sizeof *packing->parcels);
    packing->parcels = NULL;
    packing->count = 0;
}

bool goleak_glk_packing_new(struct goleak_writer *writer)
{
    struct goleak_glk_packing *packing = goleak_alloc_zeroed(&writer->alloc, sizeof *packing);
    if (packing == NULL || !goleak_workers_init(&packing->workers, pack, packing)) {
        goleak_free(&writer->alloc, packing, sizeof *packing);
        return false;
    }
    writer->packing = packing;
    packing->level = writer->level;
    packing->zstd[0] = writer->level != 0 ? ZSTD_createCCtx() : NULL;
    return (packing->zstd[0] != NULL || writer->level == 0) && add_parcels(writer, packing, 1);
}

bool goleak_writer_pack_aside(struct goleak_writer *writer, unsigned threads)
{
    struct goleak_glk_packing *packing = writer->packing;
    size_t most = threads < GOLEAK_WORKERS ? threads : GOLEAK_WORKERS, count = 0;
    if (most == 0 || writer->level == 0 || writer->began || packing->count > 1)
        return true;
    drop_parcels(writer, packing);
    if (!add_parcels(writer, packing, 2 * most + 1))
        return goleak_writer_fail_memory(writer);
    while (count < most && (packing->zstd[count + 1] = ZSTD_createCCtx()) != NULL)
        count++;
    goleak_workers_start(&packing->workers, count);
    return true;
}

void goleak_glk_packing_free(struct goleak_writer *writer)
{
    struct goleak_glk_packing *packing = writer->packing;
    if (packing == NULL)
        return;
    goleak_workers_release(&packing->workers);
    for (size_t i = 0; i <= GOLEAK_WORKERS; i++)
        ZSTD_freeCCtx(packing->zstd[i]);
    drop_parcels(writer, packing);
    goleak_free(&writer->alloc, packing, sizeof *packing);
}

/* ---- bytes out ---- */

bool goleak_glk_write_bytes(struct goleak_writer *writer, const void *bytes, size_t size)
{
    if (size == 0)
        return true;
    if (!writer->write(writer->context, bytes, size)) {
        goleak_error_set(&writer->failure, GOLEAK_E_IO, "the output took no more bytes");
        return false;
    }
    writer->offset += size;
    return true;
}

/* Of a block of events, whose place is known now. */
static bool note_index(struct goleak_writer *writer, const struct goleak_glk_head *head)
{
    if (head->kind != GOLEAK_GLK_EVENT_BLOCK || head->events == 0)
        return true;
    if (!goleak_grow(&writer->alloc, &writer->index, &writer->index_capacity, writer->index_count + 1,
                     sizeof *writer->index))
        return goleak_writer_fail_memory(writer);
    writer->index[writer->index_count++] = (struct goleak_glk_indexed) {
        .offset = writer->offset,
        .events = head->events,
        .span_ns = head->span_ns,
        .first_ns = head->first_ns,
        .source = (uint32_t)head->source,
    };
    return true;
}

static bool write_parcel(struct goleak_writer *writer, const struct goleak_glk_parcel *parcel)
{
    const struct goleak_buf *tables = section(parcel, 0), *columns = section(parcel, 1);
    if (parcel->failed)
        return goleak_writer_fail_memory(writer);
    writer->head.size = 0;
    goleak_glk_head_put(&writer->head, &parcel->head);
    if (writer->head.failed)
        return goleak_writer_fail_memory(writer);
    return note_index(writer, &parcel->head) && goleak_glk_write_bytes(writer, writer->head.data, writer->head.size) &&
           goleak_glk_write_bytes(writer, tables->data, tables->size) &&
           goleak_glk_write_bytes(writer, columns->data, columns->size);
}

/* Those that are packed, up to the first that is not; and so many that no more than `most` are left. */
static bool write_out(struct goleak_writer *writer, size_t most)
{
    struct goleak_glk_packing *packing = writer->packing;
    while (packing->filled != 0) {
        struct goleak_glk_parcel *parcel = parcel_at(packing, 0);
        if (!goleak_workers_finish(&packing->workers, &parcel->task, packing->filled > most))
            return true;
        packing->first = (packing->first + 1) % packing->count;
        packing->filled--;
        if (!write_parcel(writer, parcel))
            return false;
    }
    return true;
}

bool goleak_glk_write_all(struct goleak_writer *writer)
{
    return write_out(writer, 0);
}

static void swap(struct goleak_buf *a, struct goleak_buf *b)
{
    struct goleak_buf own = *a;
    *a = *b;
    *b = own;
}

bool goleak_glk_put_block(struct goleak_writer *writer, struct goleak_glk_head *head)
{
    struct goleak_glk_packing *packing = writer->packing;
    struct goleak_buf *const plain[2] = { &writer->tables, &writer->columns };
    if (plain[0]->failed || plain[1]->failed)
        return goleak_writer_fail_memory(writer);
    if (!write_out(writer, packing->count - 1))
        return false;
    struct goleak_glk_parcel *parcel = parcel_at(packing, packing->filled);
    head->number = writer->number++;
    parcel->head = *head;
    parcel->failed = false;
    for (size_t i = 0; i < 2; i++) {
        swap(&parcel->plain[i], plain[i]);
        parcel->packed[i].size = 0;
        if (is_to_be_packed(packing->level, &parcel->plain[i]) &&
            !goleak_buf_reserve(&parcel->packed[i], ZSTD_compressBound(parcel->plain[i].size)))
            return goleak_writer_fail_memory(writer);
    }
    packing->filled++;
    goleak_workers_put(&packing->workers, &parcel->task);
    return write_out(writer, packing->count > 1 ? packing->count : 0);
}
