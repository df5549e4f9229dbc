/*
 * glk_pack - a full block on its way out: packed, and written in its turn.
 *
 * Packing takes ten times as long as all that comes before it. So a converter may have it done by threads: blocks
 * stand in a ring of parcels, in the order in which they were made, and go out in that order; the caller's thread
 * writes, and packs what nobody has taken when there is no parcel left. The bytes are the same for any number of
 * threads.
 *
 *      tables, columns --put--> waits --a thread--> packing --> packed --the caller--> written
 */
#include "format/glk_writer_parts.h"

#include "base/error.h"
#include "base/thread.h"
#include "base/xxh64.h"

#include <zstd.h>

/* Sections below this are not worth packing; those below the other are packed as tightly as
 * can be, where the caller does not ask for speed: it takes no time. */
#define PACK_LEAST 48
#define PACK_SMALL ((size_t)32 << 10)

enum parcel_state { PARCEL_WAITS, PARCEL_PACKING, PARCEL_PACKED };

struct goleak_glk_parcel {
    enum parcel_state state; /* under the mutex, as `first` and `filled` */
    bool failed;
    struct goleak_glk_head head;
    struct goleak_buf plain[2], packed[2]; /* tables, columns */
};

struct packer {
    struct goleak_glk_packing *packing;
    ZSTD_CCtx *zstd;
    pthread_t thread;
};

