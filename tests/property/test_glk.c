/*
 * A .glk says what its source says: the same events, field by field, the same complaints
 * in the same places, the same reports but for what names the file. Of one that is cut or
 * damaged, anywhere, what is left is reported, and the damage told.
 *
 * On recordings of testdata, and on everything below $GOLEAK_CAPTURES that is read; of
 * these it is told which are not smaller than their source packed with zstd -19.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <goleak.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "format/glk.h"
#include "format/glk_layout.h"
#include "support/fail_alloc.h"
#include "support/glk_bytes.h"
#include "support/outcome.h"
#include "support/reading.h"
#include "support/recordings.h"
#include "support/sanitizer.h"
#include "support/text.h"

/* Larger ones are compared by their reports alone. */
#define EVENTS_BYTES ((size_t)4 << 20)

/* ---- the same ------------------------------------------------------------------- */

/* Removes "key":"value", or "key":null, with the comma behind. In place. */
static void drop_member(struct bytes *text, const char *key)
{
    const char *at = text->data, *found;
    char *to = text->data;
    while ((found = strstr(at, key)) != NULL) {
        memmove(to, at, (size_t)(found - at));
        to += found - at;
        at = found + strcspn(found, ",}");
        at += *at == ',';
    }
    text->size -= (size_t)(at - to);
    memmove(to, at, (size_t)(text->data + text->size - to) + 1);
}

/* The name of the source is that of its complaints in the .glk, too. */
static void drop_name(struct bytes *text, const char *path)
{
    char quoted[1300];
    const char *at = text->data, *found;
    char *to = text->data;
    snprintf(quoted, sizeof quoted, "\"%s\"", path);
    while ((found = strstr(at, quoted)) != NULL) {
        memmove(to, at, (size_t)(found - at));
        to += found - at;
        memcpy(to, "\"*\"", 3);
        to += 3;
        at = found + strlen(quoted);
    }
    text->size -= (size_t)(at - to);
    memmove(to, at, (size_t)(text->data + text->size - to) + 1);
}

static void forget(struct outcome *outcome, const char *path)
{
    if (outcome->status != GOLEAK_OK)
        return;
    drop_member(&outcome->text, "\"format\":");
    drop_member(&outcome->text, "\"source_format\":");
    drop_name(&outcome->text, path);
}

static void same_reports(const char *path, const struct bytes *glk, size_t piece)
{
    struct outcome want = { 0 }, got = { 0 };
    outcome_of_file(&want, path, NULL);
    if (piece == 0)
        outcome_of(&got, glk, NULL, 0, NULL);
    else
        outcome_of_pieces(&got, glk, piece, NULL);
    forget(&want, path);
    forget(&got, path);
    if (!outcome_equal(&want, &got))
        fail_msg("%s, in pieces of %zu: %s", path, piece, outcome_difference(&want, &got));
    outcome_free(&want);
    outcome_free(&got);
}

/* As the readers push them. */
static void same_events(const char *path, const struct bytes *glk)
{
    struct bytes plain = { 0 }, events = { 0 };
    char advice[256];
    bool more;
    assert_true(bytes_read(&plain, path));
    const struct goleak_format *format = goleak_format_sniff(plain.data, plain.size, true, &more, advice);
    if (format == NULL || plain.size > EVENTS_BYTES) { /* packed with gzip, or too long a text */
        bytes_free(&plain);
        return;
    }
    reading_set_up(NULL);
    reading_all = true;
    reading_pieces(format, plain.data, plain.size, 0);
    bytes_add(&events, reading.events.data, reading.events.size);
    struct goleak_health_book book = reading.book;
    struct goleak_reader_facts facts = reading.facts;
    reading_pieces(&goleak_format_glk, glk->data, glk->size, 0);
    if (!bytes_equal(&events, &reading.events)) {
        size_t at = 0;
        while (events.data[at] == reading.events.data[at])
            at++;
        while (at != 0 && events.data[at - 1] != '\n')
            at--;
        fail_msg("%s: the event\n%.300s\nbecame\n%.300s", path, events.data + at, reading.events.data + at);
    }
    for (int i = 0; i < GOLEAK_HEALTH_COUNT; i++) {
        const struct goleak_health_entry *a = &book.entries[i], *b = &reading.book.entries[i];
        if (a->count != b->count || a->line != b->line || a->column != b->column || a->offset != b->offset ||
            strcmp(a->detail, b->detail) != 0)
            fail_msg("%s: %s: found %llu, %s; expected %llu, %s", path, goleak_health_name((enum goleak_health_id)i),
                     (unsigned long long)b->count, b->detail, (unsigned long long)a->count, a->detail);
    }
    assert_int_equal(reading.facts.events, facts.events);
    assert_int_equal(reading.facts.notes, facts.notes);
    assert_int_equal(reading.facts.relative_time, facts.relative_time);
    bytes_free(&events);
    bytes_free(&plain);
    reading_tear_down(NULL);
}

