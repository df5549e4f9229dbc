/*
 * target - what is to be recorded: version, architecture, and where the probes go.
 *
 *      --exe         everything is read from the program
 *      --go-version  probes by name, at the functions' entries
 *
 * What was given wins over what was read, and a contradiction is told.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "recorder/recorder.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROLOGUE_BYTES 96 /* gopark's is 14 to 30 long; a big frame's check adds a few */

/* ---- architecture ----------------------------------------------------------- */

static const struct {
    enum goleak_arch arch;
    const char *name;
} archs[] = { { GOLEAK_ARCH_AMD64, "amd64" }, { GOLEAK_ARCH_ARM64, "arm64" } };

#if defined(__aarch64__)
#define THIS_ARCH GOLEAK_ARCH_ARM64
#else
#define THIS_ARCH GOLEAK_ARCH_AMD64
#endif

static const char *arch_name(enum goleak_arch arch)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (archs[i].arch == arch)
            return archs[i].name;
    return NULL;
}

static enum goleak_status set_arch(struct goleak_recorder_target *target, const char *name, enum goleak_arch found,
                                   struct goleak_error *error)
{
    target->arch = found;
    for (size_t i = 0; name != NULL && i < sizeof archs / sizeof *archs; i++)
        if (strcmp(archs[i].name, name) == 0)
            target->arch = archs[i].arch;
    target->arch_name = arch_name(target->arch);
    if (target->arch_name == NULL)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "found a program for another machine, expected one for amd64 or arm64");
    if (name != NULL && strcmp(target->arch_name, name) != 0)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found the architecture \"%.40s\", expected amd64 or arm64",
                                name);
    if (target->exe != NULL && target->arch != found)
        return goleak_error_set(error, GOLEAK_E_USAGE, "the architecture was given as %s, but the program is for %s",
                                target->arch_name, arch_name(found) != NULL ? arch_name(found) : "another machine");
    return GOLEAK_OK;
}

/* ---- version ---------------------------------------------------------------- */

static enum goleak_status set_version(struct goleak_recorder_target *target, const char *text,
                                      struct goleak_error *error)
{
    unsigned minor;
    if (!goleak_go_minor(text, &minor))
        return goleak_error_set(error, GOLEAK_E_USAGE, "found \"%.40s\", expected a Go version such as 1.26", text);
    target->layout = goleak_go_layout(minor);
    if (target->layout == NULL)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "found Go 1.%u, expected " GOLEAK_RECORDER_OLDEST " to " GOLEAK_RECORDER_NEWEST
                                ": the layout of other versions is not known",
                                minor);
    snprintf(target->version, sizeof target->version, "1.%u", minor);
    return GOLEAK_OK;
}

static enum goleak_status choose_version(struct goleak_recorder_target *target, const char *given, const char *found,
                                         struct goleak_error *error)
{
    unsigned given_minor, found_minor;
    if (given == NULL && found == NULL)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                target->exe != NULL
                                    ? "the program does not say which Go built it: the version must be given"
                                    : "neither a program nor a Go version is given, and the probes depend on it");
    if (given != NULL && found != NULL && goleak_go_minor(given, &given_minor) &&
        goleak_go_minor(found, &found_minor) && given_minor != found_minor)
        return goleak_error_set(error, GOLEAK_E_USAGE, "the Go version was given as 1.%u, but the program says %.60s",
                                given_minor, found);
    return set_version(target, given != NULL ? given : found, error);
}

/* ---- probes ----------------------------------------------------------------- */

