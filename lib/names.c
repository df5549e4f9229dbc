/* names - see names.h. */
#include "names.h"

#include <inttypes.h>
#include <string.h>

#define COMPARED 16 /* starts of goroutines that are looked up to see whether the file fits */
#define AGREED 3    /* so many starts may tell how far off the file was loaded */
#define PAGE 4096
#define PAGES 4 /* that a function of the runtime has at most; what is said to be longer is damaged */

/* The places of an instruction: in the function that holds it, and before that in those that were inlined there, the
 * innermost first. Returns how many; 0: not known. */
static size_t places_of(const struct goleak_image *image, uint64_t address, struct goleak_place *out)
{
    struct goleak_image_frame frames[GOLEAK_INLINED];
    struct goleak_image_function function;
    size_t count = goleak_image_frames(image, address, frames, GOLEAK_INLINED);
    if (count != 0 && count < GOLEAK_INLINED && frames[count - 1].function != NULL) {
        for (size_t i = 0; i < count; i++)
            out[i] = (struct goleak_place) { frames[i].function, frames[i].file, frames[i].line };
        return count;
    }
    if (!goleak_image_at(image, address, &function) || function.name[0] == '\0')
        return 0;
    *out = (struct goleak_place){ .function = function.name };
    if (!goleak_image_line(image, address, &out->file, &out->line))
        out->file = NULL;
    return 1;
}

/* As far as starts have been compared. */
static bool is_strange(const struct goleak_names *names)
{
    return names->unfitting * 2 > names->compared;
}

static size_t all_at(struct goleak_names *names, uint64_t address, bool after_call, struct goleak_place *out)
{
    size_t count = 0;
    if (is_strange(names))
        return 0;
    for (size_t i = 0; i < names->shift_count && count == 0; i++) {
        uint64_t linked = address - names->shifts[i];
        count = linked != 0 ? places_of(names->image, linked - after_call, out) : 0;
    }
    if (names->shift_count != 0 || address == 0)
        return count;
    names->unplaced += address > names->text_end;
    return places_of(names->image, address - after_call, out); /* places in the file are far below what is loaded */
}

/* Tracers name functions as the symbol table does: with the ABI of assembly. */
static bool find_named(const struct goleak_image *image, const char *function, size_t size,
                       struct goleak_image_function *out)
{
    static const char abi[] = ".abi0";
    if (goleak_image_named(image, function, size, out))
        return true;
    return size > sizeof abi - 1 && memcmp(function + size - (sizeof abi - 1), abi, sizeof abi - 1) == 0 &&
           goleak_image_named(image, function, size - (sizeof abi - 1), out);
}

static size_t all_in(const struct goleak_names *names, const char *function, size_t size, uint64_t offset,
                     bool after_call, struct goleak_place *out)
{
    struct goleak_image_function found;
    if (is_strange(names) || !find_named(names->image, function, size, &found) || offset > found.end - found.entry)
        return 0;
    size_t count = places_of(names->image, found.entry + offset - (after_call && offset != 0), out);
    return count != 0 && out[count - 1].file != NULL ? count : 0;
}

static size_t frames(void *context, const char *function, size_t size, uint64_t offset, bool after_call,
                     struct goleak_place out[GOLEAK_INLINED])
{
    return size != 0 ? all_in(context, function, size, offset, after_call, out)
                     : all_at(context, offset, after_call, out);
}

static const char *without_folders(const char *path, size_t *size)
{
    for (const char *slash; (slash = memchr(path, '/', *size)) != NULL; path = slash + 1)
        *size -= (size_t)(slash + 1 - path);
    return path;
}

/* A name that is too long is none. */
static void keep_name(char out[256], const char *name, size_t size)
{
    memset(out, 0, 256);
    if (size < 256)
        memcpy(out, name, size);
}

static void recorded(void *context, const char *path, size_t size)
{
    struct goleak_names *names = context;
    const char *name = without_folders(path, &size);
    keep_name(names->recorded, name, size);
}

static bool is_name(const char *name, const char *object, size_t size)
{
    return size != 0 && strlen(name) == size && memcmp(name, object, size) == 0;
}

static bool is_program(struct goleak_names *names, const char *object, size_t size, bool probed)
{
    object = without_folders(object, &size);
    bool is = is_name(names->base, object, size) || is_name(names->recorded, object, size);
    if (probed && !is && names->elsewhere[0] == '\0')
        keep_name(names->elsewhere, object, size);
    names->met = names->met || (probed && is);
    return is;
}

