/* symbols - see symbols.h. Sites are decided when a stack is first seen, because
 * a recording has few distinct stacks and many events. */
#include "model/symbols.h"

#include "base/hash.h"
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void goleak_symbols_init(struct goleak_symbols *symbols, struct goleak_alloc *alloc)
{
    *symbols = (struct goleak_symbols){ .alloc = alloc };
    goleak_intern_init(&symbols->strings, alloc);
    goleak_intern_init(&symbols->frames, alloc);
    goleak_intern_init(&symbols->stacks, alloc);
    goleak_intern_init(&symbols->entries, alloc);
    goleak_idmap_init(&symbols->places, alloc);
}

void goleak_symbols_release(struct goleak_symbols *symbols)
{
    goleak_intern_release(&symbols->strings);
    goleak_intern_release(&symbols->frames);
    goleak_intern_release(&symbols->stacks);
    goleak_intern_release(&symbols->entries);
    goleak_idmap_release(&symbols->places);
    goleak_free(symbols->alloc, symbols->place_info, symbols->place_capacity * sizeof *symbols->place_info);
    goleak_free(symbols->alloc, symbols->entry_names, symbols->entry_capacity * sizeof *symbols->entry_names);
    goleak_free(symbols->alloc, symbols->frame_info, symbols->frame_capacity * sizeof *symbols->frame_info);
    goleak_free(symbols->alloc, symbols->stack_sites, symbols->stack_capacity * sizeof *symbols->stack_sites);
    goleak_symbols_init(symbols, symbols->alloc);
}

uint32_t goleak_symbols_string(struct goleak_symbols *symbols, const void *bytes, size_t size)
{
    return goleak_intern_add(&symbols->strings, bytes, size);
}

const char *goleak_symbols_text(const struct goleak_symbols *symbols, uint32_t string)
{
    return goleak_intern_get(&symbols->strings, string, NULL);
}

uint32_t goleak_symbols_frame_as(struct goleak_symbols *symbols, const char *text, size_t size, uint32_t function)
{
    size_t before = symbols->frames.count;
    if (!goleak_grow(symbols->alloc, &symbols->frame_info, &symbols->frame_capacity, before + 1,
                     sizeof *symbols->frame_info))
        return 0;
    uint32_t frame = goleak_intern_add(&symbols->frames, text, size);
    if (frame > before)
        symbols->frame_info[frame - 1].function = function;
    return frame;
}

static uint32_t add_frame(struct goleak_symbols *symbols, const char *text, size_t size, const char *function,
                          size_t function_size)
{
    uint32_t name = 0;
    if (function_size != 0 && (name = goleak_symbols_string(symbols, function, function_size)) == 0)
        return 0;
    return goleak_symbols_frame_as(symbols, text, size, name);
}

/* Longer names than this are cut in a frame's text; Go's own limit on a symbol
 * in a trace is 1024 bytes. */
#define NAME_MAX_BYTES 2048

static uint32_t add_place(struct goleak_symbols *symbols, const struct goleak_place *place)
{
    size_t size = strlen(place->function);
    if (place->file == NULL)
        return goleak_symbols_function(symbols, place->function, size);
    return goleak_symbols_frame_line(symbols, place->function, size, place->file, strlen(place->file), place->line);
}

size_t goleak_symbols_places(const struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset,
                             bool after_call, struct goleak_place out[GOLEAK_INLINED])
{
    const struct goleak_resolver *resolver = symbols->resolver;
    return resolver != NULL ? resolver->frames(resolver->context, function, size, offset, after_call, out) : 0;
}

uint32_t goleak_symbols_frame(struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset,
                              bool after_call)
{
    char text[NAME_MAX_BYTES + 32];
    struct goleak_place places[GOLEAK_INLINED];
    if (size == 0)
        return goleak_symbols_address(symbols, offset, after_call);
    const size_t count = goleak_symbols_places(symbols, function, size, offset, after_call, places);
    if (count != 0)
        return add_place(symbols, &places[count - 1]);
    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    memcpy(text, function, size);
    int more = snprintf(text + size, sizeof text - size, "+0x%" PRIx64, offset);
    return add_frame(symbols, text, size + (size_t)more, function, size);
}