static void name_probes(struct goleak_recorder_target *target)
{
    static const struct {
        const char *event, *symbol;
    } names[] = {
#define X(name, event, symbol) { event, symbol },
        GOLEAK_RECORDER_PROBES(X)
#undef X
    };
    for (size_t i = 0; i < GOLEAK_PLACE_COUNT; i++) {
        struct goleak_recorder_probe *probe = &target->probes[i];
        probe->event = names[i].event;
        probe->symbol = names[i].symbol;
        probe->wanted = i < GOLEAK_PLACE_FIRST_OBJECT ||
                        (i < GOLEAK_PLACE_FIRST_LOCK ? target->objects : target->locks);
    }
    if (target->layout->minor >= 24) {
        target->probes[GOLEAK_PLACE_LOCK].symbol = "internal/sync.(*Mutex).Lock";
        target->probes[GOLEAK_PLACE_TRYLOCK].symbol = "internal/sync.(*Mutex).TryLock";
        target->probes[GOLEAK_PLACE_UNLOCK].symbol = "internal/sync.(*Mutex).Unlock";
    }
    /* Four or five times as many events as ready, and each ends a wait that ready ended
     * already, but for those of the network poller. */
    if (target->minimal)
        target->probes[GOLEAK_PLACE_EXECUTE].wanted = false;
    target->probes[GOLEAK_PLACE_END].event = target->layout->end_event;
    target->probes[GOLEAK_PLACE_END].symbol = target->layout->end_symbol;
}

/* After all are decided on. */
static void list_probes(struct goleak_recorder_target *target)
{
    size_t used = 0;
    for (size_t i = 0; i < GOLEAK_PLACE_COUNT; i++) {
        if (target->probes[i].wanted)
            used += (size_t)snprintf(target->probe_names + used, sizeof target->probe_names - used, "%s%s",
                                     used > 0 ? "," : "", target->probes[i].event);
    }
}

static bool on_goroutine_stack(size_t place)
{
    return place == GOLEAK_PLACE_GOPARK || place >= GOLEAK_PLACE_FIRST_OBJECT;
}

static enum goleak_status locate(struct goleak_recorder_target *target, const struct goleak_image *image,
                                 struct goleak_error *error)
{
    struct goleak_image_info info;
    goleak_image_info(image, &info);
    for (size_t i = 0; i < GOLEAK_PLACE_COUNT; i++) {
        struct goleak_recorder_probe *probe = &target->probes[i];
        struct goleak_image_function function;
        uint8_t code[PROLOGUE_BYTES];
        if (!goleak_image_named(image, probe->symbol, strlen(probe->symbol), &function) ||
            !goleak_image_offset_of(image, function.entry, &probe->offset)) {
            /* The linker leaves out what is never called: no select, no selectgo. */
            probe->wanted = false;
            if (i >= GOLEAK_PLACE_FIRST_OBJECT)
                continue;
            return goleak_error_set(error, GOLEAK_E_FORMAT, "the program has no function %s, as Go %s has",
                                    probe->symbol, target->version);
        }
        probe->located = true;
        uint64_t whole = function.end - function.entry;
        size_t size = whole < sizeof code ? (size_t)whole : sizeof code;
        if (on_goroutine_stack(i))
            probe->skip =
                goleak_recorder_prologue(target->arch, code, goleak_image_code(image, function.entry, code, size));
        probe->code_size = goleak_image_code(image, function.entry + probe->skip, probe->code, sizeof probe->code);
        uint64_t place = probe->offset + probe->skip;
        probe->ambiguous = place >= info.text && place < info.text_end;
    }
    return GOLEAK_OK;
}

/* ---- locks ------------------------------------------------------------------ */

/* Who holds a lock is known only if every call is seen: none may be inlined, and none may be
 * seen twice, as at an entry where the stack grows. */
static enum goleak_status check_locks(const struct goleak_recorder_target *target, const struct goleak_image *image,
                                      struct goleak_error *error)
{
    static const char build[] = "go build -gcflags=all=-l keeps such calls";
    const char *names[GOLEAK_PLACE_COUNT - GOLEAK_PLACE_FIRST_LOCK];
    struct goleak_image_function where;
    for (size_t i = GOLEAK_PLACE_FIRST_LOCK; i < GOLEAK_PLACE_COUNT; i++) {
        const struct goleak_recorder_probe *probe = &target->probes[i];
        names[i - GOLEAK_PLACE_FIRST_LOCK] = probe->symbol;
        if (probe->wanted && probe->skip == 0 &&
            goleak_recorder_checks_stack(target->arch, probe->code, probe->code_size))
            return goleak_error_set(error, GOLEAK_E_FORMAT,
                                    "the beginning of %s is not known, so a call of it might be seen twice",
                                    probe->symbol);
    }
    switch (goleak_image_inlined(image, names, sizeof names / sizeof *names, &where)) {
    case GOLEAK_INLINED_NOWHERE: return GOLEAK_OK;
    case GOLEAK_INLINED_SOMEWHERE:
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "the compiler inlined calls of locks, in %.80s for one, where no probe sees them: %s",
                                where.name, build);
    default:
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "it is not known which calls of locks the compiler inlined, in %.80s for one: %s",
                                where.name, build);
    }
}

