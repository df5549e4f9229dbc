/* test_glk_blocks - .glk files made block by block, as no writer of ours makes them: what a reader makes
 * of damage, and of what it does not know. */
#include "support/load.h"

#include "format/glk.h"
#include "format/glk_column.h"
#include "format/glk_layout.h"

#include "base/xxh64.h"
#include "support/reading.h"

#define FIELD(field) GOLEAK_GLK_BIT(GOLEAK_GLK_##field)

static struct goleak_alloc alloc;
static struct goleak_buf file, tables, columns, item;
static uint64_t number; /* of the next block */
static uint64_t deltas[5000]; /* room for those of a column */

static int set_up(void **state)
{
    struct goleak_buf *const bufs[] = { &file, &tables, &columns, &item };
    goleak_alloc_init(&alloc, NULL, 0);
    for (size_t i = 0; i < COUNT(bufs); i++)
        goleak_buf_init(bufs[i], &alloc);
    goleak_buf_append(&file, GOLEAK_GLK_MAGIC "\x01\0\0", GOLEAK_GLK_FILE_HEAD);
    number = 0;
    return reading_set_up(state);
}

static int tear_down(void **state)
{
    struct goleak_buf *const bufs[] = { &file, &tables, &columns, &item };
    for (size_t i = 0; i < COUNT(bufs); i++)
        goleak_buf_release(bufs[i]);
    return reading_tear_down(state);
}

/* ---- blocks ---------------------------------------------------------------------- */

enum broken { WHOLE, TABLES, COLUMNS, HEAD };

/* What is in `tables` and `columns` goes out as a block. */
static void put_head(struct goleak_glk_head head, enum broken broken)
{
    head.number = number++;
    head.tables_packed = head.tables_plain = tables.size;
    head.tables_sum = (uint32_t)goleak_xxh64(tables.data, tables.size) + (broken == TABLES);
    head.columns_packed = head.columns_plain = columns.size;
    head.columns_sum = (uint32_t)goleak_xxh64(columns.data, columns.size) + (broken == COLUMNS);
    size_t at = file.size;
    goleak_glk_head_put(&file, &head);
    if (broken == HEAD)
        file.data[at + GOLEAK_GLK_MARK_BYTES + 1] ^= 0x10;
    goleak_buf_append(&file, tables.data, tables.size);
    goleak_buf_append(&file, columns.data, columns.size);
    tables.size = columns.size = 0;
}

static void put_block(unsigned flags, uint64_t events, enum broken broken)
{
    put_head((struct goleak_glk_head) { .kind = GOLEAK_GLK_EVENT_BLOCK,
                                        .flags = (uint8_t)(flags | GOLEAK_GLK_CUT),
                                        .events = events,
                                        .first_ns = INT64_MIN },
             broken);
}

/* … with since when its tables are. */
static void put_block_since(unsigned flags, uint64_t events, uint64_t since, enum broken broken)
{
    put_head((struct goleak_glk_head) { .kind = GOLEAK_GLK_EVENT_BLOCK,
                                        .flags = (uint8_t)(flags | GOLEAK_GLK_CUT),
                                        .events = events,
                                        .first_ns = INT64_MIN,
                                        .has_since = true,
                                        .since = since },
             broken);
}

static void put_item(enum goleak_glk_item id)
{
    goleak_buf_char(&tables, (char)id);
    goleak_glk_put_number(&tables, item.size);
    goleak_buf_append(&tables, item.data, item.size);
    item.size = 0;
}

static void text(struct goleak_buf *out, const char *string)
{
    goleak_glk_put_number(out, strlen(string));
    goleak_buf_append(out, string, strlen(string));
}

static void put_sources(void)
{
    goleak_glk_put_number(&item, 0);
    goleak_glk_put_number(&item, 0);
    text(&item, "made.txt");
    text(&item, "test");
    put_item(GOLEAK_GLK_SOURCE);
    put_head((struct goleak_glk_head) { .kind = GOLEAK_GLK_SOURCE_BLOCK, .first_ns = INT64_MIN }, WHOLE);
}

static void put_end(void)
{
    put_head((struct goleak_glk_head) { .kind = GOLEAK_GLK_END_BLOCK, .first_ns = INT64_MIN }, WHOLE);
}