static bool address_of(void *context, const char *object, size_t size, uint64_t offset, bool probed,
                       uint64_t *address)
{
    struct goleak_names *names = context;
    if ((object != NULL && !is_program(names, object, size, probed)) || is_strange(names))
        return false;
    uint64_t linked;
    if (!goleak_image_address_of(names->image, offset, &linked))
        return false;
    *address = linked + (names->shift_count != 0 ? names->shifts[0] : 0);
    return true;
}

static void add_shift(struct goleak_names *names, uint64_t shift)
{
    for (size_t i = 0; i < names->shift_count; i++)
        if (names->shifts[i] == shift)
            return;
    if (names->shift_count == GOLEAK_NAMES_SHIFTS)
        return;
    names->shifts[names->shift_count++] = shift;
    names->resolver.learnt++;
}

/* One more function tells this distance. */
static void add_guess(struct goleak_names *names, uint64_t shift, enum goleak_within function)
{
    struct goleak_names_guess *guess = NULL;
    for (size_t i = 0; i < GOLEAK_NAMES_GUESSES && guess == NULL; i++)
        if (names->guesses[i].told != 0 && names->guesses[i].shift == shift)
            guess = &names->guesses[i];
    if (guess == NULL) {
        guess = &names->guesses[names->next_guess++ % GOLEAK_NAMES_GUESSES];
        *guess = (struct goleak_names_guess){ .shift = shift };
    }
    guess->told |= 1u << function;
    if ((guess->told & (guess->told - 1)) != 0)
        add_shift(names, shift);
}

static bool is_within(const struct goleak_names *names, const struct goleak_image_function *function, uint64_t address)
{
    for (size_t i = 0; i < names->shift_count; i++)
        if (address - names->shifts[i] >= function->entry && address - names->shifts[i] < function->end)
            return true;
    return false;
}

/* The functions that are looked for are found once: addresses in them come with each event. */
static void find_within(struct goleak_names *names)
{
    static const char *const called[GOLEAK_WITHIN_COUNT][GOLEAK_NAMES_WITHIN] = {
        [GOLEAK_WITHIN_NEWPROC] = { "runtime.newproc1", "runtime.newproc.func1", "runtime.newproc" },
        [GOLEAK_WITHIN_GOPARK] = { "runtime.gopark" },
        [GOLEAK_WITHIN_READY] = { "runtime.ready" },
        [GOLEAK_WITHIN_EXECUTE] = { "runtime.execute" },
        [GOLEAK_WITHIN_END] = { "runtime.gdestroy", "runtime.goexit0" },
        [GOLEAK_WITHIN_GOEXIT] = { "runtime.goexit" },
    };
    struct goleak_image_function *found;
    for (size_t i = 0; i < GOLEAK_WITHIN_COUNT; i++)
        for (size_t k = 0; k < GOLEAK_NAMES_WITHIN && called[i][k] != NULL; k++)
            if (!goleak_image_named(names->image, called[i][k], strlen(called[i][k]), found = &names->within[i][k]))
                *found = (struct goleak_image_function) { 0 };
}

static void within(void *context, enum goleak_within function, uint64_t address)
{
    struct goleak_names *names = context;
    const struct goleak_image_function *known = names->within[function];
    if (!names->movable)
        return;
    for (size_t i = 0; i < GOLEAK_NAMES_WITHIN; i++)
        if (is_within(names, &known[i], address))
            return;
    for (size_t i = 0; i < GOLEAK_NAMES_WITHIN; i++)
        for (uint64_t offset = (address - known[i].entry) % PAGE;
             offset < known[i].end - known[i].entry && offset < PAGES * PAGE; offset += PAGE)
            if (address > known[i].entry + offset) /* a distance of 0 would be a place in the file */
                add_guess(names, address - known[i].entry - offset, function);
}

/* All starts are entries, if it was loaded so far off. */
static bool fits(const struct goleak_names *names, uint64_t shift)
{
    struct goleak_image_function found;
    for (size_t i = 0; i < names->start_count; i++)
        if (!goleak_image_at(names->image, names->starts[i] - shift, &found) || found.entry + shift != names->starts[i])
            return false;
    return true;
}

/* A goroutine began there, and main's beginning was not seen. */
static void learn_from_starts(struct goleak_names *names, uint64_t startpc)
{
    struct goleak_image_function function;
    uint64_t fitting = 0;
    size_t count = 0;
    for (size_t i = 0; i < names->start_count; i++)
        if (names->starts[i] == startpc)
            return;
    if (names->start_count == GOLEAK_NAMES_STARTS)
        return;
    names->starts[names->start_count++] = startpc;
    if (names->start_count < AGREED)
        return;
    for (size_t i = 0; i < goleak_image_count(names->image) && count < 2; i++) {
        if (!goleak_image_nth(names->image, i, &function) || (startpc - function.entry) % PAGE != 0 ||
            startpc < function.entry || !fits(names, startpc - function.entry))
            continue;
        fitting = startpc - function.entry;
        count++;
    }
    if (count == 1)
        add_shift(names, fitting);
}