/* ---- prologues -------------------------------------------------------------- */

/* The instructions of a Go prologue, and nothing else: whatever is not known ends the
 * walk, so that a probe can never stand inside an instruction.
 *
 *      49 3b 66 10              cmp  0x10(%r14),%rsp
 *      4c 8d a4 24 D32          lea  D(%rsp),%r12          (big frames)
 *      4c 8d 64 24 D8           lea  D(%rsp),%r12
 *      4d 3b 66 10              cmp  0x10(%r14),%r12
 *      0f 86 R32 / 76 R8        jbe  morestack
 *      55                       push %rbp                  (1.21 and later)
 *      48 89 e5                 mov  %rsp,%rbp             -> here
 *      48 83 ec I8 / 48 81 ec I32   sub $I,%rsp            (1.20 and before)
 *      48 83 c4 80              add  $-128,%rsp
 *      48 89 6c 24 D8 / 48 89 ac 24 D32   mov %rbp,D(%rsp)
 *      48 8d 6c 24 D8 / 48 8d ac 24 D32   lea D(%rsp),%rbp -> here
 */
static const struct {
    unsigned char size, match_size;
    bool last;
    unsigned char match[4];
} amd64_prologue[] = {
    { 4, 4, false, { 0x49, 0x3b, 0x66, 0x10 } },
    { 8, 4, false, { 0x4c, 0x8d, 0xa4, 0x24 } },
    { 5, 4, false, { 0x4c, 0x8d, 0x64, 0x24 } },
    { 4, 4, false, { 0x4d, 0x3b, 0x66, 0x10 } },
    { 6, 2, false, { 0x0f, 0x86 } },
    { 2, 1, false, { 0x76 } },
    { 1, 1, false, { 0x55 } },
    { 3, 3, true, { 0x48, 0x89, 0xe5 } },
    { 4, 3, false, { 0x48, 0x83, 0xec } },
    { 7, 3, false, { 0x48, 0x81, 0xec } },
    { 4, 4, false, { 0x48, 0x83, 0xc4, 0x80 } },
    { 5, 4, false, { 0x48, 0x89, 0x6c, 0x24 } },
    { 8, 4, false, { 0x48, 0x89, 0xac, 0x24 } },
    { 5, 4, true, { 0x48, 0x8d, 0x6c, 0x24 } },
    { 8, 4, true, { 0x48, 0x8d, 0xac, 0x24 } },
};

static unsigned prologue_amd64(const uint8_t *code, size_t size)
{
    const size_t count = sizeof amd64_prologue / sizeof *amd64_prologue;
    size_t at = 0, i;
    do {
        for (i = 0; i < count; i++)
            if (amd64_prologue[i].size <= size - at &&
                memcmp(code + at, amd64_prologue[i].match, amd64_prologue[i].match_size) == 0)
                break;
        if (i == count)
            return 0;
        at += amd64_prologue[i].size;
    } while (!amd64_prologue[i].last);
    return (unsigned)at;
}

/* Every instruction has four bytes. The frame is complete behind the one that sets the
 * frame pointer, R29:
 *
 *      f9400b90    ldr  x16, [x28, #16]
 *      eb3063ff    cmp  sp, x16
 *      54...       b.ls morestack
 *      f81.0ffe    str  x30, [sp, #-N]!
 *      f81f83fd    stur x29, [sp, #-8]
 *      d10023fd    sub  x29, sp, #8        -> here
 */
static unsigned prologue_arm64(const uint8_t *code, size_t size)
{
    for (size_t at = 0; at + 4 <= size; at += 4) {
        uint32_t word =
            code[at] | (uint32_t)code[at + 1] << 8 | (uint32_t)code[at + 2] << 16 | (uint32_t)code[at + 3] << 24;
        if (word == 0xd10023fd)
            return (unsigned)at + 4;
    }
    return 0;
}