struct goleak_glk_packing {
    int level;
    struct goleak_glk_parcel *parcels;
    size_t count, first, filled;
    ZSTD_CCtx *zstd; /* the caller's */
    struct packer *packers;
    size_t packer_count, packer_capacity;
    pthread_mutex_t mutex; /* where there are packers */
    pthread_cond_t waits, packed;
    bool over;
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

/* On any thread: room has been made. */
static void pack(struct goleak_glk_parcel *parcel, ZSTD_CCtx *zstd, int level)
{
    for (size_t i = 0; i < 2; i++) {
        const struct goleak_buf *plain = &parcel->plain[i];
        struct goleak_buf *packed = &parcel->packed[i]; /* empty */
        if (!is_to_be_packed(level, plain))
            continue;
        size_t size = ZSTD_compressCCtx(zstd, packed->data, packed->capacity, plain->data, plain->size,
                                        level_of(level, plain->size));
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

/* The oldest that waits; NULL: none does. */
static struct goleak_glk_parcel *find_waiting(const struct goleak_glk_packing *packing)
{
    for (size_t i = 0; i < packing->filled; i++)
        if (parcel_at(packing, i)->state == PARCEL_WAITS)
            return parcel_at(packing, i);
    return NULL;
}

/* With the mutex, which others may have meanwhile. */
static void pack_waiting(struct goleak_glk_packing *packing, struct goleak_glk_parcel *parcel, ZSTD_CCtx *zstd)
{
    parcel->state = PARCEL_PACKING;
    pthread_mutex_unlock(&packing->mutex);
    pack(parcel, zstd, packing->level);
    pthread_mutex_lock(&packing->mutex);
    parcel->state = PARCEL_PACKED;
}

static void *run_packer(void *context)
{
    const struct packer *packer = context;
    struct goleak_glk_packing *packing = packer->packing;
    pthread_mutex_lock(&packing->mutex);
    while (!packing->over) {
        struct goleak_glk_parcel *parcel = find_waiting(packing);
        if (parcel == NULL) {
            pthread_cond_wait(&packing->waits, &packing->mutex);
            continue;
        }
        pack_waiting(packing, parcel, packer->zstd);
        pthread_cond_signal(&packing->packed);
    }
    pthread_mutex_unlock(&packing->mutex);
    return NULL;
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
    writer->packing = packing;
    if (packing == NULL)
        return false;
    packing->level = writer->level;
    packing->zstd = writer->level != 0 ? ZSTD_createCCtx() : NULL;
    return (packing->zstd != NULL || writer->level == 0) && add_parcels(writer, packing, 1);
}

static bool start_packer(struct goleak_glk_packing *packing)
{
    struct packer *packer = &packing->packers[packing->packer_count];
    *packer = (struct packer) { .packing = packing, .zstd = ZSTD_createCCtx() };
    if (packer->zstd != NULL && goleak_thread_start(&packer->thread, run_packer, packer)) {
        packing->packer_count++;
        return true;
    }
    ZSTD_freeCCtx(packer->zstd);
    return false;
}

bool goleak_writer_pack_aside(struct goleak_writer *writer, unsigned threads)
{
    struct goleak_glk_packing *packing = writer->packing;
    if (threads == 0 || writer->level == 0 || writer->began || packing->packers != NULL)
        return true;
    if (!goleak_thread_locks_init(&packing->mutex, &packing->waits, &packing->packed))
        return true; /* the caller packs */
    packing->packers = goleak_alloc_array(&writer->alloc, threads, sizeof *packing->packers);
    if (packing->packers == NULL) {
        goleak_thread_locks_destroy(&packing->mutex, &packing->waits, &packing->packed);
        return goleak_writer_fail_memory(writer);
    }
    packing->packer_capacity = threads;
    drop_parcels(writer, packing);
    if (!add_parcels(writer, packing, 2 * (size_t)threads + 1))
        return goleak_writer_fail_memory(writer);
    while (packing->packer_count < threads && start_packer(packing))
        continue;
    return true;
}

void goleak_glk_packing_free(struct goleak_writer *writer)
{
    struct goleak_glk_packing *packing = writer->packing;
    if (packing == NULL)
        return;
    if (packing->packers != NULL) {
        pthread_mutex_lock(&packing->mutex);
        packing->over = true;
        pthread_cond_broadcast(&packing->waits);
        pthread_mutex_unlock(&packing->mutex);
        for (size_t i = 0; i < packing->packer_count; i++) {
            pthread_join(packing->packers[i].thread, NULL);
            ZSTD_freeCCtx(packing->packers[i].zstd);
        }
        goleak_thread_locks_destroy(&packing->mutex, &packing->waits, &packing->packed);
        goleak_free(&writer->alloc, packing->packers, packing->packer_capacity * sizeof *packing->packers);
    }
    drop_parcels(writer, packing);
    ZSTD_freeCCtx(packing->zstd);
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

/* Once it is packed, by whomever: who waits for it packs what nobody has taken. False where it is not, and nobody is to
 * wait for it. */
static bool is_packed(struct goleak_glk_packing *packing, const struct goleak_glk_parcel *parcel, bool wait)
{
    if (packing->packers == NULL)
        return true;
    pthread_mutex_lock(&packing->mutex);
    while (wait && parcel->state != PARCEL_PACKED) {
        struct goleak_glk_parcel *waiting = find_waiting(packing);
        if (waiting != NULL)
            pack_waiting(packing, waiting, packing->zstd);
        else
            pthread_cond_wait(&packing->packed, &packing->mutex);
    }
    bool done = parcel->state == PARCEL_PACKED;
    pthread_mutex_unlock(&packing->mutex);
    return done;
}

/* Those that are packed, up to the first that is not; and so many that no more than `most` are left. */
static bool write_out(struct goleak_writer *writer, size_t most)
{
    struct goleak_glk_packing *packing = writer->packing;
    while (packing->filled != 0) {
        struct goleak_glk_parcel *parcel = parcel_at(packing, 0);
        if (!is_packed(packing, parcel, packing->filled > most))
            return true;
        bool good = write_parcel(writer, parcel);
        if (packing->packers != NULL)
            pthread_mutex_lock(&packing->mutex);
        packing->first = (packing->first + 1) % packing->count;
        packing->filled--;
        if (packing->packers != NULL)
            pthread_mutex_unlock(&packing->mutex);
        if (!good)
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
    if (packing->packers == NULL) {
        pack(parcel, packing->zstd, packing->level);
        packing->filled++;
        return write_out(writer, 0);
    }
    pthread_mutex_lock(&packing->mutex);
    parcel->state = PARCEL_WAITS;
    packing->filled++;
    pthread_cond_signal(&packing->waits);
    pthread_mutex_unlock(&packing->mutex);
    return write_out(writer, packing->count);
}