static void put_slots(uint64_t first, const uint64_t *values, size_t count)
{
    goleak_glk_put_number(&item, first);
    goleak_glk_column_put(&item, values, count, GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN), deltas);
    put_item(GOLEAK_GLK_SLOTS);
}

/* The columns' head: then comes each shape, the events' shapes, and the columns. */
static void begin_columns(unsigned shapes)
{
    goleak_glk_put_number(&columns, 1); /* the first position */
    goleak_glk_put_number(&columns, 0);
    goleak_glk_put_number(&columns, 0);
    goleak_glk_put_number(&columns, shapes);
}

static void put_shape(enum goleak_event_kind kind, uint32_t has, uint32_t fields)
{
    const uint8_t bytes[6] = { (uint8_t)kind };
    goleak_buf_append(&columns, bytes, sizeof bytes);
    goleak_glk_put_number(&columns, has);
    goleak_glk_put_number(&columns, fields);
    goleak_glk_put_number(&columns, 0);
    goleak_glk_put_number(&columns, 0);
    goleak_glk_put_number(&columns, 1); /* a position each */
}

/* Which shape each event has: a digit each. */
static void put_numbers(const char *numbers)
{
    for (; *numbers != '\0'; numbers++)
        goleak_buf_char(&columns, (char)(*numbers - '0'));
}

/* All have the first one. */
static void put_first_shape(size_t count)
{
    for (size_t i = 0; i < count; i++)
        goleak_buf_char(&columns, 0);
}

static void put_column(enum goleak_glk_field field, const uint64_t *values, size_t count)
{
    goleak_buf_char(&columns, (char)field);
    goleak_glk_column_put(&columns, values, count, GOLEAK_GLK_MAY(GOLEAK_GLK_PLAIN), deltas);
}

/* Events that tell their goroutine, and that it is as before. */
static void put_runs(const uint64_t *slots, size_t count)
{
    begin_columns(1);
    put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G | GOLEAK_HAS_GOID, FIELD(G) | GOLEAK_GLK_KNOWS_GOID);
    put_first_shape(count);
    put_column(GOLEAK_GLK_G, slots, count);
}

/* Creations of goroutines 100, 101, ... in these slots. */
static void put_creations(const uint64_t *slots, size_t count)
{
    static const uint64_t goids[] = { 100, 101, 102, 103 };
    begin_columns(1);
    put_shape(GOLEAK_EVENT_CREATE, GOLEAK_HAS_G | GOLEAK_HAS_GOID, FIELD(G) | FIELD(GOID));
    put_first_shape(count);
    put_column(GOLEAK_GLK_G, slots, count);
    put_column(GOLEAK_GLK_GOID, goids, count);
}

static void expect(const char *events, uint64_t damaged)
{
    put_end();
    assert_false(file.failed);
    for (size_t piece = 0; piece < 2; piece++) {
        reading_pieces(&goleak_format_glk, file.data, file.size, piece);
        assert_int_equal(reading.status, GOLEAK_OK);
        assert_string_equal(reading.events.data != NULL ? reading.events.data : "", events);
        assert_int_equal(reading_count(GOLEAK_HEALTH_truncated), 0);
        assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), damaged);
    }
}

static void expect_first(const char *detail)
{
    const char *found = reading.book.entries[GOLEAK_HEALTH_damaged_records].detail;
    if (strstr(found, detail) == NULL)
        fail_msg("found \"%s\", expected \"%s\"", found, detail);
}

static const uint64_t addresses[] = { 0xa00, 0xb00, 0xc00, 0xd00 };
static const uint64_t first_slots[] = { 0, 1, 2, 3 };

/* ---- slots that nobody has told ---------------------------------------------------- */

/* Those of the first block: its events are there, each of its own goroutine. */
static void lost_tables_of_the_first_block(void **state)
{
    (void)state;
    put_sources();
    put_slots(0, addresses, 2);
    put_creations(first_slots, 2);
    put_block(GOLEAK_GLK_FRESH, 2, TABLES);
    put_slots(2, addresses + 2, 1);
    put_runs(first_slots, 3);
    put_block(0, 3, WHOLE);
    expect("2 create g=4000000080000000 goid=100\n3 create g=4000000080000001 goid=101\n"
           "2 run g=4000000080000000 goid=100\n3 run g=4000000080000001 goid=101\n4 run g=c00\n",
           3);
    expect_first("the tables of block 1 do not match their checksum: 2 events lack what");
}

