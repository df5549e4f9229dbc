/* test_tree - who spawned whom: edges by start function, single ones for the living. */
#include <cJSON.h>

#include "analysis/tree.h"
#include "report/report.h"
#include "support/load.h"

static struct goleak_alloc heap; /* malloc, for the tests' own texts */

static int set_up(void **state)
{
    (void)state;
    goleak_alloc_init(&heap, NULL, 0);
    return 0;
}

static bool append(void *context, const void *data, size_t size)
{
    goleak_buf_append(context, data, size);
    return true;
}

/* The member "parent_tree"; the document is the caller's to delete. */
static const cJSON *tree_of(const struct goleak_trace *trace, cJSON **document)
{
    struct goleak_view view;
    struct goleak_json json;
    struct goleak_buf written;
    goleak_trace_view(trace, &view);
    goleak_buf_init(&written, &heap);
    goleak_json_init(&json, &heap, append, &written);
    goleak_json_open(&json, NULL, '{');
    goleak_analysis_tree.write(goleak_view_analysis(&view, &goleak_analysis_tree), &json);
    goleak_json_close(&json, '}');
    assert_int_equal(goleak_json_finish(&json), GOLEAK_OK);
    goleak_buf_char(&written, '\0');
    *document = cJSON_Parse(written.data);
    goleak_buf_release(&written);
    assert_non_null(*document);
    const cJSON *tree = cJSON_GetObjectItem(*document, "parent_tree");
    assert_non_null(tree);
    return tree;
}

static const char *text(const cJSON *object, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    return value != NULL ? value : "null";
}

static int number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);
    return cJSON_IsNumber(item) ? item->valueint : -1;
}

static void edges_count_by_the_sites_at_both_ends(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 parent=c000000100 fn=main.server ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 parent=c000000380 fn=main.conn ts=20\n"
                                      "newproc1: goroutine=c000000a80 goid=4 parent=c000000380 fn=main.conn ts=30\n"
                                      "newproc1: goroutine=c000000e00 goid=5 parent=c000000a80 fn=main.reply ts=40\n"
                                      "gdestroy: goroutine=c000000700 goid=3 ts=50\n");
    cJSON *document;
    const cJSON *edges = cJSON_GetObjectItem(tree_of(trace, &document), "edges");
    (void)state;
    assert_int_equal(cJSON_GetArraySize(edges), 3);
    const cJSON *server = cJSON_GetArrayItem(edges, 0), *conn = cJSON_GetArrayItem(edges, 1);
    const cJSON *reply = cJSON_GetArrayItem(edges, 2);
    assert_string_equal(text(server, "parent_start_function"), "null");
    assert_string_equal(text(server, "start_function"), "main.server");
    assert_string_equal(text(conn, "parent_start_function"), "main.server");
    assert_string_equal(text(conn, "start_function"), "main.conn");
    assert_int_equal(number(conn, "created"), 2);
    assert_int_equal(number(conn, "ended"), 1);
    assert_int_equal(number(conn, "alive"), 1);
    assert_string_equal(text(reply, "parent_start_function"), "main.conn");
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

static void the_living_have_their_ancestors_parent_first(void **state)
{
    struct goleak_trace *trace = load("newproc1: goroutine=c000000380 goid=2 parent=c000000100 fn=main.server ts=10\n"
                                      "newproc1: goroutine=c000000700 goid=3 parent=c000000380 fn=main.conn ts=20\n"
                                      "newproc1: goroutine=c000000a80 goid=4 parent=c000000700 fn=main.reply ts=30\n"
                                      "gdestroy: goroutine=c000000700 goid=3 ts=40\n");
    cJSON *document;
    const cJSON *tree = tree_of(trace, &document), *living = cJSON_GetObjectItem(tree, "living");
    (void)state;
    assert_int_equal(cJSON_GetArraySize(living), 2); /* neither the ended nor the only named */
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(tree, "living_cut")));
    const cJSON *reply = NULL, *one;
    cJSON_ArrayForEach(one, living) if (number(one, "goid") == 4) reply = one;
    assert_non_null(reply);
    const cJSON *ancestors = cJSON_GetObjectItem(reply, "ancestors");
    assert_int_equal(cJSON_GetArraySize(ancestors), 3);
    assert_int_equal(number(cJSON_GetArrayItem(ancestors, 0), "goid"), 3);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(cJSON_GetArrayItem(ancestors, 0), "alive")));
    assert_string_equal(text(cJSON_GetArrayItem(ancestors, 0), "start_function"), "main.conn");
    assert_int_equal(number(cJSON_GetArrayItem(ancestors, 1), "goid"), 2);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(ancestors, 1), "alive")));
    assert_string_equal(text(cJSON_GetArrayItem(ancestors, 2), "g"), "c000000100");
    assert_int_equal(number(cJSON_GetArrayItem(ancestors, 2), "incarnation"), 0);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(reply, "cut")));
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

