/*
 * gotrace_v1_shape - the types of events of a Go execution trace v1, and how one of them
 * lies in the file.
 *
 *      type | narg << 6     one byte; narg 0, 1, 2: so many numbers and one more follow
 *                           narg 3: a length follows, and so many bytes of numbers
 *
 * Each type has one number of numbers, so a first byte is as good as a check: of 256 bytes
 * 52 can begin an event.
 */
#ifndef GOLEAK_FORMAT_GOTRACE_V1_SHAPE_H
#define GOLEAK_FORMAT_GOTRACE_V1_SHAPE_H

#include <stddef.h>
#include <stdint.h>

/* X(id, name, numbers behind the time, of which so many at the end are a stack) */
#define GOLEAK_V1_EVENTS(X)                                                                                            \
    X(4, Gomaxprocs, 2, 1)                                                                                             \
    X(5, ProcStart, 1, 0)                                                                                              \
    X(6, ProcStop, 0, 0)                                                                                               \
    X(7, GCStart, 2, 1)                                                                                                \
    X(8, GCDone, 0, 0)                                                                                                 \
    X(9, STWStart, 1, 0)                                                                                               \
    X(10, STWDone, 0, 0)                                                                                               \
    X(11, GCSweepStart, 1, 1)                                                                                          \
    X(12, GCSweepDone, 2, 0)                                                                                           \
    X(13, GoCreate, 3, 1)                                                                                              \
    X(14, GoStart, 2, 0)                                                                                               \
    X(15, GoEnd, 0, 0)                                                                                                 \
    X(16, GoStop, 1, 1)                                                                                                \
    X(17, GoSched, 1, 1)                                                                                               \
    X(18, GoPreempt, 1, 1)                                                                                             \
    X(19, GoSleep, 1, 1)                                                                                               \
    X(20, GoBlock, 1, 1)                                                                                               \
    X(21, GoUnblock, 3, 1)                                                                                             \
    X(22, GoBlockSend, 1, 1)                                                                                           \
    X(23, GoBlockRecv, 1, 1)                                                                                           \
    X(24, GoBlockSelect, 1, 1)                                                                                         \
    X(25, GoBlockSync, 1, 1)                                                                                           \
    X(26, GoBlockCond, 1, 1)                                                                                           \
    X(27, GoBlockNet, 1, 1)                                                                                            \
    X(28, GoSysCall, 1, 1)                                                                                             \
    X(29, GoSysExit, 3, 0)                                                                                             \
    X(30, GoSysBlock, 0, 0)                                                                                            \
    X(31, GoWaiting, 1, 0)                                                                                             \
    X(32, GoInSyscall, 1, 0)                                                                                           \
    X(33, HeapAlloc, 1, 0)                                                                                             \
    X(34, HeapGoal, 1, 0)                                                                                              \
    X(36, FutileWakeup, 0, 0)                                                                                          \
    X(38, GoStartLocal, 1, 0)                                                                                          \
    X(39, GoUnblockLocal, 2, 1)                                                                                        \
    X(40, GoSysExitLocal, 2, 0)                                                                                        \
    X(41, GoStartLabel, 3, 0)                                                                                          \
    X(42, GoBlockGC, 1, 1)                                                                                             \
    X(43, GCMarkAssistStart, 1, 1)                                                                                     \
    X(44, GCMarkAssistDone, 0, 0)                                                                                      \
    X(45, UserTaskCreate, 4, 1)                                                                                        \
    X(46, UserTaskEnd, 2, 1)                                                                                           \
    X(47, UserRegion, 4, 1)                                                                                            \
    X(48, UserLog, 3, 1)                                                                                               \
    X(49, CPUSample, 4, 1)

/* What is no event of a P. X(id, name, ) */
#define GOLEAK_V1_OTHERS(X)                                                                                            \
    X(1, Batch, )                                                                                                      \
    X(2, Frequency, )                                                                                                  \
    X(3, Stack, )                                                                                                      \
    X(35, TimerGoroutine, )                                                                                            \
    X(37, String, )

enum goleak_v1_type {
#define X(id, name, ...) GOLEAK_V1_##name = id,
    GOLEAK_V1_OTHERS(X) GOLEAK_V1_EVENTS(X)
#undef X
};

#define GOLEAK_V1_TYPES 64
#define GOLEAK_V1_ARGUMENTS 4
/* Of every type: its numbers, with the time; 0: no event of that shape. */
extern const uint8_t goleak_v1_numbers[GOLEAK_V1_TYPES];
const char *goleak_v1_name(unsigned type);

/* A whole event; one of which there are more bytes to come; none. */
enum goleak_v1_shape { GOLEAK_V1_EVENT, GOLEAK_V1_CUT, GOLEAK_V1_BROKEN };

#define GOLEAK_V1_VALUES 5

struct goleak_v1_piece {
    uint8_t type;
    const uint8_t *next;               /* behind it */
    uint64_t values[GOLEAK_V1_VALUES]; /* its first numbers, the time among them */
    const char *problem;               /* of a broken one: what was found, … */
    uint64_t found;                    /* … with this number in it, if it names one */
};

/* The event at `at`, which is before `end`. Nothing is kept of it. */
enum goleak_v1_shape goleak_v1_measure(unsigned version, const uint8_t *at, const uint8_t *end,
                                       struct goleak_v1_piece *piece);
/* It is broken, and that is why. */
enum goleak_v1_shape goleak_v1_broken(struct goleak_v1_piece *piece, const char *problem, uint64_t found);

#endif