/* In a file of its own. */
static void write_recording(char path[600], const char *name, size_t index, const struct bytes *recording)
{
    const char *folder = getenv("TEST_TMP");
    snprintf(path, 600, "%s/%s-%zu", folder != NULL ? folder : "/tmp", name, index);
    assert_true(bytes_write(recording, path));
}

/* What a .glk becomes that is converted: nothing is lost, nothing is added. */
static void same_again(const char *path, const struct bytes *glk)
{
    struct bytes again = { 0 };
    char copy[600];
    write_recording(copy, "glk", 0, glk);
    assert_int_equal(glk_bytes_convert(&again, copy, GOLEAK_WRITER_LEVEL), GOLEAK_OK);
    unlink(copy);
    if (!bytes_equal(glk, &again))
        fail_msg("%s: as .glk it has %zu bytes, which become %zu", path, glk->size, again.size);
    bytes_free(&again);
}

static void test_bundled(void **state)
{
    (void)state;
    struct bytes recording = { 0 }, glk = { 0 }, plain = { 0 };
    for (size_t i = 0; recording_get(i, &recording) != NULL; i++) {
        char path[600];
        write_recording(path, "recording", i, &recording);
        enum goleak_status status = glk_bytes_convert(&glk, path, GOLEAK_WRITER_LEVEL);
        if (status == GOLEAK_OK) {
            same_again(path, &glk);
            same_events(path, &glk);
            same_reports(path, &glk, 0);
            same_reports(path, &glk, 1);
            same_reports(path, &glk, 1000);
            assert_int_equal(glk_bytes_convert(&plain, path, 0), GOLEAK_OK);
            same_reports(path, &plain, 0);
        } else { /* what is no recording is none for both */
            struct outcome outcome = { 0 };
            outcome_of_file(&outcome, path, NULL);
            assert_int_equal(outcome.status, status);
            outcome_free(&outcome);
        }
        unlink(path);
        bytes_clear(&recording);
        bytes_clear(&glk);
        bytes_clear(&plain);
    }
    bytes_free(&recording);
    bytes_free(&glk);
    bytes_free(&plain);
}

/* Recordings of one run, side by side in a .glk, and that one beside another. */
static void check_joined(const char *const *paths, size_t count)
{
    char copy[600];
    struct bytes glk = { 0 }, again = { 0 };
    struct goleak_error errors[3];
    assert_int_equal(goleak_convert(paths, count, NULL, GOLEAK_WRITER_LEVEL, glk_bytes_write, &glk, errors), GOLEAK_OK);
    write_recording(copy, "joined", count, &glk);
    same_again(paths[0], &glk);
    same_reports(copy, &glk, 1000);
    const char *const beside[] = { copy, paths[0] };
    assert_int_equal(goleak_convert(beside, 2, NULL, GOLEAK_WRITER_LEVEL, glk_bytes_write, &again, errors), GOLEAK_OK);
    same_again(copy, &again);
    unlink(copy);
    bytes_free(&glk);
    bytes_free(&again);
}

