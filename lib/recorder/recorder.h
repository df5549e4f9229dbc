/*
 * recorder - scripts for the tracers that record what this tool reads.
 *
 *      options --target.c--> struct goleak_recorder_target --record_bpftrace.c, …--> script
 *                 \-- versions.c: struct layouts by Go version
 *                 \-- image/: version, architecture and addresses of --exe
 *
 * A recorder is one file (record_*.c: names are unique in lib/) with a `const struct
 * goleak_recorder` and one line of the table in recorders.c. It gets a target in which everything is decided (which
 * probes, where, which offsets), and prints; it opens nothing and asks nobody.
 */
#ifndef GOLEAK_RECORDER_RECORDER_H
#define GOLEAK_RECORDER_RECORDER_H

#include "base/buf.h"
#include "image/image.h"

/* ---- what the Go runtime looks like, by version (versions.c) -------------- */

/* Byte offsets of fields on 64-bit machines; 0: this version has no such field
 * (none of these is the first of its struct). */
struct goleak_go_layout {
    unsigned minor; /* Go 1.minor */
    bool run;       /* recorded with this version on amd64; else read from its source */
    unsigned short g_m, g_status, g_goid, g_parent_goid, g_gopc, g_startpc, g_waiting;
    unsigned short m_curg;
    unsigned short sudog_elem, sudog_next, sudog_chan; /* next: waitlink, to the next case of a select */
    unsigned short hchan_lock; /* gopark's lock is chan + this when it waits on a channel */
    unsigned short hchan_timer, timer_when; /* of time.After and so on; since Go 1.23 a channel knows its timer */
    /* Where gopark's frame is complete on amd64, in an ordinary build; 0: not known. For
     * a probe, target->probes[].skip is what counts: it was seen in the program. */
    unsigned short gopark_skip;
    /* The function at a goroutine's end, and the word that its lines begin with. */
    const char *end_symbol, *end_event;
    bool reasons_are_trace_events; /* gopark's 4th argument: Go 1.21 and before */
};

#define GOLEAK_RECORDER_OLDEST "1.19"
#define GOLEAK_RECORDER_NEWEST "1.27"

/* NULL: not among the known ones. */
const struct goleak_go_layout *goleak_go_layout(unsigned minor);

/* "1.26", "go1.26.1", "devel go1.27-0a1b2c": the minor number. False: no such version. */
bool goleak_go_minor(const char *text, unsigned *minor);

/* ---- what is to be recorded (target.c) ------------------------------------- */

/* Every place that a script may probe: X(NAME, "event", "symbol"). The word is what
 * its lines begin with. END's symbol and word depend on the version. The first five
 * are recorded unless it is told (--minimal: no EXECUTE), the next ones with --objects, and
 * those from LOCK on with --locks. Since Go 1.24 a sync.Mutex is one of internal/sync, where
 * the calls are seen that the rest of the library makes, too. */
#define GOLEAK_RECORDER_PROBES(X)                                                                          \
    X(NEWPROC1, "newproc1", "runtime.newproc1")          /* its return: a goroutine was created         */ \
    X(GOPARK, "gopark", "runtime.gopark")                /* the current goroutine stops                 */ \
    X(READY, "ready", "runtime.ready")                   /* argument 0 may run again                    */ \
    X(EXECUTE, "execute", "runtime.execute")             /* argument 0 gets a thread                    */ \
    X(END, "gdestroy", "runtime.gdestroy")               /* argument 0 ends                             */ \
    X(CHANSEND, "chansend", "runtime.chansend")          /* argument 0 is the channel                   */ \
    X(CHANRECV, "chanrecv", "runtime.chanrecv")          /* argument 0 is the channel                   */ \
    X(CLOSECHAN, "closechan", "runtime.closechan")       /* argument 0 is the channel                   */ \
    X(SELECTGO, "selectgo", "runtime.selectgo")          /* arguments 3 + 4 are the number of cases     */ \
    X(SEMACQUIRE1, "semacquire1", "runtime.semacquire1") /* argument 0 is the semaphore in a lock       */ \
    X(SEMRELEASE1, "semrelease1", "runtime.semrelease1") /* argument 0 is the semaphore in a lock       */ \
    X(LOCK, "lock", "sync.(*Mutex).Lock")                /* argument 0 of all these is the lock         */ \
    X(TRYLOCK, "trylock", "sync.(*Mutex).TryLock")                                                        \
    X(UNLOCK, "unlock", "sync.(*Mutex).Unlock")                                                           \
    X(RLOCK, "rlock", "sync.(*RWMutex).RLock")                                                            \
    X(TRYRLOCK, "tryrlock", "sync.(*RWMutex).TryRLock")                                                   \
    X(RUNLOCK, "runlock", "sync.(*RWMutex).RUnlock")                                                      \
    X(WLOCK, "wlock", "sync.(*RWMutex).Lock")                                                             \
    X(TRYWLOCK, "trywlock", "sync.(*RWMutex).TryLock")                                                    \
    X(WUNLOCK, "wunlock", "sync.(*RWMutex).Unlock")

