/*
 * json - writing JSON as a stream.
 *
 * Nothing is built up: a report on a million goroutines needs no document of a
 * million nodes. Integers are exact, and numbers that the recording cannot tell
 * (GOLEAK_NONE, NULL) become null. Strings come from recordings: control
 * characters, C1 controls and DEL are escaped, and a byte that is no UTF-8 is
 * written as the four characters \xNN.
 *
 * A key is NULL inside arrays. Output is handed on in pieces; after a refusal
 * the rest is swallowed and goleak_json_finish tells.
 */
#ifndef GOLEAK_BASE_JSON_H
#define GOLEAK_BASE_JSON_H

#include "base/buf.h"

struct goleak_json {
    goleak_write_fn *write;
    void *context;
    struct goleak_buf buf;
    bool comma;    /* something stands before, on this level */
    bool refused;
};

void goleak_json_init(struct goleak_json *json, struct goleak_alloc *alloc, goleak_write_fn *write, void *context);
/* Writes what is left. GOLEAK_E_IO if anything was refused, or the memory's failure. */
enum goleak_status goleak_json_finish(struct goleak_json *json);

void goleak_json_open(struct goleak_json *json, const char *key, char bracket); /* '{' or '[' */
void goleak_json_close(struct goleak_json *json, char bracket);                 /* '}' or ']' */
void goleak_json_text(struct goleak_json *json, const char *key, const char *text); /* NULL: null */
void goleak_json_i64(struct goleak_json *json, const char *key, int64_t value);     /* GOLEAK_NONE: null */
void goleak_json_u64(struct goleak_json *json, const char *key, uint64_t value);
void goleak_json_hex(struct goleak_json *json, const char *key, uint64_t value);    /* as a string; 0: null */
void goleak_json_bool(struct goleak_json *json, const char *key, bool value);
void goleak_json_null(struct goleak_json *json, const char *key);
void goleak_json_newline(struct goleak_json *json); /* between the lines of ndjson */

/* One character of text for an output: its UTF-8 length, or 0 if the bytes are
 * no UTF-8. *code is the code point. Never looks behind a NUL. */
size_t goleak_utf8_decode(const char *text, uint32_t *code);
/* Must this code point be escaped wherever it is shown? */
bool goleak_is_control(uint32_t code);

#endif