size_t goleak_symbols_frames(struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset,
                             bool after_call, uint32_t out[GOLEAK_INLINED])
{
    struct goleak_place places[GOLEAK_INLINED];
    const size_t count = after_call ? goleak_symbols_places(symbols, function, size, offset, true, places) : 0;
    for (size_t i = 0; i < count; i++)
        if ((out[i] = add_place(symbols, &places[i])) == 0)
            return 0;
    if (count != 0)
        return count;
    out[0] = goleak_symbols_frame(symbols, function, size, offset, after_call);
    return out[0] != 0;
}

uint32_t goleak_symbols_frame_line(struct goleak_symbols *symbols, const char *function, size_t size,
                                   const char *file, size_t file_size, uint64_t line)
{
    char text[2 * NAME_MAX_BYTES + 32];
    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    if (file_size > NAME_MAX_BYTES)
        file_size = NAME_MAX_BYTES;
    memcpy(text, function, size);
    text[size] = ' ';
    memcpy(text + size + 1, file, file_size);
    size_t end = size + 1 + file_size;
    end += (size_t)snprintf(text + end, sizeof text - end, ":%" PRIu64, line);
    return add_frame(symbols, text, end, function, size);
}

uint32_t goleak_symbols_function(struct goleak_symbols *symbols, const char *function, size_t size)
{
    return add_frame(symbols, function, size, function, size);
}

/* "0x450500". */
static size_t address_text(char text[18], uint64_t address)
{
    size_t digits = 1;
    while (digits < 16 && address >> (4 * digits) != 0)
        digits++;
    text[0] = '0';
    text[1] = 'x';
    for (size_t i = 0; i < digits; i++)
        text[2 + i] = "0123456789abcdef"[address >> (4 * (digits - 1 - i)) & 15];
    return 2 + digits;
}

static struct goleak_address *find_address(struct goleak_symbols *symbols, uint64_t address)
{
    struct goleak_address *found = &symbols->addresses[goleak_hash_u64(address) >> 56];
    if (found->address != address)
        *found = (struct goleak_address){ .address = address };
    return found;
}

uint32_t goleak_symbols_frame_told(struct goleak_symbols *symbols, uint32_t function, const char *rest, size_t size)
{
    char text[2 * NAME_MAX_BYTES + 32];
    size_t name_size;
    const char *name = goleak_intern_get(&symbols->strings, function, &name_size);
    if (goleak_name_is_lost(name) && size != 0)
        return goleak_symbols_frame_as(symbols, rest, size, function);
    if (name_size > NAME_MAX_BYTES)
        name_size = NAME_MAX_BYTES;
    if (size > sizeof text - name_size)
        size = sizeof text - name_size;
    memcpy(text, name, name_size);
    if (size != 0)
        memcpy(text + name_size, rest, size);
    return add_frame(symbols, text, name_size + size, name, name_size);
}

static uint64_t place_key(uint64_t address, bool after_call)
{
    return address << 1 | after_call;
}

bool goleak_symbols_add_place(struct goleak_symbols *symbols, uint64_t address, bool after_call, const char *function,
                              size_t size, const char *file, size_t file_size, uint32_t line)
{
    if (goleak_idmap_get(&symbols->places, place_key(address, after_call)) != 0)
        return true;
    uint32_t name = goleak_symbols_string(symbols, function, size);
    uint32_t path = file_size != 0 ? goleak_symbols_string(symbols, file, file_size) : 0;
    if (name == 0 || (file_size != 0 && path == 0) || symbols->place_count >= UINT32_MAX - 1 ||
        !goleak_grow(symbols->alloc, &symbols->place_info, &symbols->place_capacity, symbols->place_count + 1,
                     sizeof *symbols->place_info) ||
        !goleak_idmap_put(&symbols->places, place_key(address, after_call), (uint32_t)symbols->place_count + 1))
        return false;
    symbols->place_info[symbols->place_count++] = (struct goleak_place){
        .function = goleak_symbols_text(symbols, name),
        .file = path != 0 ? goleak_symbols_text(symbols, path) : NULL,
        .line = line,
    };
    return true;
}