/* What was told before the tables began anew is of others. */
static void lost_tables_that_begin_anew(void **state)
{
    (void)state;
    put_sources();
    put_slots(0, addresses, 2);
    put_creations(first_slots, 2);
    put_block(GOLEAK_GLK_FRESH, 2, WHOLE);
    put_slots(0, addresses + 2, 2);
    put_creations(first_slots, 2);
    put_block(GOLEAK_GLK_FRESH, 2, TABLES);
    put_runs(first_slots, 2);
    put_block(0, 2, WHOLE);
    expect("2 create g=a00 goid=100\n3 create g=b00 goid=101\n"
           "2 create g=4000000080000000 goid=100\n3 create g=4000000080000001 goid=101\n"
           "2 run g=4000000080000000 goid=100\n3 run g=4000000080000001 goid=101\n",
           3);
}

/* Without a word of damage before: each is a goroutine all the same, and keeps its goid. */
static void slots_that_nobody_told(void **state)
{
    (void)state;
    static const uint64_t slots[] = { 9, 7, UINT64_MAX, 9 };
    put_sources();
    put_slots(0, addresses, 1);
    put_creations(slots, 3);
    put_block(GOLEAK_GLK_FRESH, 3, WHOLE);
    put_runs(slots, 4);
    put_block(0, 4, WHOLE);
    put_slots(1, addresses + 1, 3);
    put_runs(first_slots, 3);
    put_block(0, 3, WHOLE);
    expect("2 create g=4000000080000008 goid=100\n3 create g=4000000080000006 goid=101\n"
           "4 create g=40000000ffffffff goid=102\n2 run g=4000000080000008 goid=100\n"
           "3 run g=4000000080000006 goid=101\n4 run g=40000000ffffffff\n5 run g=4000000080000008 goid=100\n"
           "2 run g=a00\n3 run g=b00\n4 run g=c00\n",
           3);
}

/* ---- where the tables begin anew --------------------------------------------------- */

static void make_lost_beginning(bool since)
{
    put_sources();
    put_slots(0, addresses, 2);
    put_creations(first_slots, 2);
    if (since)
        put_block_since(GOLEAK_GLK_FRESH, 2, 1, WHOLE);
    else
        put_block(GOLEAK_GLK_FRESH, 2, WHOLE);
    put_slots(0, addresses + 2, 1);
    put_creations(first_slots, 1);
    put_block(GOLEAK_GLK_FRESH, 1, HEAD);
    put_slots(1, addresses + 3, 1);
    put_runs(first_slots, 2);
    if (since)
        put_block_since(0, 2, 2, WHOLE);
    else
        put_block(0, 2, WHOLE);
}

/* The block that says so is lost: those behind it say it, too. */
static void a_lost_beginning_is_told(void **state)
{
    (void)state;
    make_lost_beginning(true);
    expect("2 create g=a00 goid=100\n3 create g=b00 goid=101\n2 run g=4000000080000000\n3 run g=d00\n", 2);
}

/* Recordings of before have not said it: what follows is refused, as far as that can be told. */
static void a_lost_beginning_of_an_older_file(void **state)
{
    (void)state;
    make_lost_beginning(false);
    expect("2 create g=a00 goid=100\n3 create g=b00 goid=101\n2 run g=a00\n3 run g=b00\n", 3);
    expect_first("found 66 bytes that are no block");
}

