/* diag - see diag.h. */
#include "diag.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

/* Composed here, printed at once. Room for a path, a sentence and an excerpt
 * of goleak_error with every byte escaped. */
struct message {
    size_t used;
    char text[6144];
};

static void put_bytes(struct message *message, const char *text, size_t size)
{
    size_t room = sizeof message->text - message->used;
    if (size > room)
        size = room;
    memcpy(message->text + message->used, text, size);
    message->used += size;
}

static void put(struct message *message, const char *text)
{
    put_bytes(message, text, strlen(text));
}

static void put_format(struct message *message, const char *format, ...)
#if defined(__GNUC__) || defined(__clang__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

static void put_format(struct message *message, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(message, text);
}

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the character at `s` that may be shown as it is; 0: escape the first
 * byte. Refuses C0, DEL and C1 controls, overlong forms, surrogates, and what
 * lies beyond U+10FFFF. The NUL at the end stops every look ahead. */
static size_t shown_bytes(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    if (s[0] < 0xc2 || s[0] > 0xf4 || !is_continuation(s[1]))
        return 0;
    if (s[0] < 0xe0)
        return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : 2;
    if (!is_continuation(s[2]))
        return 0;
    if (s[0] < 0xf0)
        return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ? 0 : 3;
    if (!is_continuation(s[3]) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return 4;
}

static void put_escaped(struct message *message, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t size = shown_bytes(at);
        if (size == 0)
            put_format(message, "\\x%02x", *at++);
        else
            put_bytes(message, (const char *)at, size);
        at += size;
    }
}

static void put_color(struct message *message, const struct cli_diag *diag, const char *code)
{
    if (diag->color)
        put_format(message, "\033[%sm", code);
}

/* Where a message belongs; all of it may be zero. */
struct place {
    const char *path;
    uint64_t line, column;
    uint64_t offset;
    bool has_offset;
};

static void put_place(struct message *message, const struct place *place)
{
    if (place->path == NULL || place->path[0] == '\0') {
        put(message, CLI_PROGRAM ": ");
        return;
    }
    put_escaped(message, strcmp(place->path, "-") == 0 ? "standard input" : place->path);
    if (place->line > 0)
        put_format(message, ":%" PRIu64, place->line);
    if (place->line > 0 && place->column > 0)
        put_format(message, ":%" PRIu64, place->column);
    put(message, ": ");
    if (place->line == 0 && place->has_offset)
        put_format(message, "at 0x%" PRIx64 ": ", place->offset);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The library writes a byte that is not printable ASCII as \xNN: where the
 * column counts one, the excerpt has four. SIZE_MAX: behind the excerpt, which
 * may be cut. */
static size_t caret_indent(const char *excerpt, uint64_t column)
{
    size_t at = 0;
    for (uint64_t i = 1; i < column; i++) {
        const char *c = excerpt + at;
        if (*c == '\0')
            return SIZE_MAX;
        at += c[0] == '\\' && c[1] == 'x' && is_hex(c[2]) && is_hex(c[3]) ? 4 : 1;
    }
    return at;
}

static void put_excerpt(struct message *message, const struct cli_diag *diag, const char *excerpt, uint64_t column)
{
    put(message, "    ");
    put_escaped(message, excerpt);
    put(message, "\n");
    size_t indent = column > 0 ? caret_indent(excerpt, column) : SIZE_MAX;
    if (indent == SIZE_MAX)
        return;
    put_format(message, "    ");
    for (size_t i = 0; i < indent; i++)
        put(message, " ");
    put_color(message, diag, "1;32");
    put(message, "^");
    put_color(message, diag, "0");
    put(message, "\n");
}

static const struct {
    const char *word, *color;
} grades[] = {
    [CLI_ERROR] = { "error: ", "1;31" },
    [CLI_WARNING] = { "warning: ", "1;35" },
    [CLI_NOTE] = { "note: ", "1;36" },
};

static void say_at(struct cli_diag *diag, enum cli_grade grade, const struct place *place, const char *sentence,
                   const char *excerpt)
{
    struct message message = { .used = 0 };
    if (diag->quiet && grade != CLI_ERROR)
        return;
    put_color(&message, diag, "1");
    put_place(&message, place);
    put_color(&message, diag, grades[grade].color);
    put(&message, grades[grade].word);
    put_color(&message, diag, "0");
    put_escaped(&message, sentence);
    put(&message, "\n");
    if (excerpt != NULL && excerpt[0] != '\0')
        put_excerpt(&message, diag, excerpt, place->column);
    cli_progress_erase(&diag->progress);
    fwrite(message.text, 1, message.used, stderr);
}

void cli_diag_say(struct cli_diag *diag, enum cli_grade grade, const char *path, const char *format, ...)
{
    char sentence[1024];
    struct place place = { .path = path };
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    say_at(diag, grade, &place, sentence, NULL);
}

void cli_diag_failure(struct cli_diag *diag, const struct goleak_error *error)
{
    struct place place = { error->path, error->line, error->column, error->offset, error->has_offset };
    say_at(diag, error->status < 0 ? CLI_ERROR : CLI_WARNING, &place, error->message, error->excerpt);
}

/* `meaning` is made to stand behind a count; a sentence on the whole recording
 * ("the recording ends ...") reads better without. */
void cli_diag_health(struct cli_diag *diag, enum cli_grade grade, const struct goleak_health *health, const char *path,
                     const char *prefix)
{
    char sentence[1024], count[32] = "";
    struct place place = { health->input != NULL ? health->input : path, health->line, health->column, health->offset,
                           health->offset > 0 };
    bool countable = strncmp(health->meaning, "the ", 4) != 0;
    if (countable)
        snprintf(count, sizeof count, "%" PRIu64 " ", health->count);
    if (health->detail != NULL && health->detail[0] != '\0')
        snprintf(sentence, sizeof sentence, "%s%s%s (%s%s)", prefix, count, health->meaning,
                 health->count == 1 ? "" : "first: ", health->detail);
    else
        snprintf(sentence, sizeof sentence, "%s%s%s", prefix, count, health->meaning);
    say_at(diag, grade, &place, sentence, NULL);
}

void cli_diag_limit(struct cli_diag *diag, const struct cli_options *options)
{
    const unsigned mega = 20;
    if (options->max_memory_bytes > 0)
        cli_diag_say(diag, CLI_NOTE, NULL, "%u MiB of --max-memory are kept for the process itself%s%s",
                     (unsigned)(CLI_MEMORY_RESERVE >> mega),
                     options->action == CLI_ACTION_CONVERT ? ", and what is left is shared by each FILE and the output"
                                                           : "",
                     options->jobs != 1 ? "; --jobs=1 needs less than several threads do" : "");
}

void cli_diag_init(struct cli_diag *diag, const struct cli_options *options)
{
    memset(diag, 0, sizeof *diag);
    diag->quiet = options->quiet;
    diag->color = cli_terminal_color(options->color, STDERR_FILENO);
}
