/* join - see join.h. */
#include "join.h"

#include "base/hash.h"
#include "input/decode.h"
#include "replay/merge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_BYTES ((size_t)1 << 20)
/* Where no goroutine was born in them: a Go trace tells nothing before a generation ends. */
#define LOOK_MOST_BYTES ((size_t)128 << 20)

/* ---- looking ---- */

static void note_pid(struct goleak_identity *identity, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_PID) == 0) {
        identity->without_pid = identity->without_pid || (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) != 0;
        return;
    }
    size_t i = 0;
    while (i < identity->pid_count && i < GOLEAK_JOIN_PIDS && identity->pids[i] != event->pid)
        i++;
    if (i < identity->pid_count || identity->pid_count > GOLEAK_JOIN_PIDS)
        return;
    if (i < GOLEAK_JOIN_PIDS)
        identity->pids[i] = event->pid;
    identity->pid_count++;
}

static uint64_t hash_start(const struct goleak_decoder *decoder, const struct goleak_event *event)
{
    const char *name = event->has & GOLEAK_HAS_START ? goleak_decoder_name(decoder, event->name) : "";
    return name[0] != '\0' ? goleak_hash_bytes(name, strlen(name)) | 1 : 0;
}

static void note_event(struct goleak_identity *identity, const struct goleak_decoder *decoder,
                       const struct goleak_event *event)
{
    identity->timed = identity->timed || (event->has & GOLEAK_HAS_TIME) != 0;
    note_pid(identity, event);
    if (event->kind != GOLEAK_EVENT_CREATE || (event->has & GOLEAK_HAS_GOID) == 0 ||
        (event->has & GOLEAK_HAS_TIME) == 0 || identity->birth_count == GOLEAK_JOIN_BIRTHS)
        return;
    identity->births[identity->birth_count++] = (struct goleak_birth){
        .goid = event->goid,
        .gopc = event->has & GOLEAK_HAS_GOPC ? event->gopc : 0,
        .startpc = event->has & GOLEAK_HAS_STARTPC ? event->startpc : 0,
        .start = hash_start(decoder, event),
        .pid = event->has & GOLEAK_HAS_PID ? event->pid : 0,
        .time_ns = event->time_ns,
    };
}

static int by_goid(const void *a, const void *b)
{
    const struct goleak_birth *x = a, *y = b;
    if (x->goid != y->goid)
        return x->goid < y->goid ? -1 : 1;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The last event waits for the next: it is not taken where the look ends in its middle. */
struct taking {
    struct goleak_identity *identity;
    struct goleak_event last;
    bool has_last;
};

static void take_events(struct taking *taking, struct goleak_decoder *decoder)
{
    const struct goleak_event *event;
    while (goleak_decoder_next(decoder, &event) == GOLEAK_OK) {
        if (taking->has_last)
            note_event(taking->identity, decoder, &taking->last);
        taking->last = *event;
        taking->has_last = true;
    }
}

/* A file's first bytes, through a decoder: events without a replay. */
static enum goleak_status look(struct goleak_identity *identity, const char *path,
                               const struct goleak_options *options, struct goleak_error *error)
{
    struct goleak_alloc alloc;
    struct goleak_source *source = NULL;
    struct goleak_decode *decode = NULL;
    struct goleak_decoder *decoder = NULL;
    struct taking taking = { .identity = identity };
    size_t seen = 0, size = 0;
    goleak_alloc_init(&alloc, options->allocator, options->max_memory_bytes);
    enum goleak_status status = goleak_source_open(&source, &alloc, path, error);
    if (status == GOLEAK_OK)
        status = goleak_decode_open(&decode, &alloc, source, options->max_memory_bytes / 2, 0, error);
    if (status == GOLEAK_OK)
        status = goleak_decoder_new(&decoder, options, error);
    while (status == GOLEAK_OK && seen < (identity->birth_count == 0 ? LOOK_MOST_BYTES : LOOK_BYTES)) {
        const void *data;
        status = goleak_decode_next(decode, &data, &size, NULL, NULL, error);
        if (status != GOLEAK_OK || size == 0)
            break;
        seen += size;
        status = goleak_decoder_feed(decoder, data, size, error);
        take_events(&taking, decoder);
    }
    if (status == GOLEAK_OK) {
        status = goleak_decoder_finish(decoder, error);
        take_events(&taking, decoder);
    }
    if (taking.has_last && size == 0)
        note_event(identity, decoder, &taking.last);
    if (decoder != NULL && goleak_decoder_is_relative(decoder))
        identity->timed = false; /* whose start is not known */
    goleak_decoder_free(decoder);
    goleak_decode_close(decode);
    goleak_source_close(source);
    return status;
}

enum goleak_status goleak_identity_read(struct goleak_identity *out, const char *path,
                                        const struct goleak_options *options, struct goleak_error *error)
{
    struct stat info;
    memset(out, 0, sizeof *out);
    if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return GOLEAK_OK;
    struct goleak_options quiet = *options;
    quiet.progress = NULL;
    quiet.exe = NULL;
    quiet.ended = NULL;
    enum goleak_status status = look(out, path, &quiet, error);
    qsort(out->births, out->birth_count, sizeof *out->births, by_goid);
    return status == GOLEAK_E_MEMORY || status == GOLEAK_E_LIMIT ? status : GOLEAK_OK;
}

/* ---- names ---- */

/* Up to the first dot of its last part: "trace" of "x/trace.txt.zst". */
static size_t stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strchr(name, '.');
    return dot != NULL ? (size_t)(dot - path) : strlen(path);
}

