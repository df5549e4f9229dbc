/* join - see join.h. */
#include "join.h"

#include "base/hash.h"
#include "format/gotrace_v2.h"
#include "input/decode.h"
#include "replay/merge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_BYTES ((size_t)1 << 20)
/* Of a Go trace in whose first bytes no goroutine was born. */
#define LOOK_MOST_BYTES ((size_t)128 << 20)

/* Of one file; others are not compared. */
#define PARTS 16

/* ---- looking ---- */

/* One recording of those that a file holds: where it holds one, all of it. */
struct view {
    struct look *look;
    uint32_t part; /* from 1; 0: all of it */
    uint32_t pid;  /* of events that do not tell theirs; 0: not known */
    size_t births;
};

/* One look at a file. */
struct look {
    struct goleak_identity *identity;
    struct goleak_trace *trace; /* for its input and its tables: no event gets to its replay */
    struct goleak_input *input;
    int64_t from_ns;          /* births before it do not count; INT64_MIN: from the start */
    size_t seen;              /* bytes, of those that count */
    bool told;                /* any event */
    bool slots;               /* … of a Go trace, which tells nothing before a generation ends */
    struct goleak_event last; /* it is not noted where the look ends in its middle */
    bool has_last;
    struct view all, views[PARTS];
    size_t parts;
    /* A Go trace in a .glk, whose events are not kept until its generation has ended: the first one in it. */
    bool holds_trace;
    uint32_t traced; /* the part that it is */
    struct goleak_reader_facts trace_facts;
};

static uint32_t pid_of(const struct view *view, const struct goleak_event *event)
{
    return event->has & GOLEAK_HAS_PID ? event->pid : view->pid;
}

static void note_pid(struct goleak_identity *identity, const struct view *view, const struct goleak_event *event)
{
    const uint32_t pid = pid_of(view, event);
    if ((event->has & GOLEAK_HAS_PID) == 0 && pid == 0) {
        identity->without_pid = identity->without_pid || (event->has & (GOLEAK_HAS_G | GOLEAK_HAS_GOID)) != 0;
        return;
    }
    size_t i = 0;
    while (i < identity->pid_count && i < GOLEAK_JOIN_PIDS && identity->pids[i] != pid)
        i++;
    if (i < identity->pid_count || identity->pid_count > GOLEAK_JOIN_PIDS)
        return;
    if (i < GOLEAK_JOIN_PIDS)
        identity->pids[i] = pid;
    identity->pid_count++;
}

static uint64_t hash_text(const char *text)
{
    return goleak_hash_bytes(text, strlen(text)) | 1;
}

/* Of the start function's name, which the recording tells, or the executable; 0: neither does. */
static uint64_t hash_start(const struct look *look, const struct goleak_event *event)
{
    struct goleak_symbols *symbols = &look->trace->symbols;
    uint64_t address;
    uint32_t start = event->has & GOLEAK_HAS_START ? event->name : 0;
    if (start == 0 && (event->has & GOLEAK_HAS_STARTPC) && symbols->resolver != NULL)
        start = goleak_symbols_start(symbols, event->startpc);
    const char *name = goleak_symbols_text(symbols, start);
    bool told = name[0] != '\0' && !goleak_name_is_lost(name) && !goleak_symbols_is_address(symbols, start, &address);
    return told ? hash_text(name) : 0;
}

/* Without types: of a generic function a Go trace tells main.Map[...], a symbol table main.Map[go.shape.int]. */
static uint64_t hash_function(const char *name)
{
    uint64_t hash = 0;
    while (*name != '\0') {
        size_t size = strcspn(name, "[");
        hash = goleak_hash_u64(hash ^ goleak_hash_bytes(name, size));
        name += size;
        if (*name == '[')
            name = goleak_name_past_types(name);
    }
    return hash | 1;
}

/* The go statement's place as a report writes it, which a stack tells, or the executable. */
static void note_place(const struct look *look, const struct goleak_event *event, struct goleak_birth *birth)
{
    struct goleak_symbols *symbols = &look->trace->symbols;
    uint32_t place = event->has & GOLEAK_HAS_STACK ? goleak_symbols_created_at(symbols, event->stack) : 0;
    if (goleak_symbols_frame_function(symbols, place)[0] == '\0' && (event->has & GOLEAK_HAS_GOPC))
        place = goleak_symbols_address(symbols, event->gopc, true);
    const char *function = goleak_symbols_frame_function(symbols, place);
    if (function[0] == '\0' || goleak_name_is_lost(function))
        return;
    birth->place = hash_text(goleak_symbols_frame_text(symbols, place));
    /* Of a coroutine a Go trace tells who made it, others this function in between. */
    birth->function = goleak_text_begins(function, "runtime.newcoro") ? 0 : hash_function(function);
    birth->lined = goleak_symbols_tells_line(symbols, place);
}