static void test_joined(void **state)
{
    (void)state;
    const char *const bundled[] = { "testdata/bpftrace/own_leaky.txt", "testdata/perf/own_leaky.txt.zst",
                                    "testdata/gotrace/own_leaky.go1.26.trace.zst" };
    const char *const said[] = { bundled[0], bundled[1], "testdata/dtrace/drops_bufsize4k.err" };
    char names[2][600];
    const char *captures = getenv("GOLEAK_CAPTURES"), *const captured[] = { names[0], names[1] };
    check_joined(bundled, 2);
    check_joined(bundled, 3);
    check_joined(said, 3);
    if (captures == NULL || captures[0] == '\0')
        return;
    snprintf(names[0], sizeof names[0], "%s/joined/bpftrace.txt.zst", captures);
    snprintf(names[1], sizeof names[1], "%s/joined/trace.out.zst", captures);
    if (access(names[0], R_OK) == 0)
        check_joined(captured, 2);
}

/* ---- cut and damaged --------------------------------------------------------------- */

/* Event i of a small recording. */
static void add_small(struct goleak_writer *writer, size_t source, uint64_t i)
{
    struct goleak_error error;
    struct goleak_writer_frame frames[] = { { .function = "main.worker", .file = "main.go", .line = i % 5 + 1 },
                                            { .function = "runtime.goexit", .offset = 1 } };
    struct goleak_event event = { .kind = i % 3 == 0 ? GOLEAK_EVENT_CREATE : GOLEAK_EVENT_PARK };
    event.g = 0xc000100000 + i / 3 * 0x1c0;
    event.goid = 7 + i / 3;
    event.time_ns = (int64_t)(1000 + i * 17 + source);
    event.reason = GOLEAK_REASON_CHAN_RECV;
    event.flags = GOLEAK_FLAG_REASON;
    event.position = i + 1;
    event.has = GOLEAK_HAS_G | GOLEAK_HAS_GOID | GOLEAK_HAS_TIME;
    event.has |= event.kind == GOLEAK_EVENT_PARK ? GOLEAK_HAS_REASON | GOLEAK_HAS_STACK : 0;
    event.stack = goleak_writer_stack(writer, source, frames, 2);
    assert_int_equal(goleak_writer_event(writer, source, &event, &error), GOLEAK_OK);
}

/* Small ones of several kinds, in several blocks. */
static void make_small(struct bytes *out, int level)
{
    const struct goleak_writer_source sources[] = { { .name = "small", .format = "test" } };
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    struct goleak_writer *writer;
    struct goleak_error error;
    options.level = level;
    assert_int_equal(goleak_writer_new(&writer, sources, 1, &options, glk_bytes_write, out, &error), GOLEAK_OK);
    for (uint64_t i = 0; i < 120; i++) {
        add_small(writer, 0, i);
        if (i % 40 == 39)
            assert_int_equal(goleak_writer_flush(writer, &error), GOLEAK_OK);
        if (i == 50)
            assert_int_equal(goleak_writer_complain(writer, 0, "lost_events", 3, "three were lost", &error), GOLEAK_OK);
    }
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_OK);
    goleak_writer_free(writer);
}

/* Two that saw the same, and what was said beside; each with something to complain of. */
static void make_several(struct bytes *out, int level, uint64_t events)
{
    const struct goleak_writer_source sources[] = { { .name = "one", .format = "test", .pid = 42 },
                                                    { .name = "two", .format = "other", .pid = 42 },
                                                    { .name = "beside", .messages = true } };
    static const char *const names[] = { "lost_events", "damaged_lines", "recorder_errors" };
    struct goleak_writer_options options = GOLEAK_WRITER_OPTIONS_INIT;
    struct goleak_writer *writer;
    struct goleak_error error;
    options.level = level;
    assert_int_equal(goleak_writer_new(&writer, sources, 3, &options, glk_bytes_write, out, &error), GOLEAK_OK);
    assert_int_equal(goleak_writer_go_version(writer, 1, "1.25", &error), GOLEAK_OK);
    for (uint64_t i = 0; i < events; i++) {
        add_small(writer, 0, i);
        if (i % 4 != 0)
            add_small(writer, 1, i);
        if (i % 40 == 39) {
            size_t source = (size_t)(i / 40 % 3);
            assert_int_equal(goleak_writer_complain(writer, source, names[source], i, "so it is", &error), GOLEAK_OK);
            assert_int_equal(goleak_writer_complain(writer, source, names[0], 1, "lost", &error), GOLEAK_OK);
            assert_int_equal(goleak_writer_flush(writer, &error), GOLEAK_OK);
        }
    }
    assert_int_equal(goleak_writer_finish(writer, &error), GOLEAK_OK);
    goleak_writer_free(writer);
}

