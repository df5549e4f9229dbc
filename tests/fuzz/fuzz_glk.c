/*
 * fuzz_glk - our own format, with checksums made right: what is behind them must stand any
 * numbers. Fed whole, or in pieces of a size that the bytes choose; every report is written.
 */
#include <stdlib.h>
#include <string.h>

#include <goleak.h>

#include "support/glk_bytes.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool swallow(void *context, const void *data, size_t size)
{
    unsigned char *sum = context;
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        *sum ^= bytes[i];
    return true;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const char magic[] = "\x89GLK\r\n\x1a\n\x01\0\0";
    struct goleak_options options = GOLEAK_OPTIONS_INIT;
    struct goleak_error error;
    struct goleak_trace *trace = NULL;
    struct bytes glk = { 0 };
    if (size < sizeof magic)
        return 0;
    bytes_add(&glk, magic, sizeof magic); /* with its NUL: what other files begin with is not looked at */
    bytes_add(&glk, data + sizeof magic, size - sizeof magic);
    glk_bytes_mend(&glk);
    size_t piece = data[size - 1] % 2 != 0 ? glk.size : (size_t)data[size - 1] * 16 + 1;
    options.max_memory_bytes = (size_t)128 << 20;
    options.input_format = "glk";
    options.include_system = data[size - 1] % 4 >= 2;
    enum goleak_status status = goleak_trace_new(&trace, &options, &error);
    for (size_t at = 0; status >= 0 && at < glk.size; at += piece) {
        size_t left = glk.size - at, part = piece < left ? piece : left;
        char *copy = malloc(part); /* of its own size, so that reading behind it is noticed */
        if (copy == NULL)
            abort();
        memcpy(copy, glk.data + at, part);
        status = goleak_trace_feed(trace, copy, part, &error);
        free(copy);
    }
    if (status >= 0)
        status = goleak_trace_finish(trace, &error);
    unsigned char sum = 0;
    for (size_t i = 0; status >= 0 && goleak_report_format(i) != NULL; i++) {
        const struct goleak_trace *traces[] = { trace };
        goleak_report_write(traces, 1, goleak_report_format(i), NULL, swallow, &sum, &error);
    }
    goleak_trace_free(trace);
    bytes_free(&glk);
    return 0;
}