/* Bytes of a newer version may stand where this one has left something out. */
static void heads_of_a_newer_version(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bool timed, since;
    } cases[] = {
        { "\xff", 1, false, false },           { "\x02\x03", 2, true, false },     { "\x02\x03\xff", 3, true, false },
        { "\x02\x03\x05\x63", 4, true, true }, { "\x02\x03\x63", 3, true, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_glk_head head = { .kind = 77, .number = 5, .first_ns = INT64_MIN }, got;
        file.size = 0;
        goleak_glk_head_put(&file, &head);
        file.size -= 4;
        goleak_buf_append(&file, cases[i].bytes, cases[i].size);
        file.data[GOLEAK_GLK_MARK_BYTES] = (char)(file.data[GOLEAK_GLK_MARK_BYTES] + (char)cases[i].size);
        uint32_t sum = (uint32_t)goleak_xxh64(file.data, file.size);
        for (unsigned shift = 0; shift < 32; shift += 8)
            goleak_buf_char(&file, (char)(sum >> shift));
        assert_int_equal(goleak_glk_head_get(&got, (const uint8_t *)file.data, file.size), GOLEAK_GLK_WHOLE);
        assert_int_equal(got.first_ns, cases[i].timed ? 1 : INT64_MIN);
        assert_int_equal(got.has_since, cases[i].since);
        assert_int_equal(got.since, cases[i].since ? 5 : got.since);
    }
}

/* ---- bytes that are lost ------------------------------------------------------------- */

/* A block that claims more bytes than the file has left, for some of its own are lost: those
 * behind it are found all the same. */
static void a_block_past_the_end(void **state)
{
    (void)state;
    for (unsigned in_head = 0; in_head < 2; in_head++) {
        char longer[400];
        memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        file.size = GOLEAK_GLK_FILE_HEAD;
        number = 0;
        put_sources();
        put_slots(0, addresses, 2);
        put_creations(first_slots, 2);
        put_block(GOLEAK_GLK_FRESH, 2, WHOLE);
        size_t from = file.size;
        goleak_glk_put_number(&item, 0);
        text(&item, longer);
        put_item(GOLEAK_GLK_STRINGS);
        put_runs(first_slots, 2);
        put_block(0, 2, WHOLE);
        if (in_head != 0)
            file.data[from + GOLEAK_GLK_MARK_BYTES] = (char)0xff; /* so long, its size says */
        else
            file.size -= 300;
        put_runs(first_slots + 1, 1);
        put_block(0, 1, WHOLE);
        expect("2 create g=a00 goid=100\n3 create g=b00 goid=101\n2 run g=b00\n", in_head != 0 ? 2 : 3);
        expect_first(in_head != 0 ? "bytes that are no block" : "the tables of block 2 do not match");
    }
}

/* ---- what is not known --------------------------------------------------------------- */

/* Whatever stands in its head: it is skipped, and nothing of it is damage. */
static void blocks_of_an_unknown_kind(void **state)
{
    (void)state;
    put_sources();
    text(&columns, "no columns");
    put_head((struct goleak_glk_head) { .kind = 9, .flags = 0xff, .source = 1000, .events = 12, .first_ns = 0 }, WHOLE);
    put_head((struct goleak_glk_head) { .kind = 9, .events = UINT64_MAX, .first_ns = INT64_MIN }, WHOLE);
    put_slots(0, addresses, 2);
    put_creations(first_slots, 2);
    put_block(GOLEAK_GLK_FRESH, 2, WHOLE);
    expect("2 create g=a00 goid=100\n3 create g=b00 goid=101\n", 0);
}

/* It goes by its kind's word, whatever it has a name for. */
static void events_of_an_unknown_kind(void **state)
{
    (void)state;
    put_sources();
    goleak_buf_append(&item,
                      "\x28"
                      "frobnicate",
                      11);
    put_item(GOLEAK_GLK_KIND);
    goleak_buf_append(&item, "\0\6main.f", 8);
    put_item(GOLEAK_GLK_STRINGS);
    put_slots(0, addresses, 2);
    begin_columns(2);
    put_shape((enum goleak_event_kind)40, GOLEAK_HAS_G | GOLEAK_HAS_START, FIELD(G) | FIELD(NAME));
    put_shape(GOLEAK_EVENT_CREATE, GOLEAK_HAS_G | GOLEAK_HAS_START, FIELD(G) | FIELD(NAME));
    put_numbers("01");
    put_column(GOLEAK_GLK_G, first_slots, 2);
    put_column(GOLEAK_GLK_NAME, (const uint64_t[]) { 1, 1 }, 2);
    put_block(GOLEAK_GLK_FRESH, 2, WHOLE);
    expect("2 other frobnicate g=a00\n3 create g=b00 fn=main.f\n", 0);
    assert_int_equal(reading_count(GOLEAK_HEALTH_unknown_events), 1);
}

