/* test_roll - whether a later trace is of the same process. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "roll.h"
#include "support/load.h"

static const uint64_t host[] = { 41007, 41009, 41012 }, others[] = { 41100, 41102, 41103 }, container[] = { 1, 7, 8 };

struct rolls {
    struct goleak_roll early, late;
};

static void mark(struct goleak_roll *roll, const uint64_t threads[3], uint64_t generation, uint64_t ticks)
{
    memcpy(roll->marks.threads, threads, 3 * sizeof *threads);
    roll->marks.thread_count = 3;
    roll->marks.generations[0] = (struct goleak_marked_generation) { generation, ticks };
    roll->marks.generations[1] = (struct goleak_marked_generation) { generation + 1, ticks + 1000 };
    roll->marks.generation_count = 2;
    roll->marks.all_told = true;
}

/* Two traces of a process, one behind the other, that tell these threads. */
static struct rolls *make(const uint64_t threads[3])
{
    struct rolls *rolls = calloc(1, sizeof *rolls);
    assert_non_null(rolls);
    mark(&rolls->early, threads, 1, 100);
    mark(&rolls->late, threads, 4, 9000);
    return rolls;
}

/* In both, with the same start function. */
static void find_both(struct rolls *rolls, uint64_t goid)
{
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, goid, goid % 7 + 1);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, goid, goid % 7 + 1);
}

static void find_many(struct rolls *rolls, uint64_t from, size_t count, uint64_t step)
{
    for (size_t i = 0; i < count; i++)
        find_both(rolls, from + i * step);
}

/* So many are born in the earlier one, of which every `step`th lives on. */
static void bear_many(struct rolls *rolls, uint64_t from, size_t count, size_t step)
{
    for (uint64_t goid = from; goid < from + count; goid++) {
        goleak_roll_note(&rolls->early, GOLEAK_ROLL_BORN, goid, 3);
        goleak_roll_note((goid - from) % step == 0 ? &rolls->late : &rolls->early,
                         (goid - from) % step == 0 ? GOLEAK_ROLL_FOUND : GOLEAK_ROLL_ENDED, goid, 3);
    }
}

static enum goleak_roll_answer compare(struct rolls *rolls, bool overlap)
{
    goleak_roll_close(&rolls->early);
    goleak_roll_close(&rolls->late);
    const enum goleak_roll_answer answer = goleak_roll_compare(&rolls->early, &rolls->late, overlap);
    free(rolls);
    return answer;
}

#define assert_answer(rolls, is) assert_int_equal(compare(rolls, false), GOLEAK_ROLL_##is)

static void threads_prove_it(void **state)
{
    (void)state;
    struct rolls *rolls = make(host);
    find_many(rolls, 1, 3, 1);
    assert_answer(rolls, SAME);
    rolls = make(host); /* others may run in it */
    memcpy(rolls->late.marks.threads, others, sizeof others);
    find_many(rolls, 1, 3, 1);
    assert_answer(rolls, PERHAPS);
    rolls = make(host); /* one is chance */
    memcpy(rolls->late.marks.threads, others, sizeof others);
    rolls->late.marks.threads[1] = host[1];
    find_many(rolls, 1, 3, 1);
    assert_answer(rolls, PERHAPS);
    rolls = make(container); /* each container counts from 1 */
    find_many(rolls, 1, 300, 40);
    assert_answer(rolls, PERHAPS);
    rolls = make(host); /* nobody is found who was there before */
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, 1, 1);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, 2, 1);
    assert_answer(rolls, PERHAPS);
    rolls = make(host); /* no Go trace */
    assert_answer(rolls, PERHAPS);
}

static void those_that_live_on_prove_it(void **state)
{
    (void)state;
    struct rolls *rolls = make(container);
    find_many(rolls, 1, 3, 1);
    bear_many(rolls, 5000, 400, 40); /* (10 / 400) ^ 10 */
    assert_answer(rolls, SAME);
    rolls = make(container);
    find_many(rolls, 1, 3, 1);
    bear_many(rolls, 5000, 400, 200); /* two */
    assert_answer(rolls, PERHAPS);
    rolls = make(container); /* (1 / 2) ^ 10 */
    find_many(rolls, 1, 3, 1);
    bear_many(rolls, 5000, 20, 2);
    assert_answer(rolls, PERHAPS);
    rolls = make(container);
    find_many(rolls, 1, 3, 1);
    bear_many(rolls, 5000, 60, 3); /* (1 / 3) ^ 20 */
    assert_answer(rolls, SAME);
    rolls = make(container); /* of a program's start */
    find_many(rolls, 1, 3, 1);
    bear_many(rolls, 624, 400, 40);
    assert_answer(rolls, PERHAPS);
}

static void contradictions_are_of_another(void **state)
{
    (void)state;
    struct rolls *rolls = make(host); /* another start function */
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, 9000, 1);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, 9000, 2);
    assert_answer(rolls, ANOTHER);
    for (int how = 0; how < GOLEAK_ROLL_HOWS; how++) {
        rolls = make(host); /* born again */
        find_many(rolls, 5000, 40, 40);
        goleak_roll_note(&rolls->early, (enum goleak_roll_how)how, 9000, 1);
        goleak_roll_note(&rolls->late, GOLEAK_ROLL_BORN, 9000, 1);
        assert_answer(rolls, ANOTHER);
    }
    rolls = make(host); /* found, though it ended */
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_BORN, 9000, 1);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_ENDED, 9000, 1);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, 9000, 1);
    assert_answer(rolls, ANOTHER);
    rolls = make(host); /* it is told again of who was born in it */
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_BORN, 9000, 1);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, 9000, 1);
    assert_answer(rolls, SAME);
}