/* What was complained of besides what the whole complains of. */
static uint64_t complaints(struct goleak_trace *trace)
{
    static const char *const names[] = { "damaged_records", "truncated", "unknown_events", "unknown_keys" };
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT(names); i++)
        sum += outcome_health(trace, names[i]);
    return sum;
}

struct result {
    enum goleak_status status;
    uint64_t complaints, created;
};

static struct result result_of(const void *bytes, size_t size)
{
    struct goleak_trace *trace;
    struct goleak_error error;
    struct goleak_summary sum = { 0 };
    struct result result = { 0 };
    char *copy = malloc(size + 1); /* of its own size, so that reading behind it is noticed */
    assert_non_null(copy);
    copy = realloc(copy, size != 0 ? size : 1);
    memcpy(copy, bytes, size);
    assert_int_equal(goleak_trace_new(&trace, NULL, &error), GOLEAK_OK);
    result.status = goleak_trace_feed(trace, copy, size, &error);
    if (result.status == GOLEAK_OK)
        result.status = goleak_trace_finish(trace, &error);
    if (result.status == GOLEAK_OK) {
        goleak_trace_summary(trace, &sum);
        result.complaints = complaints(trace);
        result.created = sum.created;
    } else {
        assert_string_not_equal(error.message, "");
    }
    goleak_trace_free(trace);
    free(copy);
    return result;
}

static bool is_nothing(enum goleak_status status)
{
    return status == GOLEAK_E_EMPTY || status == GOLEAK_E_FORMAT || status == GOLEAK_E_NOEVENTS;
}

static void test_prefixes(void **state)
{
    (void)state;
    for (int level = 0; level <= 3; level += 3) {
        struct bytes glk = { 0 };
        make_small(&glk, level);
        struct result whole = result_of(glk.data, glk.size);
        assert_int_equal(whole.status, GOLEAK_OK);
        assert_int_equal(whole.created, 40);
        assert_int_equal(whole.complaints, 0);
        uint64_t before = 0;
        for (size_t size = 0; size < glk.size; size++) {
            struct result result = result_of(glk.data, size);
            if (!is_nothing(result.status))
                assert_int_equal(result.status, GOLEAK_OK);
            if (result.status == GOLEAK_OK && result.complaints == 0)
                fail_msg("the first %zu bytes of %zu are called whole", size, glk.size);
            assert_true(result.created >= before); /* the more there is, the more is told */
            before = result.created;
        }
        assert_int_equal(before, 40); /* all but the very end */
        bytes_free(&glk);
    }
}

static void test_flips(void **state)
{
    (void)state;
    static const uint8_t masks[] = { 0x01, 0x80, 0xff };
    for (int level = 0; level <= 3; level += 3) {
        struct bytes glk = { 0 };
        make_small(&glk, level);
        for (size_t at = 0; at < glk.size; at++)
            for (size_t i = 0; i < COUNT(masks); i++) {
                glk.data[at] = (char)(glk.data[at] ^ masks[i]);
                struct result result = result_of(glk.data, glk.size);
                glk.data[at] = (char)(glk.data[at] ^ masks[i]);
                if (!is_nothing(result.status))
                    assert_int_equal(result.status, GOLEAK_OK);
                if (result.status == GOLEAK_OK && result.complaints == 0)
                    fail_msg("byte %zu of %zu, changed by %02x: nothing is said", at, glk.size, masks[i]);
                /* No more than one of the three blocks of events is lost. */
                if (result.status == GOLEAK_OK && result.created < 26)
                    fail_msg("byte %zu of %zu, changed by %02x: only %llu of 40 creations are left", at, glk.size,
                             masks[i], (unsigned long long)result.created);
                assert_true(result.created <= 40);
            }
        bytes_free(&glk);
    }
}

