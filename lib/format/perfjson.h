/*
 * perfjson - `perf data convert --to-json`: one document, its samples one by one.
 *
 *      { "linux-perf-json-version": 1, "headers": { … },
 *        "samples": [ { "timestamp": 2550546664996, "pid": 8152, "tid": 8152, "cpu": 1, "comm": "lab126",
 *                       "callchain": [ { "ip": "0x45a6a5", "symbol": "runtime.newproc.func1", "dso": "lab126" }, … ],
 *                       "__probe_func": "0x45a700", "__probe_ret_ip": "0x45a6a5", "g": "0x305e4dd701e0", … }, … ] }
 *
 * perf before 6.3 writes neither the event's name nor its arguments: then the leaf of
 * the callchain tells which function was probed, and only calls can be counted.
 * (perf's util/data-convert-json.c.)
 */
#ifndef GOLEAK_FORMAT_PERFJSON_H
#define GOLEAK_FORMAT_PERFJSON_H

#include "format/textual.h"

struct goleak_perf_json {
    struct goleak_textual *text; /* where events go */
    struct goleak_buf sample;    /* the object being read */
    struct goleak_buf arguments; /* scratch: KEY=VALUE … */
    struct goleak_buf symbol;    /* scratch: a frame's function */
    char key[24];                /* the last string at the top, for "samples" */
    size_t key_size;
    uint64_t line, depth;
    bool in_string, escaped, in_samples, sample_lost;
    bool entry_seen; /* a sample at newproc1's entry */
    uint32_t *frames;
    size_t frame_capacity;
};

void goleak_perf_json_init(struct goleak_perf_json *json, struct goleak_textual *text, struct goleak_alloc *alloc);
void goleak_perf_json_release(struct goleak_perf_json *json);
enum goleak_status goleak_perf_json_feed(struct goleak_perf_json *json, const char *bytes, size_t size);
enum goleak_status goleak_perf_json_finish(struct goleak_perf_json *json);

#endif
