/* json - see json.h. */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define PIECE_BYTES ((size_t)32 * 1024)

void goleak_json_init(struct goleak_json *json, struct goleak_alloc *alloc, goleak_write_fn *write, void *context)
{
    *json = (struct goleak_json){ .write = write, .context = context };
    goleak_buf_init(&json->buf, alloc);
}

static void pass_on(struct goleak_json *json)
{
    if (json->buf.size != 0 && !json->refused)
        json->refused = !json->write(json->context, json->buf.data, json->buf.size);
    json->buf.size = 0;
}

enum goleak_status goleak_json_finish(struct goleak_json *json)
{
    struct goleak_alloc *alloc = json->buf.alloc;
    pass_on(json);
    bool memory = json->buf.failed;
    goleak_buf_release(&json->buf);
    return memory ? goleak_alloc_failure(alloc) : json->refused ? GOLEAK_E_IO : GOLEAK_OK;
}

size_t goleak_utf8_decode(const char *text, uint32_t *code)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t more = in[0] < 0x80 ? 0 : in[0] >= 0xc2 && in[0] < 0xe0 ? 1 : in[0] >= 0xe0 && in[0] < 0xf0 ? 2
                  : in[0] >= 0xf0 && in[0] < 0xf5                  ? 3
                                                                   : 4;
    if (more == 4)
        return 0;
    uint32_t value = more == 0 ? in[0] : in[0] & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (in[i] & 0x3fu);
    }
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    if (value < least[more] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0;
    *code = value;
    return more + 1;
}

bool goleak_is_control(uint32_t code)
{
    /* C0, DEL, C1; then what is invisible or turns the direction of writing. */
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void escape_into(struct goleak_buf *buf, const char *text)
{
    const char *plain = text;
    while (*text != '\0') {
        uint32_t code;
        size_t size = goleak_utf8_decode(text, &code);
        bool quoted = size == 1 && (code == '"' || code == '\\');
        if (size != 0 && !quoted && !goleak_is_control(code)) {
            text += size;
            continue;
        }
        goleak_buf_append(buf, plain, (size_t)(text - plain));
        char escape[16];
        if (quoted)
            snprintf(escape, sizeof escape, "\\%c", (char)code);
        else if (size == 0)
            snprintf(escape, sizeof escape, "\\\\x%02x", (unsigned char)*text);
        else
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code);
        goleak_buf_text(buf, escape);
        text += size != 0 ? size : 1;
        plain = text;
    }
    goleak_buf_append(buf, plain, (size_t)(text - plain));
}

static void begin(struct goleak_json *json, const char *key)
{
    if (json->buf.size >= PIECE_BYTES)
        pass_on(json);
    if (json->comma)
        goleak_buf_char(&json->buf, ',');
    json->comma = true;
    if (key == NULL)
        return;
    goleak_buf_char(&json->buf, '"');
    goleak_buf_text(&json->buf, key); /* ours: nothing to escape */
    goleak_buf_append(&json->buf, "\":", 2);
}

void goleak_json_open(struct goleak_json *json, const char *key, char bracket)
{
    begin(json, key);
    goleak_buf_char(&json->buf, bracket);
    json->comma = false;
}

void goleak_json_close(struct goleak_json *json, char bracket)
{
    goleak_buf_char(&json->buf, bracket);
    json->comma = true;
}

void goleak_json_text(struct goleak_json *json, const char *key, const char *text)
{
    begin(json, key);
    if (text == NULL) {
        goleak_buf_text(&json->buf, "null");
        return;
    }
    goleak_buf_char(&json->buf, '"');
    escape_into(&json->buf, text);
    goleak_buf_char(&json->buf, '"');
}

void goleak_json_i64(struct goleak_json *json, const char *key, int64_t value)
{
    begin(json, key);
    if (value == GOLEAK_NONE)
        goleak_buf_text(&json->buf, "null");
    else
        goleak_buf_i64(&json->buf, value);
}

void goleak_json_u64(struct goleak_json *json, const char *key, uint64_t value)
{
    begin(json, key);
    goleak_buf_u64(&json->buf, value);
}

void goleak_json_hex(struct goleak_json *json, const char *key, uint64_t value)
{
    begin(json, key);
    if (value == 0) {
        goleak_buf_text(&json->buf, "null");
        return;
    }
    goleak_buf_char(&json->buf, '"');
    goleak_buf_hex(&json->buf, value);
    goleak_buf_char(&json->buf, '"');
}

void goleak_json_bool(struct goleak_json *json, const char *key, bool value)
{
    begin(json, key);
    goleak_buf_text(&json->buf, value ? "true" : "false");
}

void goleak_json_null(struct goleak_json *json, const char *key)
{
    goleak_json_text(json, key, NULL);
}

void goleak_json_newline(struct goleak_json *json)
{
    goleak_buf_char(&json->buf, '\n');
    json->comma = false;
}