/* Bytes left out, and bytes put in. */
static void test_shifts(void **state)
{
    (void)state;
    struct bytes glk = { 0 }, other = { 0 };
    make_small(&glk, 3);
    for (size_t at = 12; at < glk.size; at += 3) {
        for (size_t gone = 1; gone < 20 && at + gone <= glk.size; gone += 9) {
            bytes_clear(&other);
            bytes_add(&other, glk.data, at);
            bytes_add(&other, glk.data + at + gone, glk.size - at - gone);
            struct result result = result_of(other.data, other.size);
            if (result.status != GOLEAK_OK)
                fail_msg("%zu bytes gone at %zu of %zu: status %d", gone, at, glk.size, (int)result.status);
            assert_true(result.complaints != 0);
        }
        bytes_clear(&other);
        bytes_add(&other, glk.data, at);
        bytes_text(&other, "\xb7GB\x03put in");
        bytes_add(&other, glk.data + at, glk.size - at);
        struct result result = result_of(other.data, other.size);
        assert_int_equal(result.status, GOLEAK_OK);
        assert_true(result.complaints != 0 && result.created >= 26);
    }
    bytes_free(&glk);
    bytes_free(&other);
}

/* A .glk of several converted: what can be read of it, and what is wrong with it. */
static void convert_several(const struct bytes *glk)
{
    char copy[600];
    struct bytes again = { 0 };
    struct outcome outcome = { 0 };
    write_recording(copy, "several", 0, glk);
    enum goleak_status status = glk_bytes_convert(&again, copy, 3);
    outcome_of_file(&outcome, copy, NULL);
    if (outcome.status != status)
        fail_msg("a report gives %d, a conversion %d", (int)outcome.status, (int)status);
    if (status == GOLEAK_OK)
        same_reports(copy, &again, 0);
    outcome_free(&outcome);
    bytes_free(&again);
    unlink(copy);
}

static void test_several(void **state)
{
    (void)state;
    for (int level = 0; level <= 3; level += 3) {
        char copy[600];
        struct bytes glk = { 0 }, again = { 0 }, part = { 0 };
        make_several(&glk, level, 120);
        convert_several(&glk);
        for (size_t size = 0; size < glk.size; size += 9) {
            bytes_clear(&part);
            bytes_add(&part, glk.data, size);
            convert_several(&part);
        }
        for (size_t at = 0; at < glk.size; at += 5) {
            glk.data[at] = (char)(glk.data[at] ^ 0xff);
            convert_several(&glk);
            glk.data[at] = (char)(glk.data[at] ^ 0xff);
        }
        write_recording(copy, "several", 0, &glk);
        assert_int_equal(glk_bytes_convert(&again, copy, GOLEAK_WRITER_LEVEL), GOLEAK_OK);
        same_events(copy, &again);
        same_again(copy, &again);
        bytes_free(&glk);
        bytes_free(&again);
        bytes_free(&part);
        unlink(copy);
    }
}