/* A chain of `length` goroutines, each the parent of the next; somebody unseen is
 * the first one's. */
static struct goleak_trace *chain(unsigned length, bool each_ends)
{
    struct goleak_buf lines;
    goleak_buf_init(&lines, &heap);
    for (unsigned i = 1; i <= length; i++) {
        goleak_buf_printf(&lines, "newproc1: goroutine=c%09x goid=%u parent=c%09x ts=%u\n", i * 0x380, i + 1,
                          i == 1 ? 8 : (i - 1) * 0x380, 10 * i);
        if (each_ends && i != 1)
            goleak_buf_printf(&lines, "gdestroy: goroutine=c%09x goid=%u ts=%u\n", (i - 1) * 0x380, i, 10 * i + 1);
    }
    assert_false(lines.failed);
    struct goleak_trace *trace = load_pieces(NULL, lines.data, lines.size, 0);
    goleak_buf_release(&lines);
    return trace;
}

static void at_most_64_ancestors_are_told_and_a_cut_is_said(void **state)
{
    static const struct {
        unsigned length;
        int ancestors;
        bool cut;
    } cases[] = { { 1, 1, false }, { 10, 10, false }, { 64, 64, false }, { 65, 64, true }, { 1000, 64, true } };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct goleak_trace *trace = chain(cases[i].length, true);
        cJSON *document;
        const cJSON *living = cJSON_GetObjectItem(tree_of(trace, &document), "living");
        assert_int_equal(cJSON_GetArraySize(living), 1);
        const cJSON *last = cJSON_GetArrayItem(living, 0), *ancestors = cJSON_GetObjectItem(last, "ancestors");
        assert_int_equal(cJSON_GetArraySize(ancestors), cases[i].ancestors);
        assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(last, "cut")), cases[i].cut);
        for (int k = 0; k < cases[i].ancestors && k + 1 < (int)cases[i].length; k++)
            assert_int_equal(number(cJSON_GetArrayItem(ancestors, k), "goid"), (int)cases[i].length - k);
        cJSON_Delete(document);
        goleak_trace_free(trace);
    }
}

static void many_living_are_cut_and_it_is_said(void **state)
{
    struct goleak_trace *trace = chain(1200, false);
    cJSON *document;
    const cJSON *tree = tree_of(trace, &document);
    (void)state;
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "living")), 1000);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(tree, "living_cut")));
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

static void the_runtimes_own_are_in_no_edge(void **state)
{
    struct goleak_trace *trace =
        load("newproc1: goroutine=c000000380 goid=2 parent=c000000100 fn=runtime.f ts=10\n"
             "newproc1: goroutine=c000000700 goid=3 parent=c000000100 ts=20\n" /* no name */
             "gopark: goroutine=c000000700 goid=3 reason=10 ts=30\n"
             "newproc1: goroutine=c000000a80 goid=4 parent=c000000100 fn=main.f ts=40\n");
    cJSON *document;
    const cJSON *tree = tree_of(trace, &document), *edges = cJSON_GetObjectItem(tree, "edges");
    (void)state;
    assert_int_equal(cJSON_GetArraySize(edges), 1);
    assert_string_equal(text(cJSON_GetArrayItem(edges, 0), "start_function"), "main.f");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "living")), 1);
    cJSON_Delete(document);
    goleak_trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(edges_count_by_the_sites_at_both_ends, set_up),
        cmocka_unit_test_setup(the_living_have_their_ancestors_parent_first, set_up),
        cmocka_unit_test_setup(at_most_64_ancestors_are_told_and_a_cut_is_said, set_up),
        cmocka_unit_test_setup(many_living_are_cut_and_it_is_said, set_up),
        cmocka_unit_test_setup(the_runtimes_own_are_in_no_edge, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
