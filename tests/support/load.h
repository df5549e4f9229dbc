/*
 * load - a recording as a string in, what the library makes of it out.
 *
 *      struct goleak_trace *trace = load("newproc1: goroutine=…\n"
 *                                        "gopark: goroutine=…\n");
 *      struct goleak_summary sum = load_summary(trace);
 *      assert_int_equal(sum.leaks, 1);
 *      goleak_trace_free(trace);
 *
 * All of it asserts that it works: a test fails where it calls. cmocka's header
 * wants others before it; this one brings them all.
 */
#ifndef GOLEAK_TESTS_LOAD_H
#define GOLEAK_TESTS_LOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <goleak.h>
#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A finished trace; goleak_trace_free is the caller's. */
struct goleak_trace *load(const char *text);
struct goleak_trace *load_with(const struct goleak_options *options, const char *text);
/* Fed in pieces of `step` bytes; 0: in one. Each piece is a heap block of its
 * exact size, so that AddressSanitizer sees a byte read too many. */
struct goleak_trace *load_pieces(const struct goleak_options *options, const void *bytes, size_t size, size_t step);
/* The failure of feed or finish, whichever comes first. */
struct goleak_error load_error(const struct goleak_options *options, const void *bytes, size_t size);

struct goleak_summary load_summary(const struct goleak_trace *trace);
struct goleak_capture load_capture(const struct goleak_trace *trace);
struct goleak_input_info load_input(const struct goleak_trace *trace);
struct goleak_health load_health(const struct goleak_trace *trace, const char *name);
uint64_t load_count(const struct goleak_trace *trace, const char *health_name);
struct goleak_leak load_leak(const struct goleak_trace *trace, size_t index);
size_t load_leak_count(const struct goleak_trace *trace);

/* The one living goroutine at this address; with retain_ended, its last life. */
struct goleak_goroutine load_goroutine(const struct goleak_trace *trace, uint64_t g);
bool load_has(const struct goleak_trace *trace, uint64_t g);
size_t load_goroutine_count(const struct goleak_trace *trace);

#endif
