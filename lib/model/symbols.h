/*
 * symbols - names, frames and stacks, each kept once.
 *
 * A frame is known by its text, in the one spelling that every output uses:
 * "FUNC FILE:LINE", else "FUNC+0xOFF", else "0xADDR". A stack is a list of
 * frames, leaf first. Ids count from 1; 0 is "none".
 */
#ifndef GOLEAK_MODEL_SYMBOLS_H
#define GOLEAK_MODEL_SYMBOLS_H

#include "base/idmap.h"
#include "base/intern.h"

#include <goleak.h>

#include <string.h>

static inline bool goleak_text_begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct goleak_frame {
    uint32_t function; /* string; 0 where only the address is known */
};

/* The function that a stack was taken in. */
enum goleak_leaf {
    GOLEAK_LEAF_OTHER,
    GOLEAK_LEAF_SPAWN,   /* newproc1, entered */
    GOLEAK_LEAF_SPAWNED, /* … and left: where it returns to */
    GOLEAK_LEAF_PARK
};

/* What a stack says at a glance, computed once. */
struct goleak_stack_sites {
    uint32_t created; /* frame that holds the go statement, where this is a creation stack */
    uint32_t caller;  /* … and the one that it was called from; 0: it is the goroutine's own function, or not told */
    uint32_t start;   /* string: the function that goexit returns from, the goroutine's own */
    uint8_t leaf;     /* enum goleak_leaf */
    bool told;        /* its names tell these, or a gopc did where there are none */
    uint32_t blocked; /* first frame outside the runtime and sync, where this is a block stack */
};

/* A place in the program, as an executable tells it; borrowed. */
struct goleak_place {
    const char *function;
    const char *file; /* NULL: not known */
    uint32_t line;
};

#define GOLEAK_INLINED 32 /* frames of one instruction; more are as good as none */

/* Functions of the runtime that a recording tells addresses in: of probes, and of the ends of stacks. */
enum goleak_within {
    GOLEAK_WITHIN_NEWPROC, /* where newproc1 begins, and where it returns to */
    GOLEAK_WITHIN_GOPARK,
    GOLEAK_WITHIN_READY,
    GOLEAK_WITHIN_EXECUTE,
    GOLEAK_WITHIN_END,
    GOLEAK_WITHIN_GOEXIT, /* what a goroutine's first function returns to */
    GOLEAK_WITHIN_COUNT   /* elsewhere */
};

/* Whoever has the executable answers these. `after_call`: the address is one that a
 * call returns to, so the call is before it. False: does not know. */
struct goleak_resolver {
    void *context;
    /* The place at an offset in a function (size 0: at an address), in the function that lies there, and before it the
     * calls that were inlined there, the innermost first. 0: does not know. */
    size_t (*frames)(void *context, const char *function, size_t size, uint64_t offset, bool after_call,
                     struct goleak_place out[GOLEAK_INLINED]);
    /* The address of what lies at this offset in a file; object may be NULL. Where that is
     * the probed function, the file is the recorded program. */
    bool (*address_of)(void *context, const char *object, size_t size, uint64_t offset, bool probed,
                       uint64_t *address);
    /* The recorder has told which program it recorded. */
    void (*recorded)(void *context, const char *path, size_t size);
    /* A goroutine's creation was read: for what it tells of the program. function: NULL
     * where only the address is told. */
    void (*created)(void *context, uint64_t goid, uint64_t startpc, const char *function, uint64_t position);
    /* The recording has an address in this function. */
    void (*within)(void *context, enum goleak_within function, uint64_t address);
    uint32_t learnt; /* grows with each place that the program is known to lie at: what `at` did not know, it may */
};

/* Addresses whose texts are known: creations ask for few of them, and often. */
struct goleak_address {
    uint64_t address;
    uint32_t start, frame; /* string, frame; 0: not asked for yet */
};
#define GOLEAK_ADDRESSES 256