bool goleak_symbols_place(const struct goleak_symbols *symbols, uint64_t address, bool after_call,
                          struct goleak_place *place)
{
    struct goleak_place places[GOLEAK_INLINED];
    const size_t count = goleak_symbols_places(symbols, NULL, 0, address, after_call, places);
    if (count != 0) {
        *place = places[after_call ? 0 : count - 1];
        return true;
    }
    uint32_t told = goleak_idmap_get(&symbols->places, place_key(address, after_call));
    if (told != 0)
        *place = symbols->place_info[told - 1];
    return told != 0;
}

uint32_t goleak_symbols_address(struct goleak_symbols *symbols, uint64_t address, bool after_call)
{
    char text[18];
    struct goleak_place place;
    if (goleak_symbols_place(symbols, address, after_call, &place))
        return add_place(symbols, &place);
    struct goleak_address *known = find_address(symbols, address);
    if (known->frame == 0)
        known->frame = add_frame(symbols, text, address_text(text, address), NULL, 0);
    return known->frame;
}

uint32_t goleak_symbols_lost(struct goleak_symbols *symbols, uint64_t address)
{
    char text[18];
    struct goleak_place place;
    if (goleak_symbols_place(symbols, address, false, &place))
        return add_place(symbols, &place);
    return add_frame(symbols, text, address_text(text, address), GOLEAK_NAME_LOST, strlen(GOLEAK_NAME_LOST));
}

void goleak_symbols_address_of(const struct goleak_symbols *symbols, const char *object, size_t size, uint64_t offset,
                               bool probed, uint64_t *address)
{
    if (symbols->resolver != NULL)
        symbols->resolver->address_of(symbols->resolver->context, object, size, offset, probed, address);
}

static enum goleak_within within_of(enum goleak_event_kind kind)
{
    static const enum goleak_within within[GOLEAK_EVENT_KIND_COUNT] = {
        [GOLEAK_EVENT_SPAWN] = GOLEAK_WITHIN_NEWPROC + 1, [GOLEAK_EVENT_CREATE] = GOLEAK_WITHIN_NEWPROC + 1,
        [GOLEAK_EVENT_PARK] = GOLEAK_WITHIN_GOPARK + 1,   [GOLEAK_EVENT_READY] = GOLEAK_WITHIN_READY + 1,
        [GOLEAK_EVENT_RUN] = GOLEAK_WITHIN_EXECUTE + 1,   [GOLEAK_EVENT_END] = GOLEAK_WITHIN_END + 1,
    };
    return within[kind] != 0 ? within[kind] - 1 : GOLEAK_WITHIN_COUNT;
}

void goleak_symbols_tell_probe(const struct goleak_symbols *symbols, enum goleak_event_kind kind, uint64_t address)
{
    const struct goleak_resolver *resolver = symbols->resolver;
    enum goleak_within within = within_of(kind);
    if (resolver != NULL && resolver->within != NULL && within != GOLEAK_WITHIN_COUNT && address != 0)
        resolver->within(resolver->context, within, address);
}

void goleak_symbols_tell_ends(const struct goleak_symbols *symbols, enum goleak_event_kind kind, uint64_t leaf,
                              uint64_t root)
{
    const struct goleak_resolver *resolver = symbols->resolver;
    goleak_symbols_tell_probe(symbols, kind, leaf);
    if (resolver != NULL && resolver->within != NULL && root != 0)
        resolver->within(resolver->context, GOLEAK_WITHIN_GOEXIT, root);
}