unsigned goleak_recorder_prologue(enum goleak_arch arch, const uint8_t *code, size_t size)
{
    return arch == GOLEAK_ARCH_ARM64 ? prologue_arm64(code, size) : prologue_amd64(code, size);
}

bool goleak_recorder_checks_stack(enum goleak_arch arch, const uint8_t *code, size_t size)
{
    static const uint8_t small[] = { 0x49, 0x3b, 0x66, 0x10 }, big[] = { 0x4c, 0x8d };
    if (arch == GOLEAK_ARCH_ARM64) /* ldr x16, [x28, #16] */
        return size >= 4 && code[0] == 0x90 && code[1] == 0x0b && code[2] == 0x40 && code[3] == 0xf9;
    return (size >= sizeof small && memcmp(code, small, sizeof small) == 0) ||
           (size >= sizeof big && memcmp(code, big, sizeof big) == 0);
}

/* ---- all of it -------------------------------------------------------------- */

/* Scripts are run elsewhere: the path must not depend on where we are. */
static enum goleak_status set_exe(struct goleak_recorder_target *target, char *path, const char *exe,
                                  struct goleak_error *error)
{
    char *real = realpath(exe, NULL);
    size_t size = real != NULL ? strlen(real) : 0;
    if (real != NULL && size < GOLEAK_RECORDER_PATH)
        memcpy(path, real, size + 1);
    free(real);
    if (size == 0 || size >= GOLEAK_RECORDER_PATH)
        return goleak_error_set(error, GOLEAK_E_IO, "there is no such program, or its path is too long");
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
            return goleak_error_set(error, GOLEAK_E_USAGE,
                                    "the program's path has a control character, which no script can name");
    }
    target->exe = path;
    return GOLEAK_OK;
}

static enum goleak_status read_exe(struct goleak_recorder_target *target, const struct goleak_image *image,
                                   const struct goleak_recorder_options *options, struct goleak_error *error)
{
    struct goleak_image_info info;
    goleak_image_info(image, &info);
    target->by_address = !info.has_symbols;
    enum goleak_status status = set_arch(target, options->arch, info.arch, error);
    if (status == GOLEAK_OK)
        status = choose_version(target, options->go_version, info.go_version, error);
    if (status != GOLEAK_OK)
        return status;
    name_probes(target);
    status = locate(target, image, error);
    if (status == GOLEAK_OK && target->locks)
        status = check_locks(target, image, error);
    list_probes(target);
    return status;
}

static enum goleak_status init_from_exe(struct goleak_recorder_target *target, char *path, struct goleak_alloc *alloc,
                                        const struct goleak_recorder_options *options, struct goleak_error *error)
{
    struct goleak_image *image;
    enum goleak_status status = set_exe(target, path, options->exe, error);
    if (status == GOLEAK_OK)
        status = goleak_image_open(&image, alloc, options->exe, error);
    if (status == GOLEAK_OK) {
        status = read_exe(target, image, options, error);
        goleak_image_close(image);
    }
    if (status != GOLEAK_OK && error != NULL)
        snprintf(error->path, sizeof error->path, "%s", options->exe);
    return status;
}

enum goleak_status goleak_recorder_target_init(struct goleak_recorder_target *out, char *path,
                                               struct goleak_alloc *alloc,
                                               const struct goleak_recorder_options *options,
                                               struct goleak_error *error)
{
    memset(out, 0, sizeof *out);
    if (options->objects && options->minimal)
        return goleak_error_set(error, GOLEAK_E_USAGE, "found objects and minimal together, expected one of them");
    if (options->locks && options->exe == NULL)
        return goleak_error_set(error, GOLEAK_E_USAGE,
                                "locks need --exe=PATH, the program: only it tells whether the "
                                "compiler inlined calls of them, where no probe sees them");
    out->objects = options->objects;
    out->minimal = options->minimal;
    out->locks = options->locks;
    if (options->exe != NULL)
        return init_from_exe(out, path, alloc, options, error);
    enum goleak_status status = set_arch(out, options->arch, THIS_ARCH, error);
    if (status == GOLEAK_OK)
        status = choose_version(out, options->go_version, NULL, error);
    if (status != GOLEAK_OK)
        return status;
    name_probes(out);
    list_probes(out);
    return GOLEAK_OK;
}