/* Does a function begin there? If none does, *found is one that holds the address; its name is NULL: none. */
static bool begins(const struct goleak_names *names, uint64_t startpc, struct goleak_image_function *found)
{
    struct goleak_image_function here;
    *found = (struct goleak_image_function){ 0 };
    for (size_t i = 0; i < names->shift_count; i++) {
        if (!goleak_image_at(names->image, startpc - names->shifts[i], &here))
            continue;
        *found = here;
        if (here.entry == startpc - names->shifts[i])
            return true;
    }
    return false;
}

static void learn_from_start(struct goleak_names *names, uint64_t goid, uint64_t startpc)
{
    struct goleak_image_function found;
    if (goid == 1 && goleak_image_named(names->image, "runtime.main", 12, &found)) {
        if (!is_within(names, &found, startpc) && startpc >= found.entry && (startpc - found.entry) % PAGE == 0)
            add_shift(names, startpc - found.entry);
    } else if (names->shift_count == 0) {
        learn_from_starts(names, startpc);
    }
}

/* The first creations of a recording: do they fit the file? */
static void created(void *context, uint64_t goid, uint64_t startpc, const char *function, uint64_t position)
{
    struct goleak_names *names = context;
    struct goleak_image_function found;
    if (names->movable && startpc != 0)
        learn_from_start(names, goid, startpc);
    if (names->shift_count == 0 || names->compared >= COMPARED)
        return;
    const bool fits = begins(names, startpc, &found), was_strange = is_strange(names);
    if (fits ? strncmp(found.name, "runtime.", 8) == 0 : function == NULL && found.name == NULL)
        return; /* the runtime is the same in other builds; and that is a plugin's, perhaps */
    names->compared++;
    names->unfitting += !fits;
    names->resolver.learnt += was_strange && !is_strange(names); /* what was not named is looked for again */
    if (fits)
        return;
    goleak_health_note_at(names->health, GOLEAK_HEALTH_other_program, 1, position,
                          "%.100s began at 0x%" PRIx64 ", where %s has %s%.100s",
                          function != NULL ? function : "a goroutine", startpc, names->base,
                          found.name != NULL ? "the middle of " : "no function", found.name != NULL ? found.name : "");
}

enum goleak_status goleak_names_open(struct goleak_names *names, struct goleak_alloc *alloc, const char *path,
                                     struct goleak_health_book *health, struct goleak_error *error)
{
    struct goleak_image_info info;
    const char *slash = strrchr(path, '/');
    *names = (struct goleak_names){ .health = health, .base = slash != NULL ? slash + 1 : path };
    enum goleak_status status = goleak_image_open(&names->image, alloc, path, error);
    if (status != GOLEAK_OK)
        return status;
    goleak_image_info(names->image, &info);
    names->movable = info.movable;
    names->text_end = info.text_end;
    names->shift_count = !info.movable; /* 0 */
    find_within(names);
    names->resolver = (struct goleak_resolver) { names, frames, address_of, recorded, created, within, 0 };
    return GOLEAK_OK;
}

void goleak_names_finish(struct goleak_names *names)
{
    if (!names->met && names->elsewhere[0] != '\0')
        goleak_health_note(names->health, GOLEAK_HEALTH_other_program, 1, 0, 0, 0,
                           "the recorded program's file is %s, of which %s names nothing: give --exe a file of that name",
                           names->elsewhere, names->base);
    else if (names->shift_count == 0 && names->start_count != 0)
        goleak_health_note(
            names->health, GOLEAK_HEALTH_other_program, 1, 0, 0, 0,
            "where %s was loaded is not known: %zu functions that goroutines began in %s; record from the "
            "program's start, or with stacks, to have it named",
            names->base, names->start_count,
            names->start_count < AGREED ? "are too few to tell" : "fit no place, or several");
    else if (names->shift_count == 0 && names->unplaced != 0)
        goleak_health_note(names->health, GOLEAK_HEALTH_other_program, 1, 0, 0, 0,
                           "where %s was loaded is not known: no address of its probes and stacks fits; is it the "
                           "program that was recorded?",
                           names->base);
}

void goleak_names_close(struct goleak_names *names)
{
    goleak_image_close(names->image);
    names->image = NULL;
}