enum goleak_recorder_place {
#define X(name, event, symbol) GOLEAK_PLACE_##name,
    GOLEAK_RECORDER_PROBES(X)
#undef X
        GOLEAK_PLACE_COUNT,
    GOLEAK_PLACE_FIRST_OBJECT = GOLEAK_PLACE_CHANSEND,
    GOLEAK_PLACE_FIRST_LOCK = GOLEAK_PLACE_LOCK
};

/*
 * Where exactly. Go functions on a goroutine's stack begin with a stack check that
 * can start them again, and the frame of their caller is complete only when the
 * frame pointer is set:
 *
 *      cmp  0x10(%r14),%rsp    <- entry: fires twice when the stack grows; the
 *      jbe  morestack             caller is missing from the stack
 *      push %rbp
 *      mov  %rsp,%rbp
 *      sub  $0x18,%rsp         <- entry + skip: arguments are still in registers
 *
 * `skip` is read from the program's own code, for a probe in the middle of an
 * instruction would destroy it: without --exe it is 0. NEWPROC1, READY, EXECUTE and
 * END run on the system stack, where no stack grows: skip is 0.
 */
#define GOLEAK_RECORDER_CODE 16
struct goleak_recorder_probe {
    const char *event, *symbol;
    bool wanted;
    bool located;       /* the following are known: there is an --exe */
    uint64_t offset;    /* in the file, of the function's entry; add skip */
    unsigned skip;
    bool ambiguous;     /* offset + skip is, read as an address, inside code as well */
    uint8_t code[GOLEAK_RECORDER_CODE]; /* what stands at entry + skip; code_size bytes of it */
    size_t code_size;
};

struct goleak_recorder_target {
    const struct goleak_go_layout *layout;
    char version[16];     /* "1.26" */
    enum goleak_arch arch; /* AMD64 or ARM64 */
    const char *arch_name; /* "amd64", "arm64" */
    const char *exe;      /* absolute path; NULL: not given */
    bool by_address;      /* the program has no symbols: probes are found by address only */
    bool objects, minimal; /* as asked; never both */
    bool locks;            /* as asked, with an exe that has no call of them inlined */
    struct goleak_recorder_probe probes[GOLEAK_PLACE_COUNT];
    char probe_names[256]; /* "newproc1,gopark,…", of those wanted, for the header line */
};

/* Decides everything. Fails with a sentence: no version, an unknown one, an --exe that
 * cannot be read or is no program of this machine's kinds. Nothing to release: what it
 * needs of the image is copied; target->exe points into `path`, of GOLEAK_RECORDER_PATH bytes. */
#define GOLEAK_RECORDER_PATH 4096
enum goleak_status goleak_recorder_target_init(struct goleak_recorder_target *out, char *path,
                                               struct goleak_alloc *alloc,
                                               const struct goleak_recorder_options *options,
                                               struct goleak_error *error);

/* How far behind `code`, a function's first bytes, its frame is complete and its
 * arguments are untouched; 0: not found. */
unsigned goleak_recorder_prologue(enum goleak_arch arch, const uint8_t *code, size_t size);
/* A function that begins so looks first whether the stack has room, and may begin again. */
bool goleak_recorder_checks_stack(enum goleak_arch arch, const uint8_t *code, size_t size);

/* ---- templates (template.c) ------------------------------------------------------- */

/* What stands for <name> in a template: text, or where it is NULL a number. */
struct goleak_recorder_word {
    const char *name, *text;
    uint64_t number;
};

/* Appends `text` with every <name> of words[count] replaced; what is no name of them
 * stays as it is, so that < and > need no escape. */
void goleak_recorder_fill(struct goleak_buf *out, const char *text, const struct goleak_recorder_word *words,
                          size_t count);

/* The words that every script needs: the layout's fields by their names (<g_goid>,
 * <m_curg>, …), <version>, <arch>, <probes>, <end> (the event's word).
 * Fills words[GOLEAK_RECORDER_WORDS]; they borrow from the target. */
#define GOLEAK_RECORDER_WORDS 19
void goleak_recorder_words(const struct goleak_recorder_target *target, struct goleak_recorder_word *words);

/* What the recording costs, and does not tell, in lines that begin with `comment`. */
void goleak_recorder_cost(struct goleak_buf *out, const struct goleak_recorder_target *target, const char *comment);

/* ---- recorders -------------------------------------------------------------- */

struct goleak_recorder {
    const char *name;
    const char *no_locks; /* why it records none, whatever the program; NULL: it may */
    /* Appends the script. A failure is one that the user can do something about: sets
     * *error and returns its status. Memory is checked by the caller (out->failed). */
    enum goleak_status (*write)(const struct goleak_recorder_target *target, struct goleak_buf *out,
                                struct goleak_error *error);
};

extern const struct goleak_recorder goleak_recorder_bpftrace, goleak_recorder_dtrace, goleak_recorder_perf;

/* recorders.c: the one table. */
extern const struct goleak_recorder *const goleak_recorders[];
extern const size_t goleak_recorder_count;

#endif
