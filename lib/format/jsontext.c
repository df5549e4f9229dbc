/* jsontext - see jsontext.h. The grammar is RFC 8259's. */
#include "format/jsontext.h"

#include "base/number.h"

#include <string.h>

enum goleak_json_token goleak_json_next(struct goleak_json_text *json)
{
    const char *at = json->at, *end = json->end;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    json->token = at;
    json->size = 1;
    if (at == end) {
        json->at = at;
        return GOLEAK_JSON_END;
    }
    if (*at == '"') {
        json->token = ++at;
        while (at < end && *at != '"')
            at += *at == '\\' && end - at > 1 ? 2 : 1;
        json->size = (size_t)(at - json->token);
        json->at = at + (at < end);
        return at < end ? GOLEAK_JSON_STRING : GOLEAK_JSON_ERROR;
    }
    if (strchr("{}[]:,", *at) != NULL) {
        json->at = at + 1;
        return *at != '\0' ? GOLEAK_JSON_MARK : GOLEAK_JSON_ERROR;
    }
    bool number = *at == '-' || (*at >= '0' && *at <= '9');
    while (at < end && ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || *at == '-' || *at == '+' ||
                        *at == '.' || *at == 'E'))
        at++;
    json->size = (size_t)(at - json->token);
    json->at = at;
    if (json->size == 0)
        return GOLEAK_JSON_ERROR;
    return number ? GOLEAK_JSON_NUMBER : GOLEAK_JSON_WORD;
}

bool goleak_json_is_mark(const struct goleak_json_text *json, enum goleak_json_token token, char mark)
{
    return token == GOLEAK_JSON_MARK && *json->token == mark;
}

bool goleak_json_is_text(const struct goleak_json_text *json, const char *text)
{
    return strlen(text) == json->size && memcmp(text, json->token, json->size) == 0;
}

bool goleak_json_skip(struct goleak_json_text *json, enum goleak_json_token first)
{
    size_t depth = 0;
    for (enum goleak_json_token token = first;; token = goleak_json_next(json)) {
        if (token == GOLEAK_JSON_END || token == GOLEAK_JSON_ERROR)
            return false;
        if (token == GOLEAK_JSON_MARK && (*json->token == '{' || *json->token == '['))
            depth++;
        else if (token == GOLEAK_JSON_MARK && (*json->token == '}' || *json->token == ']'))
            depth -= depth != 0;
        if (depth == 0)
            return true;
    }
}

static void append_utf8(struct goleak_buf *out, uint32_t code)
{
    if (code < 0x80) {
        goleak_buf_char(out, (char)code);
    } else if (code < 0x800) {
        goleak_buf_char(out, (char)(0xc0 | code >> 6));
        goleak_buf_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        goleak_buf_char(out, (char)(0xe0 | code >> 12));
        goleak_buf_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        goleak_buf_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        goleak_buf_char(out, (char)(0xf0 | code >> 18));
        goleak_buf_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
        goleak_buf_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        goleak_buf_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* Four hexadecimal digits at `at`; false: there are none. */
static bool read_unit(const char *at, const char *end, uint32_t *out)
{
    uint32_t value = 0;
    if (end - at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t digit = goleak_hex_digit[(unsigned char)at[i]];
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

/* Behind "\u": one code point of one or two units. Returns behind it. */
static const char *unescape_unit(struct goleak_buf *out, const char *at, const char *end)
{
    uint32_t unit, low;
    if (!read_unit(at, end, &unit)) {
        append_utf8(out, 0xfffd);
        return at;
    }
    at += 4;
    if (unit >= 0xd800 && unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
        read_unit(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
        append_utf8(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        return at + 6;
    }
    append_utf8(out, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit);
    return at;
}

void goleak_json_unescape(struct goleak_buf *out, const char *at, size_t size)
{
    const char *end = at + size;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        const char *stop = slash != NULL ? slash : end;
        goleak_buf_append(out, at, (size_t)(stop - at));
        if (slash == NULL || slash + 1 == end)
            return;
        at = slash + 2;
        switch (slash[1]) {
        case 'n':
            goleak_buf_char(out, '\n');
            break;
        case 't':
            goleak_buf_char(out, '\t');
            break;
        case 'r':
            goleak_buf_char(out, '\r');
            break;
        case 'b':
            goleak_buf_char(out, '\b');
            break;
        case 'f':
            goleak_buf_char(out, '\f');
            break;
        case 'u':
            at = unescape_unit(out, at, end);
            break;
        default: /* \" \\ \/ */
            goleak_buf_char(out, slash[1]);
            break;
        }
    }
}