size_t goleak_paths_alike(const char *a, const char *b)
{
    size_t size = 0;
    while (a[size] != '\0' && a[size] == b[size])
        size++;
    return size;
}

bool goleak_paths_are_neighbours(const char *a, const char *b)
{
    return stem_of(a) == stem_of(b) && strncmp(a, b, stem_of(b)) == 0 && strcmp(a, b) != 0;
}

/* ---- comparing ---- */

enum alike { ALIKE_NO, ALIKE_UNKNOWN, ALIKE_LATE, ALIKE_YES };

/* A thread may be stopped between two recorders' probes. */
#define LATE_NS ((int64_t)100000000)
/* … but not at one birth in so many. */
#define LATE_ONE_IN 16

static enum alike same_pid(const struct goleak_identity *a, const struct goleak_identity *b)
{
    if (a->pid_count == 0 || b->pid_count == 0)
        return ALIKE_UNKNOWN;
    for (size_t i = 0; i < a->pid_count && i < GOLEAK_JOIN_PIDS; i++)
        for (size_t k = 0; k < b->pid_count && k < GOLEAK_JOIN_PIDS; k++)
            if (a->pids[i] == b->pids[k])
                return ALIKE_YES;
    return ALIKE_NO;
}

static enum alike same_birth(const struct goleak_birth *a, const struct goleak_birth *b)
{
    int64_t apart = a->time_ns > b->time_ns ? a->time_ns - b->time_ns : b->time_ns - a->time_ns;
    bool gopc_told = a->gopc != 0 && b->gopc != 0, startpc_told = a->startpc != 0 && b->startpc != 0;
    if ((gopc_told && a->gopc != b->gopc) || (startpc_told && a->startpc != b->startpc) || apart > LATE_NS)
        return ALIKE_NO;
    if (apart > GOLEAK_MERGE_NS)
        return ALIKE_LATE;
    /* Another name proves nothing, recorders write one in several ways. */
    bool start_told = a->start != 0 && a->start == b->start;
    return gopc_told || startpc_told || start_told ? ALIKE_YES : ALIKE_UNKNOWN;
}

bool goleak_identity_joins(const struct goleak_identity *a, const struct goleak_identity *b)
{
    enum alike pid = same_pid(a, b);
    size_t i = 0, k = 0, same = 0, late = 0;
    if (!a->timed || !b->timed || pid == ALIKE_NO)
        return false;
    /* Of several processes those events are whose that do not say? */
    if ((a->pid_count > 1 && b->without_pid) || (b->pid_count > 1 && a->without_pid))
        return false;
    while (i < a->birth_count && k < b->birth_count) {
        const struct goleak_birth *x = &a->births[i], *y = &b->births[k];
        bool both_tell = x->pid != 0 && y->pid != 0;
        if (x->goid != y->goid || (both_tell && x->pid != y->pid)) {
            bool first = x->goid != y->goid ? x->goid < y->goid : x->pid < y->pid;
            i += first;
            k += !first;
            continue;
        }
        enum alike alike = same_birth(x, y);
        if (alike == ALIKE_NO)
            return false;
        same += alike == ALIKE_YES;
        late += alike == ALIKE_LATE;
        i++, k++;
    }
    return (pid == ALIKE_YES || same != 0) && late * LATE_ONE_IN <= same;
}