bool goleak_symbols_learn(struct goleak_symbols *symbols, uint64_t address, uint32_t function)
{
    size_t before = symbols->entries.count;
    if (!goleak_grow(symbols->alloc, &symbols->entry_names, &symbols->entry_capacity, before + 1,
                     sizeof *symbols->entry_names))
        return false;
    uint32_t entry = goleak_intern_add(&symbols->entries, &address, sizeof address);
    if (entry > before)
        symbols->entry_names[entry - 1] = function;
    return entry != 0;
}

static uint32_t learnt_name(const struct goleak_symbols *symbols, uint64_t address)
{
    uint32_t entry = goleak_intern_find(&symbols->entries, &address, sizeof address);
    return entry != 0 ? symbols->entry_names[entry - 1] : 0;
}

uint32_t goleak_symbols_start(struct goleak_symbols *symbols, uint64_t address)
{
    char text[18];
    struct goleak_place place;
    if (goleak_symbols_place(symbols, address, false, &place))
        return goleak_symbols_string(symbols, place.function, strlen(place.function));
    struct goleak_address *known = find_address(symbols, address);
    if (known->start == 0)
        known->start = goleak_symbols_string(symbols, text, address_text(text, address));
    return known->start;
}

bool goleak_symbols_is_address(const struct goleak_symbols *symbols, uint32_t start, uint64_t *address)
{
    size_t size;
    const char *text = goleak_intern_get(&symbols->strings, start, &size);
    return size > 2 && text[0] == '0' && text[1] == 'x' && goleak_parse_hex(text, text + size, address) == text + size;
}

uint32_t goleak_symbols_start_again(const struct goleak_symbols *symbols, uint32_t start)
{
    uint64_t address;
    uint32_t name = goleak_symbols_is_address(symbols, start, &address) ? learnt_name(symbols, address) : 0;
    return name != 0 ? name : start;
}

const char *goleak_symbols_frame_text(const struct goleak_symbols *symbols, uint32_t frame)
{
    return goleak_intern_get(&symbols->frames, frame, NULL);
}

bool goleak_symbols_frame_address(const struct goleak_symbols *symbols, uint32_t frame, uint64_t *address)
{
    size_t size;
    const char *text = goleak_intern_get(&symbols->frames, frame, &size);
    return symbols->frame_info[frame - 1].function == 0 && size > 2 && text[0] == '0' && text[1] == 'x' &&
           goleak_parse_hex(text, text + size, address) == text + size;
}

size_t goleak_symbols_file(const char *text)
{
    const char *blank = strrchr(text, ' '), *colon = strrchr(text, ':');
    if (blank == NULL || colon == NULL || colon < blank || colon[1] == '\0')
        return strlen(text);
    return colon[1 + strspn(colon + 1, "0123456789")] == '\0' ? (size_t)(blank + 1 - text) : strlen(text);
}

const char *goleak_symbols_frame_function(const struct goleak_symbols *symbols, uint32_t frame)
{
    if (frame == 0 || frame > symbols->frames.count)
        return "";
    return goleak_symbols_text(symbols, symbols->frame_info[frame - 1].function);
}

/* Frames between newproc1 and the go statement: runtime.newproc(.func1, .abi0),
 * runtime.systemstack and its assembly helpers (runtime/proc.go, newproc). */
static bool is_spawn_plumbing(const char *function)
{
    return goleak_text_begins(function, "runtime.newproc") || goleak_text_begins(function, "runtime.systemstack") ||
           goleak_text_begins(function, "runtime.mcall") || goleak_text_begins(function, "runtime.asmcgocall");
}

/* Frames between gopark and the statement that blocks. */
static bool is_park_plumbing(const char *function)
{
    return goleak_text_begins(function, "runtime.") || goleak_text_begins(function, "sync.") ||
           goleak_text_begins(function, "internal/sync.") || goleak_text_begins(function, "internal/poll.") ||
           goleak_text_begins(function, "internal/runtime/") || goleak_text_begins(function, "time.Sleep");
}