/* So many births of each part are kept. */
static size_t share_of(const struct look *look)
{
    return GOLEAK_JOIN_BIRTHS / (look->parts != 0 ? look->parts : 1);
}

/* A Go trace tells all that live, are born, and end. */
static void note_there(const struct view *view, const struct goleak_event *event)
{
    const struct look *look = view->look;
    const enum goleak_roll_how how = event->kind == GOLEAK_EVENT_STATUS   ? GOLEAK_ROLL_FOUND
                                     : event->kind == GOLEAK_EVENT_CREATE ? GOLEAK_ROLL_BORN
                                     : event->kind == GOLEAK_EVENT_END    ? GOLEAK_ROLL_ENDED
                                                                          : GOLEAK_ROLL_HOWS;
    if (look->holds_trace && view->part != look->traced)
        return;
    if (how != GOLEAK_ROLL_HOWS && (event->has & GOLEAK_HAS_GOID) != 0 && goleak_g_is_slot(event->g))
        goleak_roll_note(&look->identity->roll, how, event->goid, hash_start(look, event));
}

static void note_event(struct view *view, const struct goleak_event *event)
{
    struct look *look = view->look;
    struct goleak_identity *identity = look->identity;
    bool timed = (event->has & GOLEAK_HAS_TIME) != 0;
    look->told = true;
    look->slots = look->slots || ((event->has & GOLEAK_HAS_G) != 0 && (event->g & GOLEAK_G_SLOT) != 0);
    note_pid(identity, view, event);
    if (timed && (!identity->timed || event->time_ns > identity->last_ns))
        identity->last_ns = event->time_ns;
    if (timed && (!identity->timed || event->time_ns < identity->first_ns))
        identity->first_ns = event->time_ns;
    note_there(view, event);
    identity->timed = identity->timed || timed;
    if (event->kind != GOLEAK_EVENT_CREATE || (event->has & GOLEAK_HAS_GOID) == 0 || !timed ||
        event->time_ns < look->from_ns || view->births >= share_of(look) ||
        identity->birth_count == GOLEAK_JOIN_BIRTHS)
        return;
    view->births++;
    identity->addressed = identity->addressed || (event->has & (GOLEAK_HAS_GOPC | GOLEAK_HAS_STARTPC)) != 0;
    struct goleak_birth *birth = &identity->births[identity->birth_count++];
    *birth = (struct goleak_birth) {
        .goid = event->goid,
        .gopc = event->has & GOLEAK_HAS_GOPC ? event->gopc : 0,
        .startpc = event->has & GOLEAK_HAS_STARTPC ? event->startpc : 0,
        .start = hash_start(look, event),
        .part = view->part,
        .pid = pid_of(view, event),
        .time_ns = event->time_ns,
    };
    note_place(look, event, birth);
}

static bool is_full(const struct look *look)
{
    bool full = look->parts != 0 || look->all.births >= share_of(look);
    for (size_t i = 0; i < look->parts; i++)
        full = full && look->views[i].births >= share_of(look);
    return full && look->seen >= LOOK_BYTES;
}

static bool awaits_generation(const struct look *look)
{
    return look->holds_trace && look->trace_facts.marks.generation_count == 0;
}

/* Of a Go trace all of the generation counts: who has done nothing in it is told at its end. */
static bool is_enough(const struct look *look)
{
    return is_full(look) && !look->slots && !awaits_generation(look);
}

/* A goleak_batch_fn. */
static enum goleak_status take(void *context, struct goleak_batch **batch)
{
    struct look *look = context;
    for (size_t i = 0; i < (*batch)->count && !is_enough(look); i++) {
        if (look->has_last)
            note_event(&look->all, &look->last);
        look->last = (*batch)->events[i];
        look->has_last = true;
    }
    (*batch)->count = 0;
    return is_enough(look) ? GOLEAK_E_IO : GOLEAK_OK; /* nobody wants more */
}

/* A goleak_batch_fn: a part's events are whole. */
static enum goleak_status take_of_part(void *context, struct goleak_batch **batch)
{
    struct view *view = context;
    for (size_t i = 0; i < (*batch)->count; i++)
        note_event(view, &(*batch)->events[i]);
    (*batch)->count = 0;
    return is_enough(view->look) ? GOLEAK_E_IO : GOLEAK_OK;
}

