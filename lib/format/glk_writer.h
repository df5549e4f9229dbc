/*
 * glk_writer - what a converter asks of a goleak_writer beyond goleak.h: events whose
 * names and stacks are a reader's, and what that reader knows besides.
 */
#ifndef GOLEAK_FORMAT_GLK_WRITER_H
#define GOLEAK_FORMAT_GLK_WRITER_H

#include "format/format.h"
#include "model/health.h"
#include "model/reasons.h"
#include "model/symbols.h"

/* The ids in this source's events are of these symbols, which outlive the writer's last
 * call for it. Before its first event. */
void goleak_writer_borrow(struct goleak_writer *writer, size_t source, const struct goleak_symbols *symbols);

/* Events as a reader has pushed them: the reader of the .glk will push the same batches.
 * `relative`: by its facts, times count from the recording's start. `marks`: of a Go trace, with these events. */
enum goleak_status goleak_writer_batch(struct goleak_writer *writer, size_t source, const struct goleak_event *events,
                                       size_t count, bool in_order, bool relative, const struct goleak_trace_marks *marks,
                                       struct goleak_error *error);

/* Before its first event: blocks are packed by so many threads (of GOLEAK_WORKERS at most) beside the caller's, which
 * writes them. */
bool goleak_writer_pack_aside(struct goleak_writer *writer, unsigned threads);

/* A complaint, as the health book has it. */
enum goleak_status goleak_writer_note(struct goleak_writer *writer, size_t source, const char *name, uint64_t count,
                                      const struct goleak_health_entry *entry, struct goleak_error *error);

/* What is known of the Go version by now. */
enum goleak_status goleak_writer_go(struct goleak_writer *writer, size_t source, const struct goleak_reasons *reasons,
                                    struct goleak_error *error);

/* Of a Go trace: what its generations tell of the process, as far as that was not told before. Behind their events. last:
 * there are no more of them. */
enum goleak_status goleak_writer_generations(struct goleak_writer *writer, size_t source,
                                             const struct goleak_trace_marks *marks, bool last,
                                             struct goleak_error *error);

/* What its bytes have turned out to be. */
void goleak_writer_format(struct goleak_writer *writer, size_t source, const char *format);

/* At the end: what reports tell of the source. */
void goleak_writer_facts(struct goleak_writer *writer, size_t source, uint64_t events, uint64_t notes, uint64_t bytes,
                         const char *form);

#endif