static uint32_t first_outside(const struct goleak_symbols *symbols, const uint32_t *frames, size_t count,
                              bool (*is_plumbing)(const char *function))
{
    for (size_t i = 0; i < count; i++) {
        const char *function = goleak_symbols_frame_function(symbols, frames[i]);
        if (function[0] != '\0' && !is_plumbing(function))
            return frames[i];
    }
    return 0;
}

/* The frame that calls this one. */
static uint32_t caller_of(const struct goleak_symbols *symbols, const uint32_t *frames, size_t count, uint32_t frame)
{
    for (size_t i = 0; frame != 0 && i + 1 < count; i++) {
        if (frames[i] != frame)
            continue;
        const char *function = goleak_symbols_frame_function(symbols, frames[i + 1]);
        return function[0] == '\0' || goleak_text_begins(function, "runtime.goexit") ? 0 : frames[i + 1];
    }
    return 0;
}

static enum goleak_leaf leaf_of(const char *function)
{
    return strcmp(function, "runtime.newproc1") == 0       ? GOLEAK_LEAF_SPAWN
           : goleak_text_begins(function, "runtime.newproc") ? GOLEAK_LEAF_SPAWNED
           : strcmp(function, "runtime.gopark") == 0         ? GOLEAK_LEAF_PARK
                                                             : GOLEAK_LEAF_OTHER;
}

static uint32_t start_of(const struct goleak_symbols *symbols, const uint32_t *frames, size_t count)
{
    if (count < 2 || !goleak_text_begins(goleak_symbols_frame_function(symbols, frames[count - 1]), "runtime.goexit"))
        return 0;
    return symbols->frame_info[frames[count - 2] - 1].function;
}

uint32_t goleak_symbols_stack(struct goleak_symbols *symbols, const uint32_t *frames, size_t count)
{
    if (count == 0)
        return 0;
    size_t before = symbols->stacks.count;
    if (!goleak_grow(symbols->alloc, &symbols->stack_sites, &symbols->stack_capacity, before + 1,
                     sizeof *symbols->stack_sites))
        return 0;
    uint32_t stack = goleak_intern_add(&symbols->stacks, frames, count * sizeof *frames);
    if (stack > before)
    {
        /* A creation stack that ends in the plumbing (a tracer that cannot unwind) tells
         * nothing; one without names tells its leaf. */
        bool named = goleak_symbols_frame_function(symbols, frames[0])[0] != '\0';
        uint32_t created = first_outside(symbols, frames, count, is_spawn_plumbing);
        uint32_t blocked = first_outside(symbols, frames, count, is_park_plumbing);
        symbols->stack_sites[stack - 1] = (struct goleak_stack_sites) {
            .created = created != 0 || named ? created : frames[0],
            .caller = caller_of(symbols, frames, count, created),
            .start = start_of(symbols, frames, count),
            .leaf = (uint8_t)leaf_of(goleak_symbols_frame_function(symbols, frames[0])),
            .blocked = blocked != 0 ? blocked : frames[0],
            .told = named || created != 0,
        };
    }
    return stack;
}

size_t goleak_symbols_stack_frames(const struct goleak_symbols *symbols, uint32_t stack, const uint32_t **frames)
{
    size_t size;
    /* Arena blocks are aligned for any type. */
    *frames = (const uint32_t *)(const void *)goleak_intern_get(&symbols->stacks, stack, &size);
    return size / sizeof **frames;
}

bool goleak_symbols_stands_in(const struct goleak_symbols *symbols, uint32_t stack, uint32_t function)
{
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    for (size_t i = 0; i < count; i++)
        if (symbols->frame_info[frames[i] - 1].function == function)
            return true;
    return false;
}