/* The block that names the sources stands behind events: what those are merged by is not known yet. */
static void test_late_sources(void **state)
{
    (void)state;
    char copy[600];
    const char *const path = copy;
    struct bytes glk = { 0 }, late = { 0 }, again = { 0 };
    struct goleak_error error;
    struct goleak_glk_head head = { .kind = 0 };
    size_t at = GOLEAK_GLK_FILE_HEAD, behind = 0;
    make_several(&glk, 0, 900);
    bytes_add(&late, glk.data, at);
    for (size_t size; head.kind != GOLEAK_GLK_END_BLOCK; at += size) {
        assert_int_equal(goleak_glk_head_get(&head, (const uint8_t *)glk.data + at, glk.size - at), GOLEAK_GLK_WHOLE);
        size = head.bytes + (size_t)(head.tables_packed + head.columns_packed);
        behind = at == GOLEAK_GLK_FILE_HEAD ? at + size : behind;
        if (head.kind == GOLEAK_GLK_EVENT_BLOCK)
            bytes_add(&late, glk.data + at, size);
    }
    size_t number = late.size + GOLEAK_GLK_MARK_BYTES + 3;
    bytes_add(&late, glk.data + GOLEAK_GLK_FILE_HEAD, behind - GOLEAK_GLK_FILE_HEAD);
    late.data[number] = 100;
    glk_bytes_mend(&late);
    assert_int_equal(result_of(late.data, late.size).status, GOLEAK_OK);
    write_recording(copy, "late", 0, &late);
    assert_int_equal(goleak_convert(&path, 1, NULL, 3, glk_bytes_write, &again, &error), GOLEAK_E_FORMAT);
    assert_string_equal(error.path, copy);
    assert_string_equal(error.message, "found a source that is named behind events, expected all of them before");
    unlink(copy);
    bytes_free(&glk);
    bytes_free(&late);
    bytes_free(&again);
}

/* Whoever writes wrong numbers can write right checksums. */
static void test_hostile(void **state)
{
    (void)state;
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    struct bytes glk = { 0 }, other = { 0 };
    make_small(&glk, 0);
    for (size_t at = 12; at < glk.size; at++)
        for (size_t i = 0; i < COUNT(values); i++) {
            bytes_clear(&other);
            bytes_add(&other, glk.data, glk.size);
            other.data[at] = (char)values[i];
            glk_bytes_mend(&other);
            struct result result = result_of(other.data, other.size);
            if (!is_nothing(result.status))
                assert_int_equal(result.status, GOLEAK_OK);
        }
    bytes_free(&glk);
    bytes_free(&other);
}

static void test_memory(void **state)
{
    (void)state;
    struct bytes glk = { 0 };
    struct goleak_error error;
    make_small(&glk, 3);
    for (size_t n = 1;; n++) {
        struct fail_alloc heap;
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct goleak_trace *trace = NULL;
        fail_alloc_init(&heap, n, false);
        options.allocator = &heap.allocator;
        enum goleak_status status = goleak_trace_new(&trace, &options, &error);
        if (status == GOLEAK_OK)
            status = goleak_trace_feed(trace, glk.data, glk.size, &error);
        if (status == GOLEAK_OK)
            status = goleak_trace_finish(trace, &error);
        goleak_trace_free(trace);
        assert_true(fail_alloc_is_clean(&heap));
        if (!heap.failed)
            break;
        if (status != GOLEAK_E_MEMORY && status != GOLEAK_OK)
            fail_msg("request %zu fails: status %d: %s", n, (int)status, error.message);
    }
    bytes_free(&glk);
}

/* Each request of a conversion in turn. */
static void fail_each(const char *const *paths, size_t count)
{
    for (size_t n = 1;; n++) {
        struct fail_alloc heap;
        struct goleak_options options = GOLEAK_OPTIONS_INIT;
        struct goleak_error errors[2];
        struct bytes out = { 0 };
        fail_alloc_init(&heap, n, false);
        options.allocator = &heap.allocator;
        options.jobs = 1;
        enum goleak_status status = goleak_convert(paths, count, &options, 3, glk_bytes_write, &out, errors);
        bytes_free(&out);
        assert_true(fail_alloc_is_clean(&heap));
        if (!heap.failed)
            break;
        if (status != GOLEAK_E_MEMORY && status != GOLEAK_OK)
            fail_msg("request %zu of a conversion fails: status %d: %s", n, (int)status, errors[0].message);
    }
}

static void test_memory_of_convert(void **state)
{
    (void)state;
    char copy[600];
    struct bytes glk = { 0 };
    const char *const text[] = { "testdata/bpftrace/own_leaky.stacks.txt" };
    const char *const paths[] = { copy, copy };
    make_several(&glk, 3, 120);
    write_recording(copy, "several", 0, &glk);
    fail_each(text, 1);
    fail_each(paths, 1);
    fail_each(paths, 2);
    unlink(copy);
    bytes_free(&glk);
}