struct goleak_symbols {
    struct goleak_alloc *alloc;
    const struct goleak_resolver *resolver; /* NULL: there is none */
    struct goleak_intern strings; /* function names, keys, anything textual */
    struct goleak_intern frames;  /* by text                                 */
    struct goleak_intern stacks;  /* bytes: uint32_t frame ids               */
    struct goleak_frame *frame_info;
    size_t frame_capacity;
    struct goleak_stack_sites *stack_sites;
    size_t stack_capacity;
    struct goleak_intern entries; /* bytes: addresses of functions whose names were learnt */
    uint32_t *entry_names;        /* strings */
    size_t entry_capacity;
    struct goleak_address addresses[GOLEAK_ADDRESSES];
    struct goleak_idmap places; /* by address, twice, and 1 after a call: what the recording tells itself */
    struct goleak_place *place_info;
    size_t place_count, place_capacity;
};

void goleak_symbols_init(struct goleak_symbols *symbols, struct goleak_alloc *alloc);
void goleak_symbols_release(struct goleak_symbols *symbols);

uint32_t goleak_symbols_string(struct goleak_symbols *symbols, const void *bytes, size_t size);
const char *goleak_symbols_text(const struct goleak_symbols *symbols, uint32_t string);

/* What the executable tells of an offset in a function, or, where size is 0, of an address: the innermost of what was inlined
 * there first, the function that lies there last. 0: it does not know, or there is none. */
size_t goleak_symbols_places(const struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset,
                             bool after_call, struct goleak_place out[GOLEAK_INLINED]);
/* function may be empty: then only the address is known. 0 when memory ends. */
uint32_t goleak_symbols_frame(struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset,
                              bool after_call);
/* The same, and of a call those before it that were inlined there: where no call is, a probe stands, and what is inlined
 * behind it has not begun. Returns how many; 0 when memory ends. */
size_t goleak_symbols_frames(struct goleak_symbols *symbols, const char *function, size_t size, uint64_t offset,
                             bool after_call, uint32_t out[GOLEAK_INLINED]);
uint32_t goleak_symbols_frame_line(struct goleak_symbols *symbols, const char *function, size_t size,
                                   const char *file, size_t file_size, uint64_t line);
/* A frame in the spelling of another table; function: a string of this one, or 0. */
uint32_t goleak_symbols_frame_as(struct goleak_symbols *symbols, const char *text, size_t size, uint32_t function);
/* A frame of which only the function is known. */
uint32_t goleak_symbols_function(struct goleak_symbols *symbols, const char *function, size_t size);
uint32_t goleak_symbols_address(struct goleak_symbols *symbols, uint64_t address, bool after_call);
/* A frame as it was told: the function's name (a string, 0: only the address is known) and
 * what stands behind it in the frame's text. */
uint32_t goleak_symbols_frame_told(struct goleak_symbols *symbols, uint32_t function, const char *rest, size_t size);
/* The recording itself tells what is at an address; asked where no executable answers.
 * file_size 0: not known. False: memory. */
bool goleak_symbols_add_place(struct goleak_symbols *symbols, uint64_t address, bool after_call, const char *function,
                              size_t size, const char *file, size_t file_size, uint32_t line);
/* What is at an address, by the executable or by what the recording tells itself; false: nobody knows. Of a call the
 * innermost place, be it inlined, as the go statement's is; else the function that lies there. */
bool goleak_symbols_place(const struct goleak_symbols *symbols, uint64_t address, bool after_call,
                          struct goleak_place *place);
/* Leaves *address as it is where nobody knows. */
void goleak_symbols_address_of(const struct goleak_symbols *symbols, const char *object, size_t size, uint64_t offset,
                               bool probed, uint64_t *address);
/* The addresses of a stack's ends, before it is asked for its frames: of an event of this kind. 0: not told. */
void goleak_symbols_tell_ends(const struct goleak_symbols *symbols, enum goleak_event_kind kind, uint64_t leaf,
                              uint64_t root);
