/*
 * fuzz_trace - any bytes, through the public API, to every report.
 *
 * The sum of all bytes decides how the input is cut into chunks and whether system
 * goroutines count: the first byte is the same in all of a format. Nothing here expects a status: no
 * crash, no hang, no leak, and no more than the limit is what is checked, by the
 * sanitizers, the engine and the asserts inside the library.
 */
#include <goleak.h>
#include <stdint.h>
#include <stdlib.h>

#define MEMORY_LIMIT ((uint64_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool swallow(void *context, const void *data, size_t size)
{
    /* Touches what it is given, so that a wrong length is noticed. */
    const unsigned char *bytes = data;
    unsigned char *sum = context;
    for (size_t i = 0; i < size; i++)
        *sum ^= bytes[i];
    return true;
}

static uint8_t sum_of(const uint8_t *data, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + data[i]);
    return sum;
}

/* Chunks of 1 up to a power of two that the sum picks, a new size each. */
static enum goleak_status feed(struct goleak_trace *trace, const uint8_t *data, size_t size, struct goleak_error *error)
{
    uint8_t pick = sum_of(data, size);
    uint32_t random = pick;
    enum goleak_status status = GOLEAK_OK;
    for (size_t at = 0; at < size && status >= 0;) {
        random = random * 1103515245u + 12345u;
        size_t chunk = 1 + (random >> 16) % (1u << pick % 14);
        if (chunk > size - at)
            chunk = size - at;
        status = goleak_trace_feed(trace, data + at, chunk, error);
        at += chunk;
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    options.max_memory_bytes = MEMORY_LIMIT;
    options.jobs = 1;
    options.include_system = (sum_of(data, size) & 0x80) != 0;
    struct goleak_error error;
    struct goleak_trace *trace = NULL;
    if (goleak_trace_new(&trace, &options, &error) < 0)
        return 0;
    enum goleak_status status = feed(trace, data, size, &error);
    if (status >= 0)
        status = goleak_trace_finish(trace, &error);
    unsigned char sum = 0;
    for (size_t i = 0; status >= 0 && goleak_report_format(i) != NULL; i++) {
        const struct goleak_trace *traces[] = { trace };
        goleak_report_write(traces, 1, goleak_report_format(i), NULL, swallow, &sum, &error);
    }
    goleak_trace_free(trace);
    return 0;
}
