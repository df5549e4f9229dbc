/*
 * glk_layout - what reader and writer of our own format must agree on. The whole of it
 * is docs/FORMAT-GLK.md; names here are that document's.
 *
 *      file    89 'G' 'L' 'K' 0d 0a 1a 0a · version u32 · block…
 *      block   b7 'G' 'B' · size of the head u8 · head · sum u32 · tables · columns
 *      head    kind u8 · flags u8 · number · source · tables: packed, plain [sum u32] ·
 *              columns: packed, plain [sum u32] · events [· first_ns · span_ns [· since]]
 *      tables  (id u8 · size · item)…
 *      columns first position · first count · first blocked count · shapes · shape
 *              numbers · (id u8 · column)…
 *
 * Numbers are base-128 unless a width is told, and those little-endian.
 */
#ifndef GOLEAK_FORMAT_GLK_LAYOUT_H
#define GOLEAK_FORMAT_GLK_LAYOUT_H

#include "base/buf.h"

#define GOLEAK_GLK_MAGIC "\x89GLK\r\n\x1a\n"
#define GOLEAK_GLK_MAGIC_BYTES 8
#define GOLEAK_GLK_FILE_HEAD 12
#define GOLEAK_GLK_VERSION 1

#define GOLEAK_GLK_MARK "\xb7GB"
#define GOLEAK_GLK_MARK_BYTES 3
/* Mark, the head's size, the longest head there can be, and its sum. */
#define GOLEAK_GLK_HEAD_MAX (GOLEAK_GLK_MARK_BYTES + 1 + 255 + 4)

/* Of a section, packed and plain. */
#define GOLEAK_GLK_SECTION_MAX ((size_t)4 << 20)
#define GOLEAK_GLK_BLOCK_EVENTS 16384
/* Of each table, no block tells more. */
#define GOLEAK_GLK_NEW_MAX ((size_t)1 << 17)
/* Of what a tool tells: so a block's last event, with all that it is the first to mention, leaves
 * room in the section for the others' and for notes. Said in goleak.h. */
#define GOLEAK_GLK_NAME_MAX ((size_t)64 << 10)
#define GOLEAK_GLK_STACK_MAX ((size_t)16 << 10)
#define GOLEAK_GLK_STACK_NAMES_MAX ((size_t)512 << 10)
/* Of all sources' together, one block tells. */
#define GOLEAK_GLK_SOURCE_NAME_MAX ((size_t)4 << 10)
#define GOLEAK_GLK_SOURCES 256
/* Events that a reader pushes at a time: blocks of a converted recording hold whole ones,
 * but where its own reader has pushed fewer. */
#define GOLEAK_GLK_BATCH 256
#define GOLEAK_GLK_LEVEL_MAX 19

/* Behind the end block: where it begins, u64, and this. */
#define GOLEAK_GLK_TRAILER_MAGIC "GLKEND\r\n"
#define GOLEAK_GLK_TRAILER 16

enum goleak_glk_kind { GOLEAK_GLK_SOURCE_BLOCK = 1, GOLEAK_GLK_EVENT_BLOCK = 2, GOLEAK_GLK_END_BLOCK = 3 };

#define GOLEAK_GLK_IN_ORDER 1u  /* its recording's reader knew their order */
#define GOLEAK_GLK_CUT 2u       /* a batch ends with this block */
#define GOLEAK_GLK_RELATIVE 4u  /* times count from the recording's start */
#define GOLEAK_GLK_FRESH 8u     /* the tables begin anew */
#define GOLEAK_GLK_INDEXED 16u  /* of the end: it has an index, and the trailer follows */

/* Items of the tables. */
enum goleak_glk_item {
    GOLEAK_GLK_STRINGS = 1,    /* first number · (size · bytes)…                */
    GOLEAK_GLK_FRAMES = 2,     /* first number · (function · text)…             */
    GOLEAK_GLK_STACKS = 3,     /* first number · (count · frames…)…             */
    GOLEAK_GLK_SLOTS = 4,      /* first number · column                         */
    GOLEAK_GLK_PLACES = 5,     /* (address · 1: after a call · function · file · line)… */
    GOLEAK_GLK_NOTE = 6,       /* event · count · line · column · offset · name · sentence [· input] */
    GOLEAK_GLK_GO = 7,         /* event · low · high · name of `from` · text    */
    GOLEAK_GLK_KIND = 8,       /* kind u8 · word                                */
    GOLEAK_GLK_SOURCE = 9,     /* flags · pid · name · format                   */
    GOLEAK_GLK_FACTS = 10,     /* source · events · notes · bytes · format · form */
    GOLEAK_GLK_INDEX = 11,     /* (offset · source · events · first_ns · span_ns)… */
    GOLEAK_GLK_GENERATION = 12 /* event · number · ticks · flags [· boot] · count · threads… */
};