/* Until when is told of parks alone, and other goroutines' goids of all others. */
static void until_and_goid_are_one_place(void **state)
{
    (void)state;
    put_sources();
    put_slots(0, addresses, 3);
    begin_columns(3);
    const uint32_t both = GOLEAK_HAS_G | GOLEAK_HAS_OTHER_GOID | GOLEAK_HAS_UNTIL;
    put_shape(GOLEAK_EVENT_READY, both, FIELD(G) | FIELD(OTHER_GOID) | FIELD(UNTIL));
    put_shape(GOLEAK_EVENT_PARK, both, FIELD(G) | FIELD(OTHER_GOID) | FIELD(UNTIL));
    put_shape(GOLEAK_EVENT_PARK, GOLEAK_HAS_G | GOLEAK_HAS_OTHER_GOID, FIELD(G) | FIELD(OTHER_GOID) | FIELD(UNTIL));
    put_numbers("012");
    put_column(GOLEAK_GLK_G, first_slots, 3);
    put_column(GOLEAK_GLK_OTHER_GOID, (const uint64_t[]) { 5, 6, 7 }, 3);
    put_column(GOLEAK_GLK_UNTIL, (const uint64_t[]) { 1000, 1001, 1002 }, 3);
    put_block(GOLEAK_GLK_FRESH, 3, WHOLE);
    expect("2 ready g=a00 bygoid=5\n3 park g=b00 until=1001\n4 park g=c00 bygoid=7\n", 0);
}

/* ---- columns that cannot be -------------------------------------------------------- */

/* A run in slot 0 whose one more field is a column of these bytes. */
static void expect_column(enum goleak_glk_field field, uint32_t has, const char *bytes, size_t size, const char *events,
                          const char *damage)
{
    file.size = GOLEAK_GLK_FILE_HEAD;
    number = 0;
    put_sources();
    put_slots(0, addresses, 2);
    begin_columns(1);
    put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G | has, FIELD(G) | GOLEAK_GLK_BIT(field));
    put_numbers("0");
    put_column(GOLEAK_GLK_G, first_slots, 1);
    goleak_buf_char(&columns, (char)field);
    goleak_buf_append(&columns, bytes, size);
    put_block(GOLEAK_GLK_FRESH, 1, WHOLE);
    expect(events, damage != NULL);
    if (damage != NULL)
        expect_first(damage);
}

