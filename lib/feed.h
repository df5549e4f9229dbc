/* feed - a file on its way into an input; in load.c. */
#ifndef GOLEAK_FEED_H
#define GOLEAK_FEED_H

#include "trace.h"

#include "input/decode.h"
#include "reading.h"

struct goleak_feed {
    struct goleak_input *input;
    struct goleak_source *source;
    struct goleak_decode *decode;
    struct goleak_reading *reading; /* instead of decode */
    struct goleak_buf ahead;        /* plain bytes that were looked at */
    bool here;   /* set before it is started: its reader stays on the caller's thread */
    bool ended;
};

/* Opens the file and its input. Close it, whatever comes of it. */
enum goleak_status goleak_feed_open(struct goleak_feed *feed, struct goleak_trace *trace, const char *path,
                                    struct goleak_error *error);
/* `index` of the `feeds` that are read at a time, which share the threads. */
enum goleak_status goleak_feed_start(struct goleak_feed *feed, struct goleak_trace *trace, size_t index, size_t feeds,
                                     struct goleak_error *error);
/* Adds one run of bytes to `ahead`, of a feed whose reader is here: they are pumped first. *more: there are others. */
enum goleak_status goleak_feed_look(struct goleak_feed *feed, bool *more, struct goleak_error *error);
/* One run of bytes; at the end the input is finished. */
enum goleak_status goleak_feed_pump(struct goleak_feed *feed, struct goleak_trace *trace, struct goleak_error *error);
void goleak_feed_close(struct goleak_feed *feed);

#endif