/* Programs are mapped by pages: offsets in a file, which perf tells, and addresses end alike. */
#define PAGE 4096

void goleak_symbols_tell_gopc(struct goleak_symbols *symbols, uint32_t stack, uint64_t gopc)
{
    struct goleak_stack_sites *sites = &symbols->stack_sites[stack - 1];
    const uint32_t *frames;
    uint64_t address;
    if (sites->told)
        return;
    sites->told = true;
    const size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    for (size_t i = 1; i < count && goleak_symbols_frame_address(symbols, frames[i], &address); i++) {
        if (address % PAGE != gopc % PAGE)
            continue;
        sites->created = frames[i];
        sites->caller = i + 2 < count ? frames[i + 1] : 0; /* the last one is goexit */
        return;
    }
}

uint32_t goleak_symbols_created_at(const struct goleak_symbols *symbols, uint32_t stack)
{
    return stack != 0 && stack <= symbols->stacks.count ? symbols->stack_sites[stack - 1].created : 0;
}

uint32_t goleak_symbols_created_for(const struct goleak_symbols *symbols, uint32_t stack)
{
    return stack != 0 && stack <= symbols->stacks.count ? symbols->stack_sites[stack - 1].caller : 0;
}

uint32_t goleak_symbols_blocked_at(const struct goleak_symbols *symbols, uint32_t stack)
{
    return stack != 0 && stack <= symbols->stacks.count ? symbols->stack_sites[stack - 1].blocked : 0;
}

enum goleak_leaf goleak_symbols_leaf(const struct goleak_symbols *symbols, uint32_t stack)
{
    bool known = stack != 0 && stack <= symbols->stacks.count;
    return known ? (enum goleak_leaf)symbols->stack_sites[stack - 1].leaf : GOLEAK_LEAF_OTHER;
}

uint32_t goleak_symbols_started_by(const struct goleak_symbols *symbols, uint32_t stack)
{
    return stack != 0 && stack <= symbols->stacks.count ? symbols->stack_sites[stack - 1].start : 0;
}