static void those_of_before_must_have_been_there(void **state)
{
    (void)state;
    struct rolls *rolls = make(host);
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, 90000, 1);
    for (uint64_t goid = 5003; goid < 5007; goid++)
        goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, goid, 1);
    assert_answer(rolls, ANOTHER);
    rolls = make(host); /* nor were all told of */
    rolls->early.marks.all_told = false;
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, 90000, 1);
    for (uint64_t goid = 5003; goid < 5007; goid++)
        goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, goid, 1);
    assert_answer(rolls, SAME);
    rolls = make(host); /* a P gives its goids late */
    find_many(rolls, 5000, 40, 40);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, 7000, 1);
    for (uint64_t goid = 6003; goid < 6007; goid++)
        goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, goid, 1);
    assert_answer(rolls, SAME);
}

static void generations_go_on(void **state)
{
    (void)state;
    struct rolls *rolls = make(host); /* the second one of the earlier trace */
    mark(&rolls->late, host, 2, 1100);
    find_many(rolls, 1, 3, 1);
    assert_int_equal(compare(rolls, true), GOLEAK_ROLL_SAME);
    rolls = make(host); /* … at another time */
    mark(&rolls->late, host, 2, 1101);
    find_many(rolls, 1, 3, 1);
    assert_answer(rolls, ANOTHER);
    rolls = make(host); /* it begins anew */
    mark(&rolls->early, host, 5, 100);
    find_many(rolls, 1, 3, 1);
    assert_answer(rolls, ANOTHER);
    rolls = make(host); /* who was born, or ended, may be so in both */
    find_many(rolls, 1, 3, 1);
    goleak_roll_note(&rolls->early, GOLEAK_ROLL_BORN, 9000, 1);
    goleak_roll_note(&rolls->late, GOLEAK_ROLL_BORN, 9000, 1);
    assert_int_equal(compare(rolls, true), GOLEAK_ROLL_PERHAPS);
}

static void clocks_are_of_one_machine(void **state)
{
    (void)state;
    for (int64_t apart = 0; apart < 3; apart++) {
        struct rolls *rolls = make(host);
        find_many(rolls, 1, 3, 1);
        rolls->early.marks.has_boot = rolls->late.marks.has_boot = true;
        rolls->early.marks.boot_ns = 1700000000000000000;
        rolls->late.marks.boot_ns = 1700000000000000000 - apart * 999999999;
        assert_int_equal(compare(rolls, false), apart < 2 ? GOLEAK_ROLL_SAME : GOLEAK_ROLL_ANOTHER);
    }
    struct rolls *rolls = make(host); /* a generation that both have says more than a clock that was set */
    mark(&rolls->late, host, 2, 1100);
    find_many(rolls, 1, 3, 1);
    rolls->early.marks.has_boot = rolls->late.marks.has_boot = true;
    rolls->late.marks.boot_ns = 5000000000;
    assert_int_equal(compare(rolls, true), GOLEAK_ROLL_SAME);
}

static void of_many_a_sample_is_kept(void **state)
{
    (void)state;
    struct rolls *rolls = make(container);
    find_many(rolls, 5000, 100000, 40);
    bear_many(rolls, 5000000, 100000, 20);
    const struct goleak_roll_list *found = &rolls->early.lists[GOLEAK_ROLL_FOUND];
    assert_true(found->count < GOLEAK_ROLL_MEMBERS && found->count >= 128);
    assert_answer(rolls, SAME);
    rolls = make(host);
    for (uint64_t i = 0; i < 100000; i++) {
        goleak_roll_note(&rolls->early, GOLEAK_ROLL_FOUND, 5000 + i * 40, 1);
        goleak_roll_note(&rolls->late, GOLEAK_ROLL_FOUND, 5000 + i * 40 + i % 2, 1);
    }
    assert_answer(rolls, ANOTHER);
}

/* What the hash is a mix of, backwards: many goids may be made to have what a few have by chance. */
static uint64_t goid_of_hash(uint64_t hash)
{
    uint64_t inverse[2] = { 1, 1 };
    const uint64_t factors[2] = { 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93 };
    for (int i = 0; i < 2; i++)
        for (int bits = 1; bits < 64; bits *= 2)
            inverse[i] *= 2 - factors[i] * inverse[i];
    hash *= inverse[1];
    hash ^= hash >> 32;
    return hash * inverse[0];
}

static void of_many_with_one_hash_too(void **state)
{
    (void)state;
    struct rolls *rolls = make(host);
    for (uint64_t hash = 0; hash < 3000; hash++) {
        assert_int_equal(goleak_hash_u64(goid_of_hash(hash)), hash);
        find_both(rolls, goid_of_hash(hash));
        find_both(rolls, goid_of_hash(hash << 32));
    }
    assert_true(rolls->early.lists[GOLEAK_ROLL_FOUND].count < GOLEAK_ROLL_MEMBERS);
    assert_answer(rolls, SAME);
}

static void one_is_noted_once(void **state)
{
    (void)state;
    struct rolls *rolls = make(host);
    for (int i = 0; i < 10000; i++)
        find_both(rolls, 5000);
    goleak_roll_close(&rolls->early);
    assert_int_equal(rolls->early.lists[GOLEAK_ROLL_FOUND].count, 1);
    assert_answer(rolls, SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_prove_it),
        cmocka_unit_test(those_that_live_on_prove_it),
        cmocka_unit_test(contradictions_are_of_another),
        cmocka_unit_test(those_of_before_must_have_been_there),
        cmocka_unit_test(generations_go_on),
        cmocka_unit_test(clocks_are_of_one_machine),
        cmocka_unit_test(of_many_a_sample_is_kept),
        cmocka_unit_test(of_many_with_one_hash_too),
        cmocka_unit_test(one_is_noted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
