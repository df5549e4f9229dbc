/* test_lineage - ancestors are kept as long as somebody living descends from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/lineage.h"
#include "support/fail_alloc.h"

static struct fail_alloc heap;
static struct goleak_alloc alloc;
static struct goleak_lineage lineage;

static int set_up(void **state)
{
    (void)state;
    fail_alloc_init(&heap, 0, false);
    goleak_alloc_init(&alloc, &heap.allocator, 0);
    goleak_lineage_init(&lineage, &alloc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    goleak_lineage_release(&lineage);
    return fail_alloc_is_clean(&heap) ? 0 : -1;
}

struct one {
    struct goleak_record record;
    struct goleak_detail detail;
};

static struct one goroutine(uint64_t g)
{
    return (struct one){ .record = { .g = g, .goid = g & 0xffff, .flags = GOLEAK_REC_SEEN },
                         .detail = { .incarnation = 1 } };
}

static uint32_t node_of(struct one *one)
{
    return goleak_lineage_of(&lineage, &one->record, &one->detail);
}

static void end(struct one *one)
{
    goleak_lineage_end(&lineage, &one->record, &one->detail);
}

static void spawn(struct one *parent, struct one *child)
{
    uint32_t node = node_of(parent);
    assert_int_not_equal(node, 0);
    goleak_lineage_adopt(&lineage, &child->record, node);
}

/* Nodes in use. */
static size_t kept(void)
{
    size_t count = lineage.count != 0 ? lineage.count - 1 : 0;
    for (uint32_t node = lineage.free_list; node != 0; node = goleak_lineage_at(&lineage, node)->parent)
        count--;
    return count;
}

static size_t ancestors(const struct one *of, bool *cut)
{
    size_t count = 0;
    *cut = false;
    for (uint32_t node = of->record.parent; node != 0; node = goleak_lineage_at(&lineage, node)->parent, count++)
        *cut = goleak_lineage_at(&lineage, node)->cut;
    return count;
}

static void a_node_tells_who_its_goroutine_was(void **state)
{
    struct one parent = goroutine(0xc000001), child = goroutine(0xc000002);
    (void)state;
    parent.record.site = 9;
    parent.record.process = 2;
    parent.detail.incarnation = 4;
    spawn(&parent, &child);
    const struct goleak_node *node = goleak_lineage_at(&lineage, child.record.parent);
    assert_int_equal(node->g, 0xc000001);
    assert_int_equal(node->goid, 1);
    assert_int_equal(node->incarnation, 4);
    assert_int_equal(node->site, 9);
    assert_int_equal(node->process, 2);
    assert_true(node->alive);
    assert_false(node->cut);
}

static void one_that_is_only_named_has_no_incarnation(void **state)
{
    struct one named = { .record = { .g = 0xc000001 } }, child = goroutine(0xc000002);
    (void)state;
    spawn(&named, &child);
    assert_int_equal(goleak_lineage_at(&lineage, child.record.parent)->incarnation, 0);
}

static void a_spawner_has_one_node_however_many_it_spawns(void **state)
{
    struct one parent = goroutine(1), children[5];
    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        children[i] = goroutine(2 + i);
        spawn(&parent, &children[i]);
        assert_int_equal(children[i].record.parent, parent.detail.node);
    }
    assert_int_equal(kept(), 1);
    for (size_t i = 0; i < 5; i++)
        end(&children[i]);
    assert_int_equal(kept(), 1); /* it lives itself */
    end(&parent);
    assert_int_equal(kept(), 0);
}

static void an_ended_parent_is_kept_for_its_child(void **state)
{
    struct one first = goroutine(1), second = goroutine(2), third = goroutine(3);
    (void)state;
    spawn(&first, &second);
    spawn(&second, &third);
    end(&first);
    end(&second);
    bool cut;
    assert_int_equal(ancestors(&third, &cut), 2);
    assert_false(cut);
    const struct goleak_node *parent = goleak_lineage_at(&lineage, third.record.parent);
    assert_int_equal(parent->g, 2);
    assert_false(parent->alive);
    assert_int_equal(goleak_lineage_at(&lineage, parent->parent)->g, 1);
    end(&third); /* both go with it */
    assert_int_equal(kept(), 0);
}