static void note_trace(struct look *look, struct goleak_part *part, uint32_t number)
{
    if (look->holds_trace || strcmp(part->format, goleak_format_gotrace_v2.name) != 0)
        return;
    look->holds_trace = true;
    look->traced = number;
    part->facts = &look->trace_facts;
}

/* A goleak_part_fn: all of them are opened before the first event. */
static enum goleak_status open_part(void *context, struct goleak_part *part)
{
    struct look *look = context;
    if (part->messages || look->parts == PARTS)
        return GOLEAK_OK;
    if (!part->beside_others) {
        look->all.pid = part->pid;
        note_trace(look, part, 0);
        return GOLEAK_OK;
    }
    struct view *view = &look->views[look->parts++];
    *view = (struct view) { .look = look, .part = (uint32_t)look->parts, .pid = part->pid };
    part->sink = (struct goleak_event_sink) { take_of_part, view };
    note_trace(look, part, view->part);
    return GOLEAK_OK;
}

static struct goleak_reader_facts facts_of(const struct look *look)
{
    const struct goleak_input *input = look->input;
    struct goleak_reader_facts facts = input->facts;
    if (input->reader != NULL)
        input->format->facts(input->reader, &facts);
    return facts;
}

static bool is_relative(const struct look *look)
{
    return facts_of(look).relative_time;
}

static bool is_behind(const struct look *look)
{
    return look->from_ns != INT64_MIN && (!look->identity->timed || look->identity->last_ns < look->from_ns);
}

static bool goes_on(const struct look *look)
{
    const bool awaits = awaits_generation(look);
    if (is_relative(look) || (is_full(look) && !awaits))
        return false;
    bool patient = awaits || (look->identity->birth_count == 0 && (look->slots || !look->told));
    return is_behind(look) || look->seen < (patient ? LOOK_MOST_BYTES : LOOK_BYTES);
}

static enum goleak_status look_on(struct look *look, struct goleak_decode *decode, struct goleak_error *error)
{
    enum goleak_status status = GOLEAK_OK;
    size_t size = 1;
    while (status == GOLEAK_OK && goes_on(look)) {
        const void *data;
        status = goleak_decode_next(decode, &data, &size, NULL, NULL, error);
        if (status != GOLEAK_OK || size == 0)
            break;
        look->seen += is_behind(look) ? 0 : size;
        status = goleak_input_feed_plain(look->input, data, size, error);
    }
    look->identity->whole = status == GOLEAK_OK && size == 0;
    if (status == GOLEAK_OK)
        status = goleak_input_end(look->input, error);
    if (look->has_last && look->identity->whole)
        note_event(&look->all, &look->last);
    look->identity->roll.marks = look->holds_trace ? look->trace_facts.marks : facts_of(look).marks;
    if (is_relative(look))
        look->identity->timed = false; /* whose start is not known */
    return is_full(look) ? GOLEAK_OK : status;
}

/* Through a reader and no further. */
static enum goleak_status look_at(struct look *look, const char *path, const struct goleak_options *options,
                                  struct goleak_error *error)
{
    struct goleak_source *source = NULL;
    struct goleak_decode *decode = NULL;
    enum goleak_status status = goleak_trace_new(&look->trace, options, error);
    if (status == GOLEAK_OK) {
        look->trace->sink = (struct goleak_event_sink) { take, look };
        look->trace->open_part = open_part;
        look->trace->part_context = look;
        status = goleak_source_open(&source, &look->trace->alloc, path, error);
    }
    if (status == GOLEAK_OK)
        status = goleak_decode_open(&decode, &look->trace->alloc, source, options->max_memory_bytes / 2, 0, error);
    if (status == GOLEAK_OK)
        status = goleak_input_open(&look->input, look->trace, path, error);
    if (status == GOLEAK_OK) {
        look->input->again = goleak_decode_again(decode);
        status = look_on(look, decode, error);
    }
    goleak_decode_close(decode);
    goleak_source_close(source);
    goleak_trace_free(look->trace);
    return status;
}