/* The address of a probe on the function that makes events of this kind. */
void goleak_symbols_tell_probe(const struct goleak_symbols *symbols, enum goleak_event_kind kind, uint64_t address);
/* Grows when addresses that nobody knew may be known. */
static inline uint32_t goleak_symbols_learnt(const struct goleak_symbols *symbols)
{
    return symbols->resolver != NULL ? symbols->resolver->learnt : 0;
}
/* The function (a string) that begins at `address`; false: memory. */
bool goleak_symbols_learn(struct goleak_symbols *symbols, uint64_t address, uint32_t function);
/* In place of a name that was lost, with the end of a Go trace. */
#define GOLEAK_NAME_LOST "?"
static inline bool goleak_name_is_lost(const char *name)
{
    return strcmp(name, GOLEAK_NAME_LOST) == 0;
}
/* Behind the types of a generic function: text begins with their '['. */
const char *goleak_name_past_types(const char *text);
/* A frame in a function whose name was lost: its text is the address, "0x450500", which lies within the call;
 * its function "?", unless the executable knows. */
uint32_t goleak_symbols_lost(struct goleak_symbols *symbols, uint64_t address);

/* The address behind a name that goleak_symbols_start made up of one; false: it is none. */
bool goleak_symbols_is_address(const struct goleak_symbols *symbols, uint32_t start, uint64_t *address);
/* String: the name of the function that begins at this address, by the executable; else
 * the address, "0x450500", whatever was learnt: a site keeps its key. 0: memory. */
uint32_t goleak_symbols_start(struct goleak_symbols *symbols, uint64_t address);
/* A start function as it is called by now. */
uint32_t goleak_symbols_start_again(const struct goleak_symbols *symbols, uint32_t start);
const char *goleak_symbols_frame_text(const struct goleak_symbols *symbols, uint32_t frame);
/* False: more is known of it. */
bool goleak_symbols_frame_address(const struct goleak_symbols *symbols, uint32_t frame, uint64_t *address);
/* Where in "FUNC FILE:LINE" the file begins, or the text's size. A function's name may
 * hold blanks and slashes. */
size_t goleak_symbols_file(const char *text);
/* "" where only the address is known. */
const char *goleak_symbols_frame_function(const struct goleak_symbols *symbols, uint32_t frame);

uint32_t goleak_symbols_stack(struct goleak_symbols *symbols, const uint32_t *frames, size_t count);
/* Number of frames; *frames borrowed. */
size_t goleak_symbols_stack_frames(const struct goleak_symbols *symbols, uint32_t stack, const uint32_t **frames);
/* A creation stack's go statement: of one without names, it shows which frame holds that. */
void goleak_symbols_tell_gopc(struct goleak_symbols *symbols, uint32_t stack, uint64_t gopc);
/* A frame of the stack is of this function, a string. */
bool goleak_symbols_stands_in(const struct goleak_symbols *symbols, uint32_t stack, uint32_t function);

/* Site frames of a stack; 0 where it has none. */
uint32_t goleak_symbols_created_at(const struct goleak_symbols *symbols, uint32_t stack);
uint32_t goleak_symbols_created_for(const struct goleak_symbols *symbols, uint32_t stack);
uint32_t goleak_symbols_blocked_at(const struct goleak_symbols *symbols, uint32_t stack);
enum goleak_leaf goleak_symbols_leaf(const struct goleak_symbols *symbols, uint32_t stack);
/* String: the start function of a goroutine with this stack; 0: not told. */
uint32_t goleak_symbols_started_by(const struct goleak_symbols *symbols, uint32_t stack);
/* By its name a closure of the compiler's, which calls what a go statement names with its arguments. */
bool goleak_symbols_is_wrapper(const char *function);
/* Of a closure, and of closures within it, the size of the name of the function in which they stand: cmd/compile names
 * them F.func1, F.func1.2, F.gowrap3, F-range4. Else of its own. */
size_t goleak_symbols_outer_size(const char *function);
/* Its text has a line of a source file: "main.f /srv/main.go:12". */
bool goleak_symbols_tells_line(const struct goleak_symbols *symbols, uint32_t frame);
/* Two recorders may write one stack in two ways: calls that were inlined, what the compiler wrapped, lines, and
 * where it begins and ends, only one of them tells. True where one tells all of the program that the other does, or
 * neither tells any of it. */
bool goleak_symbols_are_one_stack(const struct goleak_symbols *symbols, uint32_t a, uint32_t b);

#endif