/* Flags of a generation. */
#define GOLEAK_GLK_ALL_TOLD 1u
#define GOLEAK_GLK_HAS_BOOT 2u

/* Flag of a source: what a recorder said beside its recording. */
#define GOLEAK_GLK_MESSAGES 1u

/* Columns. Which events have one follows from their shapes. */
enum goleak_glk_field {
    GOLEAK_GLK_G,       /* slot                                            */
    GOLEAK_GLK_OTHER_G, /* slot                                            */
    GOLEAK_GLK_TIME,
    GOLEAK_GLK_GOID, /* where the slot's last one is not the same       */
    GOLEAK_GLK_OTHER_GOID,
    GOLEAK_GLK_COUNT, /* where it does not follow from the one before    */
    GOLEAK_GLK_BLOCKED,
    GOLEAK_GLK_STACK,
    GOLEAK_GLK_NAME,
    GOLEAK_GLK_LANE, /* of the position                                 */
    GOLEAK_GLK_POSITION,
    GOLEAK_GLK_LOCK,
    GOLEAK_GLK_CHAN,
    GOLEAK_GLK_ELEM,
    GOLEAK_GLK_GOPC,
    GOLEAK_GLK_STARTPC,
    GOLEAK_GLK_CPU,
    GOLEAK_GLK_TID,
    GOLEAK_GLK_PID,
    GOLEAK_GLK_BACK, /* instead of a slot: that of g so many events before  */
    GOLEAK_GLK_OTHER_BACK,
    GOLEAK_GLK_UNTIL,
    GOLEAK_GLK_FIELDS
};

/* Of the bits of an event's `has` those that can be. Two are for one field: of a park that tells until
 * when it is that, of all others the other goroutine's goid. */
static inline uint32_t goleak_glk_told(uint8_t kind, uint64_t has)
{
    const uint32_t known = (GOLEAK_HAS_UNTIL << 1) - 1;
    bool until = kind == GOLEAK_EVENT_PARK && (has & GOLEAK_HAS_UNTIL) != 0;
    return (uint32_t)has & known & ~(until ? GOLEAK_HAS_OTHER_GOID : GOLEAK_HAS_UNTIL);
}

/* What a shape tells besides an event's first bytes: which columns its events have, and
 * more; bits. */
#define GOLEAK_GLK_BIT(field) (1u << (field))
#define GOLEAK_GLK_TELLS_G (GOLEAK_GLK_BIT(GOLEAK_GLK_G) | GOLEAK_GLK_BIT(GOLEAK_GLK_BACK))
#define GOLEAK_GLK_TELLS_OTHER (GOLEAK_GLK_BIT(GOLEAK_GLK_OTHER_G) | GOLEAK_GLK_BIT(GOLEAK_GLK_OTHER_BACK))
/* Told, though without a value in the column: it is as expected. */
#define GOLEAK_GLK_KNOWS_GOID (1u << 24)
#define GOLEAK_GLK_KNOWS_OTHER_GOID (1u << 25)
/* lock, chan, elem are strings. */
#define GOLEAK_GLK_TEXT_LOCK (1u << 26)
#define GOLEAK_GLK_TEXT_CHAN (1u << 27)
#define GOLEAK_GLK_TEXT_ELEM (1u << 28)

/* A block's head, as numbers. */
struct goleak_glk_head {
    uint8_t kind, flags;
    uint64_t number, source;
    uint64_t tables_packed, tables_plain, columns_packed, columns_plain;
    uint32_t tables_sum, columns_sum;
    uint64_t events;
    int64_t first_ns; /* the earliest; INT64_MIN: none tells time (read, it may be 0, too) */
    uint64_t span_ns;
    bool has_since;
    uint64_t since; /* the block with which the tables of this source began anew */
    size_t bytes;   /* of mark, head and sum */
};

void goleak_glk_head_put(struct goleak_buf *out, const struct goleak_glk_head *head);

enum goleak_glk_found { GOLEAK_GLK_WHOLE, GOLEAK_GLK_MORE, GOLEAK_GLK_BROKEN };
/* MORE: it is longer than these bytes. */
enum goleak_glk_found goleak_glk_head_get(struct goleak_glk_head *head, const uint8_t *at, size_t size);

/* Which of lock (1), chan (2), elem (4) are strings in the RUNTIME event of this name. */
unsigned goleak_glk_texts(const char *name);

#endif