#define EXPECT_COLUMN(field, has, bytes, events, damage)                                                               \
    expect_column(GOLEAK_GLK_##field, has, bytes, sizeof(bytes) - 1, events, damage)

/* A width, the size, one value, its base and step; and then the value. */
static void columns_that_cannot_be(void **state)
{
    (void)state;
    EXPECT_COLUMN(CPU, GOLEAK_HAS_CPU, "\x01\x04\x01\x00\x01\x05", "2 run g=a00 cpu=5\n", NULL);
    EXPECT_COLUMN(CPU, GOLEAK_HAS_CPU, "\x05\x08\x01\x00\x01\x05\x00\x00\x00\x01", "2 run g=a00 cpu=5\n", NULL);
    /* A dictionary of the one value 7; its entries 0 and 1. */
    EXPECT_COLUMN(CPU, GOLEAK_HAS_CPU, "\x21\x06\x01\x00\x01\x01\x0e\x00", "2 run g=a00 cpu=7\n", NULL);
    EXPECT_COLUMN(CPU, GOLEAK_HAS_CPU, "\x21\x06\x01\x00\x01\x01\x0e\x01", "",
                  "values than its events have, or with such");
    EXPECT_COLUMN(CPU, GOLEAK_HAS_CPU, "\x01\x05\x02\x00\x01\x05\x05", "", "with more values than its events have");
    EXPECT_COLUMN(CPU, GOLEAK_HAS_CPU, "\x01\x03\x00\x00\x01", "", "with fewer values than its events have");
    EXPECT_COLUMN(CPU, 0, "\x01\x04\x01\x00\x01\x05", "2 run g=a00\n", NULL);
    /* The lane: its shape adds one. */
    EXPECT_COLUMN(LANE, 0, "\x02\x05\x01\x00\x01\x00\x00", "2 run g=a00\n", NULL);
    EXPECT_COLUMN(LANE, 0, "\x02\x05\x01\x00\x01\xff\x00", "1 run g=a00\n", NULL);
    EXPECT_COLUMN(LANE, 0, "\x02\x05\x01\x00\x01\x00\x01", "", "the lane of a position that is above 255");
    /* Number 0 is none; what nothing has told is lost. */
    EXPECT_COLUMN(STACK, GOLEAK_HAS_STACK, "\x01\x04\x01\x00\x01\x00", "2 run g=a00\n", NULL);
    EXPECT_COLUMN(STACK, GOLEAK_HAS_STACK, "\x01\x04\x01\x00\x01\x01", "2 run g=a00\n", "0 a name, 1 a stack");
    EXPECT_COLUMN(NAME, GOLEAK_HAS_START, "\x01\x04\x01\x00\x01\x00", "2 run g=a00\n", NULL);
    EXPECT_COLUMN(NAME, GOLEAK_HAS_START, "\x01\x04\x01\x00\x01\x01", "2 run g=a00\n", "1 a name, 0 a stack");
}

/* Frames whose functions are told behind them: they are as if these were lost, and all else is there. */
static void entries_that_mention_what_comes_later(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        file.size = GOLEAK_GLK_FILE_HEAD;
        number = 0;
        put_sources();
        for (unsigned turn = 0; turn < 2; turn++) {
            goleak_glk_put_number(&item, 0);
            if (turn == late) {
                text(&item, "main.f");
                put_item(GOLEAK_GLK_STRINGS);
            } else {
                goleak_glk_put_number(&item, 1);
                text(&item, "+0x7");
                put_item(GOLEAK_GLK_FRAMES);
            }
        }
        goleak_buf_append(&item, "\0\1\1", 3);
        put_item(GOLEAK_GLK_STACKS);
        put_slots(0, addresses, 1);
        begin_columns(1);
        put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G | GOLEAK_HAS_STACK, FIELD(G) | FIELD(STACK));
        put_numbers("0");
        put_column(GOLEAK_GLK_G, first_slots, 1);
        put_column(GOLEAK_GLK_STACK, first_slots + 1, 1);
        put_block(GOLEAK_GLK_FRESH, 1, WHOLE);
        expect(late != 0 ? "2 run g=a00 [+0x7]\n" : "2 run g=a00 [main.f+0x7]\n", late);
        if (late != 0)
            expect_first("an entry that mentions what nothing before it has told, in block 1");
    }
}

/* ---- references --------------------------------------------------------------------- */

/* Events of shapes: 0 tells its slot, 1 refers, 2 has no g, 3 tells its slot and refers for the other,
 * 4 has another alone. Each block is read whole, or costs its events. */