static int by_goid(const void *a, const void *b)
{
    const struct goleak_birth *x = a, *y = b;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    if (x->goid != y->goid)
        return x->goid < y->goid ? -1 : 1;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static enum goleak_status read_from(struct goleak_identity *out, const char *path, int64_t from_ns,
                                    const struct goleak_options *options, struct goleak_error *error)
{
    struct stat info;
    memset(out, 0, sizeof *out);
    if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return GOLEAK_OK;
    struct goleak_options quiet = *options;
    quiet.progress = NULL;
    quiet.ended = NULL;
    struct look look = { .identity = out, .from_ns = from_ns, .all.look = &look };
    enum goleak_status status = look_at(&look, path, &quiet, error);
    if (status == GOLEAK_E_LIMIT) /* without the others it may be read */
        memset(out, 0, sizeof *out);
    qsort(out->births, out->birth_count, sizeof *out->births, by_goid);
    goleak_roll_close(&out->roll);
    return status == GOLEAK_E_MEMORY ? status : GOLEAK_OK;
}

enum goleak_status goleak_identity_read(struct goleak_identity *out, const char *path,
                                        const struct goleak_options *options, struct goleak_error *error)
{
    return read_from(out, path, INT64_MIN, options, error);
}

void goleak_identity_free(struct goleak_identity *identity, struct goleak_alloc *alloc)
{
    while (identity != NULL) {
        struct goleak_identity *later = identity->later;
        goleak_free(alloc, identity, sizeof *identity);
        identity = later;
    }
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

enum alike { ALIKE_NO, ALIKE_UNKNOWN, ALIKE_ODD, ALIKE_YES };

/* A thread may be stopped between two recorders' probes, or a stack lack a frame, but not at one birth in so many. */
#define ODD_ONE_IN 16

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

static int64_t apart(const struct goleak_birth *a, const struct goleak_birth *b)
{
    uint64_t first = (uint64_t)(a->time_ns < b->time_ns ? a->time_ns : b->time_ns);
    uint64_t ns = (uint64_t)(a->time_ns < b->time_ns ? b->time_ns : a->time_ns) - first;
    return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
}

/* perf tells an offset in the go statement's function, a Go trace the line. The compiler inlines no function with a go
 * statement, so of one birth all tell the same one. */
static enum alike same_place(const struct goleak_birth *a, const struct goleak_birth *b)
{
    if (a->place == b->place)
        return a->place != 0 ? ALIKE_YES : ALIKE_UNKNOWN;
    if (a->function == 0 || b->function == 0)
        return ALIKE_UNKNOWN;
    if (a->function != b->function)
        return ALIKE_ODD;
    return a->lined != b->lined ? ALIKE_YES : ALIKE_UNKNOWN;
}

static enum alike same_birth(const struct goleak_birth *a, const struct goleak_birth *b)
{
    int64_t apart_ns = apart(a, b);
    bool gopc_told = a->gopc != 0 && b->gopc != 0, startpc_told = a->startpc != 0 && b->startpc != 0;
    if ((gopc_told && a->gopc != b->gopc) || (startpc_told && a->startpc != b->startpc) ||
        apart_ns > GOLEAK_MERGE_LATE_NS)
        return ALIKE_NO;
    if (apart_ns > GOLEAK_MERGE_NS)
        return ALIKE_ODD;
    /* Another name proves nothing, recorders write one in several ways: where the compiler wrapped the function,
     * its address is the wrapper's, and a Go trace tells what is wrapped. The place is the same. */
    bool start_told = a->start != 0 && a->start == b->start;
    return gopc_told || startpc_told || start_told ? ALIKE_YES : same_place(a, b);
}

/* How many from the first on have its goid. */
static size_t run_of(const struct goleak_birth *births, size_t count)
{
    size_t run = 1;
    while (run < count && births[run].goid == births[0].goid)
        run++;
    return run;
}

/* The birth that is told nearest to this one; NULL: those are all of other processes. */
static const struct goleak_birth *nearest(const struct goleak_birth *birth, const struct goleak_birth *others,
                                          size_t count)
{
    const struct goleak_birth *best = NULL;
    for (size_t i = 0; i < count; i++) {
        bool possible = birth->pid == 0 || others[i].pid == 0 || birth->pid == others[i].pid;
        if (possible && (best == NULL || apart(birth, &others[i]) < apart(birth, best)))
            best = &others[i];
    }
    return best;
}

struct likes {
    size_t same, odd, other;
};

/* Births of one goid: more than one are of several processes, or of one that was started anew. */
static void compare(const struct goleak_birth *few, size_t few_count, const struct goleak_birth *many,
                    size_t many_count, struct likes *likes)
{
    for (size_t i = 0; i < few_count && likes->other == 0; i++) {
        const struct goleak_birth *like = nearest(&few[i], many, many_count);
        enum alike alike = like != NULL ? same_birth(&few[i], like) : ALIKE_UNKNOWN;
        likes->same += alike == ALIKE_YES;
        likes->odd += alike == ALIKE_ODD;
        likes->other += alike == ALIKE_NO;
    }
}

/* Those of one part. */
struct births {
    const struct goleak_birth *first;
    size_t count;
};

static struct births next_part(const struct goleak_identity *identity, struct births before)
{
    const struct goleak_birth *end = identity->births + identity->birth_count;
    struct births part = { before.first + before.count, 0 };
    while (part.first + part.count < end && part.first[part.count].part == part.first->part)
        part.count++;
    return part;
}

static struct likes compare_parts(struct births a, struct births b)
{
    struct likes likes = { 0 };
    size_t i = 0, k = 0;
    while (i < a.count && k < b.count && likes.other == 0) {
        const struct goleak_birth *x = &a.first[i], *y = &b.first[k];
        size_t xs = x->goid <= y->goid ? run_of(x, a.count - i) : 0;
        size_t ys = y->goid <= x->goid ? run_of(y, b.count - k) : 0;
        if (xs != 0 && ys != 0)
            compare(xs <= ys ? x : y, xs <= ys ? xs : ys, xs <= ys ? y : x, xs <= ys ? ys : xs, &likes);
        i += xs;
        k += ys;
    }
    return likes;
}

/* Of two traces the later one finds those of the earlier one. */
static enum goleak_roll_answer compare_rolls(const struct goleak_identity *a, const struct goleak_identity *b)
{
    const struct goleak_identity *early = a->first_ns <= b->first_ns ? a : b, *late = early == a ? b : a;
    return goleak_roll_compare(&early->roll, &late->roll, late->first_ns <= early->last_ns);
}

static bool joins(const struct goleak_identity *a, const struct goleak_identity *b)
{
    enum alike pid = same_pid(a, b);
    if (!a->timed || !b->timed || pid == ALIKE_NO)
        return false;
    /* Of several processes those events are whose that do not say? */
    if ((a->pid_count > 1 && b->without_pid) || (b->pid_count > 1 && a->without_pid))
        return false;
    /* Where it tells no birth, nothing contradicts; else one part is enough that joins one of the other. */
    bool told = pid == ALIKE_YES, like = told && (a->birth_count == 0 || b->birth_count == 0);
    for (struct births x = next_part(a, (struct births) { a->births, 0 }); x.count != 0; x = next_part(a, x))
        for (struct births y = next_part(b, (struct births) { b->births, 0 }); y.count != 0; y = next_part(b, y)) {
            struct likes likes = compare_parts(x, y);
            like = like || (likes.other == 0 && (told || likes.same != 0) && likes.odd * ODD_ONE_IN <= likes.same);
        }
    return like || compare_rolls(a, b) == GOLEAK_ROLL_SAME;
}

bool goleak_identity_joins(const struct goleak_identity *a, const struct goleak_identity *b)
{
    for (const struct goleak_identity *x = a; x != NULL; x = x->later)
        for (const struct goleak_identity *y = b; y != NULL; y = y->later)
            if (joins(x, y))
                return true;
    return false;
}

bool goleak_identity_contradicts(const struct goleak_identity *a, const struct goleak_identity *b)
{
    return compare_rolls(a, b) == GOLEAK_ROLL_ANOTHER && !goleak_identity_joins(a, b);
}

/* ---- later ---- */

/* So many later parts of a file are looked at: each costs reading it up to there. */
#define LATER_MOST 8

/* What was seen of one ends before the other's first birth, which it may have seen later. */
static bool may_meet(const struct goleak_identity *early, const struct goleak_identity *late, int64_t *from_ns)
{
    if (!early->timed || !late->timed || early->whole || late->birth_count == 0 ||
        early->addressed == late->addressed || same_pid(early, late) != ALIKE_UNKNOWN)
        return false;
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < late->birth_count; i++)
        first_ns = late->births[i].time_ns < first_ns ? late->births[i].time_ns : first_ns;
    *from_ns = first_ns >= INT64_MIN + 1 + GOLEAK_MERGE_NS ? first_ns - GOLEAK_MERGE_NS : INT64_MIN + 1;
    return early->last_ns < first_ns;
}

bool goleak_identities_look_further(struct goleak_identity *const *identities, const char *const *paths, size_t count,
                                    struct goleak_alloc *alloc, const struct goleak_options *options)
{
    for (size_t i = 0; i < count; i++) {
        unsigned looks = 0;
        for (size_t k = 0; k < count && looks < LATER_MOST; k++) {
            int64_t from_ns;
            struct goleak_error error;
            if (i == k || !may_meet(identities[i], identities[k], &from_ns) ||
                goleak_identity_joins(identities[i], identities[k]))
                continue;
            struct goleak_identity *later = goleak_alloc_array(alloc, 1, sizeof *later);
            if (later == NULL)
                return false;
            enum goleak_status status = read_from(later, paths[i], from_ns, options, &error);
            later->later = identities[i]->later;
            identities[i]->later = later;
            looks++;
            if (status != GOLEAK_OK)
                return false;
        }
    }
    return true;
}
