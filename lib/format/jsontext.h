/*
 * jsontext - the JSON that recorders print, token by token, out of a buffer that
 * holds all of it.
 *
 * Recordings have a million small objects; a tree for each would cost more than
 * the rest of the reading. Nothing is copied: a string is handed out as it
 * stands, with its escapes.
 */
#ifndef GOLEAK_FORMAT_JSONTEXT_H
#define GOLEAK_FORMAT_JSONTEXT_H

#include "base/buf.h"

enum goleak_json_token {
    GOLEAK_JSON_END,   /* nothing is left */
    GOLEAK_JSON_ERROR, /* no JSON, or cut */
    GOLEAK_JSON_STRING,
    GOLEAK_JSON_NUMBER,
    GOLEAK_JSON_WORD,  /* true, false, null */
    GOLEAK_JSON_MARK   /* one of { } [ ] : , */
};

struct goleak_json_text {
    const char *at, *end;
    /* The last token; of a string what is between its quotes. */
    const char *token;
    size_t size;
};

enum goleak_json_token goleak_json_next(struct goleak_json_text *json);
bool goleak_json_is_mark(const struct goleak_json_text *json, enum goleak_json_token token, char mark);
bool goleak_json_is_text(const struct goleak_json_text *json, const char *text);
/* Behind the value whose first token is `first`; false: it is cut. */
bool goleak_json_skip(struct goleak_json_text *json, enum goleak_json_token first);
/* Appends the string [at, at + size) without its escapes. */
void goleak_json_unescape(struct goleak_buf *out, const char *at, size_t size);

#endif