static void references(void **state)
{
    (void)state;
    static const struct {
        const char *shapes;
        uint64_t slots[2], backs[2], other_backs[2];
        const char *events; /* NULL: damaged */
    } cases[] = {
        { "01", { 1 }, { 1 }, { 0 }, "2 run g=b00\n3 run g=b00\n" },
        { "021", { 1 }, { 2 }, { 0 }, "2 run g=b00\n3 run\n4 run g=b00\n" },
        { "011", { 1 }, { 1, 1 }, { 0 }, "2 run g=b00\n3 run g=b00\n4 run g=b00\n" },
        { "03", { 1, 0 }, { 0 }, { 1 }, "2 run g=b00\n3 run g=a00 by=b00\n" },
        { "3", { 1 }, { 0 }, { 0 }, "2 run g=b00 by=b00\n" },
        { "0124", { 1 }, { 1 }, { 2 }, "2 run g=b00\n3 run g=b00\n4 run\n5 run by=b00\n" },
        { "01", { 7 }, { 1 }, { 0 }, "2 run g=4000000080000005\n3 run g=4000000080000005\n" },
        { "03", { 7, 0 }, { 0 }, { 1 }, "2 run g=4000000080000005\n3 run g=a00 by=4000000080000005\n" },
        { "01", { 1 }, { 0 }, { 0 }, NULL },
        { "01", { 1 }, { 2 }, { 0 }, NULL },
        { "01", { 1 }, { UINT64_MAX }, { 0 }, NULL },
        { "021", { 1 }, { 1 }, { 0 }, NULL },
        { "03", { 1, 0 }, { 0 }, { 2 }, NULL },
        { "024", { 1 }, { 0 }, { 1 }, NULL },
        { "0124", { 1 }, { 1 }, { 1 }, NULL },
        { "4", { 0 }, { 0 }, { 0 }, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t counts[5] = { 0 };
        file.size = GOLEAK_GLK_FILE_HEAD;
        number = 0;
        for (const char *shape = cases[i].shapes; *shape != '\0'; shape++)
            counts[*shape - '0']++;
        put_sources();
        put_slots(0, addresses, 2);
        begin_columns(5);
        put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G, FIELD(G));
        put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G, counts[1] != 0 ? FIELD(BACK) : FIELD(G));
        put_shape(GOLEAK_EVENT_RUN, 0, 0);
        put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G | GOLEAK_HAS_OTHER,
                  FIELD(G) | (counts[3] != 0 ? FIELD(OTHER_BACK) : FIELD(G) | FIELD(OTHER_G)));
        put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_OTHER, counts[4] != 0 ? FIELD(OTHER_BACK) : FIELD(OTHER_G));
        put_numbers(cases[i].shapes);
        put_column(GOLEAK_GLK_G, cases[i].slots, counts[0] + counts[3]);
        put_column(GOLEAK_GLK_OTHER_G, NULL, 0);
        put_column(GOLEAK_GLK_BACK, cases[i].backs, counts[1]);
        put_column(GOLEAK_GLK_OTHER_BACK, cases[i].other_backs, counts[3] + counts[4]);
        put_block(GOLEAK_GLK_FRESH, strlen(cases[i].shapes), WHOLE);
        bool untold = cases[i].slots[0] == 7;
        expect(cases[i].events != NULL ? cases[i].events : "", cases[i].events == NULL || untold);
        if (cases[i].events == NULL)
            expect_first("goroutine is that of an event which is not there, or has none, in block 1");
    }
}

/* A block is given up where one of its columns ends, with more of another one left. The next block has events, but no
 * shapes of any, and no columns: none of what the one before has is its own. So many slots that they are fetched ahead. */
static void a_block_without_shapes(void **state)
{
    (void)state;
    enum { SLOTS = COUNT(deltas), EVENTS = 1024, SHORT = 300 };
    static uint64_t slots[SLOTS], gs[SLOTS];
    for (uint64_t i = 0; i < SLOTS; i++) {
        slots[i] = i;
        gs[i] = 0xc000100000 + i * 0x200;
    }
    put_sources();
    put_slots(0, gs, SLOTS);
    begin_columns(1);
    put_shape(GOLEAK_EVENT_RUN, GOLEAK_HAS_G | GOLEAK_HAS_TIME, FIELD(G) | FIELD(TIME));
    put_first_shape(EVENTS);
    put_column(GOLEAK_GLK_G, slots, EVENTS);
    put_column(GOLEAK_GLK_TIME, slots, SHORT);
    put_block(GOLEAK_GLK_FRESH, EVENTS, WHOLE);
    begin_columns(0);
    put_first_shape(256);
    put_block(0, 256, WHOLE);
    put_end();
    reading_pieces(&goleak_format_glk, file.data, file.size, 0);
    assert_int_equal(reading.status, GOLEAK_OK);
    assert_int_equal(reading.facts.events, 256);
    assert_int_equal(reading_count(GOLEAK_HEALTH_damaged_records), 2);
    expect_first("found a column with fewer values than its events have");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lost_tables_of_the_first_block),
        TEST(lost_tables_that_begin_anew),
        TEST(slots_that_nobody_told),
        TEST(a_lost_beginning_is_told),
        TEST(a_lost_beginning_of_an_older_file),
        TEST(heads_of_a_newer_version),
        TEST(a_block_past_the_end),
        TEST(columns_that_cannot_be),
        TEST(entries_that_mention_what_comes_later),
        TEST(blocks_of_an_unknown_kind),
        TEST(events_of_an_unknown_kind),
        TEST(references),
        TEST(until_and_goid_are_one_place),
        TEST(a_block_without_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