static void an_ended_record_holds_nothing(void **state)
{
    struct one parent = goroutine(1), child = goroutine(2);
    (void)state;
    spawn(&parent, &child);
    spawn(&child, &(struct one){ { 0 }, { 0 } });
    end(&child);
    assert_int_equal(child.detail.node, 0);
    assert_int_equal(child.record.parent, 0);
    end(&child); /* again: nothing to give back */
    assert_true(goleak_lineage_at(&lineage, parent.detail.node)->alive);
}

/* Each spawns the next and ends: memory must not grow with the generations. */
static void a_relay_keeps_its_last_generations_and_says_that_it_was_cut(void **state)
{
    struct one now = goroutine(1), next;
    (void)state;
    for (uint64_t i = 2; i < 200000; i++) {
        next = goroutine(i);
        spawn(&now, &next);
        end(&now);
        now = next;
    }
    bool cut;
    size_t count = ancestors(&now, &cut);
    assert_true(count >= GOLEAK_LINEAGE_KEPT && count <= 2 * GOLEAK_LINEAGE_KEPT);
    assert_true(cut);
    assert_true(lineage.count < 300);
    /* The nearest ones are right. */
    uint32_t node = now.record.parent;
    for (uint64_t back = 1; back <= GOLEAK_LINEAGE_KEPT; back++, node = goleak_lineage_at(&lineage, node)->parent)
        assert_int_equal(goleak_lineage_at(&lineage, node)->g, now.record.g - back);
    end(&now);
    assert_int_equal(kept(), 0);
}

static void sixty_four_ancestors_are_never_cut(void **state)
{
    static struct one chain[GOLEAK_LINEAGE_KEPT + 1];
    (void)state;
    for (uint64_t i = 0; i <= GOLEAK_LINEAGE_KEPT; i++) {
        chain[i] = goroutine(i + 1);
        if (i != 0)
            spawn(&chain[i - 1], &chain[i]);
    }
    bool cut;
    assert_int_equal(ancestors(&chain[GOLEAK_LINEAGE_KEPT], &cut), GOLEAK_LINEAGE_KEPT);
    assert_false(cut);
}

/* All of a long chain live; then they end, from either side. */
static void a_long_living_chain_goes_whole_from_either_end(void **state)
{
    enum { LONG = 50000 };
    struct one *chain = calloc(LONG, sizeof *chain);
    assert_non_null(chain);
    for (int side = 0; side < 2; side++) {
        for (uint64_t i = 0; i < LONG; i++) {
            chain[i] = goroutine(i + 1);
            if (i != 0)
                spawn(&chain[i - 1], &chain[i]);
        }
        assert_int_equal(kept(), LONG - 1);
        for (size_t i = 0; i < LONG; i++)
            end(&chain[side == 0 ? i : LONG - 1 - i]);
        assert_int_equal(kept(), 0);
    }
    free(chain);
    (void)state;
}

static void freed_nodes_are_used_again(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        struct one parent = goroutine(2 * i + 1), child = goroutine(2 * i + 2);
        spawn(&parent, &child);
        end(&parent);
        end(&child);
    }
    assert_int_equal(lineage.count, 2); /* "none", and the one */
}

static void who_descends_from_whom_is_found(void **state)
{
    struct one all[3] = { goroutine(0x100), goroutine(0x200), goroutine(0x300) }, other = goroutine(0x400);
    (void)state;
    spawn(&all[0], &all[1]);
    spawn(&all[1], &all[2]);
    const uint32_t last = node_of(&all[2]), first = node_of(&all[0]), alone = node_of(&other);
    assert_true(goleak_lineage_descends(&lineage, last, first));
    assert_true(goleak_lineage_descends(&lineage, last, last));
    assert_false(goleak_lineage_descends(&lineage, first, last));
    assert_false(goleak_lineage_descends(&lineage, last, alone));
    assert_false(goleak_lineage_descends(&lineage, 0, first));
    for (int i = 2; i >= 0; i--)
        end(&all[i]);
    end(&other);
}

static void without_memory_there_is_no_node(void **state)
{
    struct one parent = goroutine(1);
    (void)state;
    heap.fail_at = 1;
    assert_int_equal(node_of(&parent), 0);
    assert_int_equal(parent.detail.node, 0);
    assert_int_not_equal(node_of(&parent), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_node_tells_who_its_goroutine_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_only_named_has_no_incarnation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_spawner_has_one_node_however_many_it_spawns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ended_parent_is_kept_for_its_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ended_record_holds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_relay_keeps_its_last_generations_and_says_that_it_was_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sixty_four_ancestors_are_never_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_living_chain_goes_whole_from_either_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freed_nodes_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_descends_from_whom_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_node, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