/* A mark and digits behind it stand at the end: *size is that of what is before them. */
static bool cut_mark(const char *name, size_t *size, const char *mark)
{
    const size_t length = strlen(mark);
    size_t end = *size;
    while (end != 0 && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    if (end == *size || end < length || memcmp(name + end - length, mark, length) != 0)
        return false;
    *size = end - length;
    return true;
}

/* cmd/compile names them main.f.gowrap1 from Go 1.22 on, and main.f·dwrap·1 in Go 1.17 and 1.18; between and before them
 * main.f.func1, as any closure. */
bool goleak_symbols_is_wrapper(const char *function)
{
    size_t size = strlen(function);
    return cut_mark(function, &size, ".gowrap") || strstr(function, "\xc2\xb7"
                                                                    "dwrap"
                                                                    "\xc2\xb7") != NULL;
}

size_t goleak_symbols_outer_size(const char *function)
{
    static const char *const marks[] = { ".func", ".gowrap", ".deferwrap", "-range", "." };
    size_t size = strlen(function);
    for (size_t i = 0; i < sizeof marks / sizeof *marks;)
        i = cut_mark(function, &size, marks[i]) ? 0 : i + 1;
    return size;
}

/* Go traces leave out what is between the statement that blocks and gopark, and wrappers. */
static bool is_left_out(const struct goleak_symbols *symbols, uint32_t frame)
{
    const char *function = goleak_symbols_frame_function(symbols, frame);
    return is_park_plumbing(function) || goleak_symbols_is_wrapper(function) ||
           strstr(goleak_symbols_frame_text(symbols, frame), " <autogenerated>:") != NULL; /* a method's wrapper */
}

bool goleak_symbols_tells_line(const struct goleak_symbols *symbols, uint32_t frame)
{
    const char *text = frame != 0 ? goleak_symbols_frame_text(symbols, frame) : "";
    return text[goleak_symbols_file(text)] != '\0';
}

const char *goleak_name_past_types(const char *text)
{
    size_t depth = 0;
    do {
        depth += *text == '[';
        depth -= *text == ']';
    } while (*++text != '\0' && depth != 0);
    return text;
}

/* Of a generic function a Go trace tells main.Map[...], a symbol table main.Map[go.shape.int]. */
static bool is_same_function(const char *a, const char *b)
{
    while (*a == *b && *a != '\0') {
        bool generic = *a == '[';
        a = generic ? goleak_name_past_types(a) : a + 1;
        b = generic ? goleak_name_past_types(b) : b + 1;
    }
    return *a == *b;
}

/* Where only one tells the line (the other an offset: main.f+0x10), the function is all that both tell. */
static bool is_same_frame(const struct goleak_symbols *symbols, uint32_t a, uint32_t b)
{
    return a == b ||
           (goleak_symbols_tells_line(symbols, a) != goleak_symbols_tells_line(symbols, b) &&
            is_same_function(goleak_symbols_frame_function(symbols, a), goleak_symbols_frame_function(symbols, b)));
}

/* "Accept" of "net.(*TCPListener).Accept"; of a closure there is none. */
static const char *method_name(const char *function)
{
    const char *dot = strrchr(function, '.');
    return dot != NULL && function[goleak_symbols_outer_size(function)] == '\0' ? dot + 1 : "";
}

/* A method of an embedded field's, which the compiler wraps in one of the same name: without lines there is no
 * "<autogenerated>" to tell it by, and a Go trace leaves it out. */
static bool may_be_method_wrapper(const struct goleak_symbols *symbols, const uint32_t *frames, size_t at)
{
    if (at == 0 || goleak_symbols_tells_line(symbols, frames[at]))
        return false;
    const char *name = method_name(goleak_symbols_frame_function(symbols, frames[at]));
    return *name != '\0' && strcmp(name, method_name(goleak_symbols_frame_function(symbols, frames[at - 1]))) == 0;
}

/* How many of `few` stand in `many`, in their order; 0: one does not. What may be left out does not count. */
static size_t count_told(const struct goleak_symbols *symbols, uint32_t few, uint32_t many)
{
    const uint32_t *a, *b;
    size_t a_count = goleak_symbols_stack_frames(symbols, few, &a);
    size_t b_count = goleak_symbols_stack_frames(symbols, many, &b), next = 0, told = 0;
    for (size_t i = 0; i < a_count; i++) {
        if (is_left_out(symbols, a[i]))
            continue;
        size_t at = next;
        while (at < b_count && !is_same_frame(symbols, b[at], a[i]))
            at++;
        if (at < b_count)
            next = at + 1;
        else if (!may_be_method_wrapper(symbols, a, i))
            return 0;
        told += at < b_count;
    }
    return told;
}

/* Of the runtime's own goroutines there is nothing in it. */
static bool tells_program(const struct goleak_symbols *symbols, uint32_t stack)
{
    return count_told(symbols, stack, stack) != 0;
}

/* All that it tells of the program is a wrapper, without its line: what that calls may be inlined in it. */
static bool tells_wrapper_alone(const struct goleak_symbols *symbols, uint32_t stack)
{
    const uint32_t *frames;
    const size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    size_t i = 0;
    while (i < count && (!goleak_symbols_is_wrapper(goleak_symbols_frame_function(symbols, frames[i])) ||
                         goleak_symbols_tells_line(symbols, frames[i])))
        i++;
    return i < count && !tells_program(symbols, stack);
}

bool goleak_symbols_are_one_stack(const struct goleak_symbols *symbols, uint32_t a, uint32_t b)
{
    return a == b || count_told(symbols, a, b) != 0 || count_told(symbols, b, a) != 0 ||
           !(tells_program(symbols, a) || tells_program(symbols, b)) || tells_wrapper_alone(symbols, a) ||
           tells_wrapper_alone(symbols, b);
}