/* ---- all of them --------------------------------------------------------------------- */

struct tally {
    size_t recordings, smaller, short_ones, traces, others;
    size_t files, every; /* so many files were met, of which every so manyth is read */
    off_t largest; /* of them */
};

/* Packed with zstd -19: as it lies there, or here. */
static size_t packed_size(const char *path)
{
    struct stat info;
    struct bytes raw = { 0 };
    assert_int_equal(stat(path, &info), 0);
    if (has(path, ".zst"))
        return (size_t)info.st_size;
    assert_true(bytes_read_raw(&raw, path));
    size_t room = ZSTD_compressBound(raw.size), size;
    char *packed = malloc(room);
    assert_non_null(packed);
    size = ZSTD_compress(packed, room, raw.data, raw.size, 19);
    assert_false(ZSTD_isError(size));
    free(packed);
    bytes_free(&raw);
    return size;
}

/* Below this the parts of a .glk that it always has are what it consists of. */
#define SHORT_BYTES 4096

static void compare_size(struct tally *tally, const char *path, size_t size)
{
    size_t before = packed_size(path);
    tally->recordings++;
    if (size < before)
        tally->smaller++;
    else if (before < SHORT_BYTES)
        tally->short_ones++;
    else if (has(path, "trace.out") || has(path, ".trace"))
        tally->traces++;
    else
        tally->others++;
    if (size >= before && before >= SHORT_BYTES)
        print_message("# %s: %zu bytes, as .glk %zu\n", path, before, size);
}

static void check_file(struct tally *tally, const char *path)
{
    struct bytes glk = { 0 };
    if (glk_bytes_convert(&glk, path, GOLEAK_WRITER_LEVEL) == GOLEAK_OK) {
        if (tally->recordings % 32 == 0) /* packing at this level takes long */
            same_again(path, &glk);
        same_events(path, &glk);
        same_reports(path, &glk, 0);
        compare_size(tally, path, glk.size);
    }
    bytes_free(&glk);
}

static void check_folder(struct tally *tally, const char *folder)
{
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[1200];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            check_folder(tally, path);
        else if (S_ISREG(info.st_mode) && info.st_size <= tally->largest && tally->files++ % tally->every == 0)
            check_file(tally, path);
    }
    closedir(directory);
}

static void test_captures(void **state)
{
    (void)state;
    const char *folder = getenv("GOLEAK_CAPTURES");
    struct tally tally = { .every = has_sanitizer() ? 16 : 1, .largest = has_sanitizer() ? 500000 : INT64_MAX };
    if (folder == NULL || folder[0] == '\0') {
        print_message("SKIP GOLEAK_CAPTURES does not name a folder of recordings\n");
        skip();
    }
    if (tally.every > 1)
        print_message("# every sixteenth recording, and none over 500 kB: sanitizers take ten times as long\n");
    check_folder(&tally, folder);
    print_message("# %zu recordings, of which %zu are smaller as .glk than with zstd -19\n", tally.recordings,
                  tally.smaller);
    print_message("# %zu are not, for they are less than %d bytes: names, shapes and heads are most of their .glk\n",
                  tally.short_ones, SHORT_BYTES);
    print_message("# %zu are not, for they are Go traces: those have each thread's events for themselves, so that who\n"
                  "# runs, and where an event lies, need no telling\n",
                  tally.traces);
    assert_true(tally.recordings > 0);
    assert_int_equal(tally.others, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundled),  cmocka_unit_test(test_prefixes),     cmocka_unit_test(test_flips),
        cmocka_unit_test(test_shifts),   cmocka_unit_test(test_hostile),      cmocka_unit_test(test_memory),
        cmocka_unit_test(test_several),  cmocka_unit_test(test_joined),       cmocka_unit_test(test_memory_of_convert),
        cmocka_unit_test(test_captures), cmocka_unit_test(test_late_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
