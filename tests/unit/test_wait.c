/* SPDX-License-Identifier: Apache-2.0 */
/* What goroutines wait for: src/runtime/wait.c, sync_wait.c, poll_desc.c and
 * wait_refs.c. The fake runtime has no functions: stacks are read word by word.
 */
#include "fake_waits.h"

#include "runtime/wait.h"

#include <stdlib.h>

#define WILD UINT64_C(0x123450) /* an address where nothing is */

static struct fake_runtime f;
static struct wait_table t;

/* All of memory is mapped as far as the kernel says. */
static struct mapping everything = { .end = UINT64_MAX, .read = true };

static void restart(enum fake_release release)
{
	if (f.rt.target) {
		wait_table_deinit(&t);
		f.target.base.mappings = NULL;
		f.target.base.mapping_count = 0;
		fake_runtime_deinit(&f);
	}
	t = (struct wait_table){};
	fake_runtime_init(&f, release);
	f.target.base.mappings = &everything;
	f.target.base.mapping_count = 1;
}

static void setup(void)
{
	restart(FAKE_GO122);
}

static void teardown(void)
{
	restart(FAKE_GO122);
	f.target.base.mappings = NULL;
	f.target.base.mapping_count = 0;
	fake_runtime_deinit(&f);
	f.rt.target = NULL;
}

static void load(void)
{
	wait_table_deinit(&t);
	fake_load(&f);
	expect_ok(wait_table_load(&f.rt, &t));
}

/* The reasons to wait of a test: what fake_waiting() is given an index of. */
static void set_reasons(const char *a, const char *b, const char *c)
{
	fake_set_wait_reasons(&f, (const char *const[]){ a, b, c });
}

static const struct wait_case *case_of(size_t i, size_t k)
{
	ck_assert_uint_lt(i, t.list.len);
	ck_assert_uint_lt(k, t.list.v[i].count);
	return &t.cases.v[t.list.v[i].first + k];
}

static const struct wait_object *object_of(size_t i, size_t k)
{
	return &t.objects.v[case_of(i, k)->object];
}

/* ---- channels ------------------------------------------------------------ */

START_TEST(channels)
{
	const struct layout *l = &f.rt.layout;
	uint64_t c = fake_add_channel(&f, 2, 5),
		 full = fake_add_channel(&f, 1, 1);

	set_reasons("chan receive", "select", "chan send");
	fake_wait_for(&f, fake_add_waiting(&f, 10, 0), c, &l->hchan.recvq);
	fake_wait_for(&f, fake_add_waiting(&f, 11, 2), full, &l->hchan.sendq);
	uint64_t g = fake_add_waiting(&f, 12, 1);
	fake_wait_for(&f, g, c, &l->hchan.recvq);
	fake_wait_for(&f, g, full, &l->hchan.sendq);
	fake_set(&f, full, &l->hchan.closed, 1);
	load();
	ck_assert_uint_eq(t.list.len, 3);
	ck_assert_uint_eq(t.objects.len, 2);
	ck_assert_uint_eq(t.damaged, 0);
	ck_assert_uint_eq(object_of(0, 0)->addr, c);
	ck_assert_uint_eq(object_of(0, 0)->len, 2);
	ck_assert_uint_eq(object_of(0, 0)->cap, 5);
	ck_assert(!object_of(0, 0)->closed);
	ck_assert(!object_of(0, 0)->in_heap);
	ck_assert_int_eq(case_of(0, 0)->direction, WAIT_RECV);
	ck_assert_uint_eq(object_of(1, 0)->addr, full);
	ck_assert(object_of(1, 0)->closed);
	ck_assert_int_eq(case_of(1, 0)->direction, WAIT_SEND);
	ck_assert_uint_eq(t.list.v[2].count, 2);
	ck_assert_uint_eq(object_of(2, 0)->addr, full); /* linked last */
	ck_assert_int_eq(case_of(2, 0)->direction, WAIT_SEND);
	ck_assert_int_eq(case_of(2, 1)->direction, WAIT_RECV);
	ck_assert_uint_eq(object_of(0, 0)->waiters, 2);
	const struct wait_link *who =
		&t.waiters.v[object_of(0, 0)->first_waiter];
	ck_assert_uint_eq(who[0].goroutine, 0);
	ck_assert_uint_eq(who[1].goroutine, 2);
	ck_assert_int_eq(wait_table_find(&t, full), case_of(1, 0)->object);
	ck_assert_int_eq(wait_table_find(&t, WILD), -1);
}
END_TEST

/* Nothing is asked of goroutines that run, or wait for what has no object. */
START_TEST(without_objects)
{
	uint64_t g;

	set_reasons("select (no cases)", "GC sweep wait", "chan receive");
	fake_add_waiting(&f, 10, 0);
	fake_add_waiting(&f, 11, 1);
	g = fake_add_waiting(&f, 12, 2);
	fake_set(&f, g, &f.rt.layout.g.atomicstatus, FAKE_RUNNABLE);
	fake_set(&f, g, &f.rt.layout.g.waiting, WILD);
	load();
	ck_assert_int_eq(t.list.v[0].kind, WAIT_FOREVER);
	ck_assert_int_eq(t.list.v[1].kind, WAIT_INTERNAL);
	ck_assert_int_eq(t.list.v[2].kind, WAIT_NOT);
	ck_assert(!t.list.v[2].waiting);
	ck_assert_uint_eq(t.objects.len, 0);
	ck_assert_uint_eq(t.damaged, 0);
}
END_TEST

/* What is damaged costs the goroutine that it is of. */
START_TEST(damaged_channels)
{
	const struct layout *l = &f.rt.layout;
	uint64_t c = fake_add_channel(&f, 0, 0), g[6];

	set_reasons("chan receive", "select", "");
	for (uint64_t i = 0; i < ARRAY_SIZE(g); i++)
		g[i] = fake_add_waiting(&f, i, 0);
	fake_wait_for(&f, g[0], c, &l->hchan.recvq);
	fake_set(&f, g[1], &l->g.waiting, WILD);
	fake_set(&f, g[2], &l->g.waiting,
		 fake_add_sudog(&f, g[0], 0, c)); /* another's */
	fake_set(&f, g[3], &l->g.waiting, fake_add_sudog(&f, g[3], 0, WILD));
	uint64_t circle = fake_add_sudog(&f, g[4], 0, c);
	fake_set(&f, circle, &l->sudog.waitlink, circle);
	fake_set(&f, g[4], &l->g.waiting, circle);
	/* g[5] waits for a channel, and there is none */
	load();
	ck_assert(!t.list.v[0].damaged);
	for (size_t i = 1; i < ARRAY_SIZE(g); i++)
		ck_assert_msg(t.list.v[i].damaged, "goroutine %zu", i);
	ck_assert(object_of(3, 0)->damaged);
	ck_assert_uint_eq(object_of(3, 0)->addr, WILD);
}
END_TEST

/* A queue that circles is the channel's damage. */
START_TEST(damaged_queues)
{
	const struct layout *l = &f.rt.layout;
	uint64_t c = fake_add_channel(&f, 0, 0), g = fake_add_waiting(&f, 1, 0),
		 s;

	set_reasons("chan receive", "", "");
	fake_wait_for(&f, g, c, &l->hchan.recvq);
	s = fake_get(&f.target, g + l->g.waiting.offset, 8);
	fake_set(&f, s, &l->sudog.next, s);
	load();
	ck_assert(object_of(0, 0)->damaged);
	ck_assert_uint_eq(t.damaged, 1);
}
END_TEST

/* ---- locks --------------------------------------------------------------- */

static void set_root(uint64_t i, uint64_t s)
{
	const struct layout *l = &f.rt.layout;

	fake_set(&f, l->var.semtable.addr + i * 64, &l->semaRoot.treap, s);
}

START_TEST(locks)
{
	const struct layout *l = &f.rt.layout;
	uint64_t mu = fake_new(&f, l->syncMutex.struct_size);
	uint64_t rw = fake_new(&f, l->syncRWMutex.struct_size);
	uint64_t first, second;

	set_reasons("sync.Mutex.Lock", "sync.RWMutex.RLock",
		    "sync.RWMutex.Lock");
	first = fake_add_waiting(&f, 10, 0);
	second = fake_add_waiting(&f, 11, 0);
	fake_set(&f, mu, &l->syncMutex.state, 9);
	fake_set(&f, rw, &l->syncRWMutex.readerCount, (uint32_t)-5);
	uint64_t s =
		fake_add_sudog(&f, first, mu + l->syncMutex.sema.offset, 0);
	fake_set(&f, s, &l->sudog.waitlink,
		 fake_add_sudog(&f, second, mu + l->syncMutex.sema.offset, 0));
	set_root(0, s);
	set_root(1, fake_add_sudog(&f, fake_add_waiting(&f, 12, 1),
				   rw + l->syncRWMutex.readerSem.offset, 0));
	set_root(2, fake_add_sudog(&f, fake_add_waiting(&f, 13, 2),
				   rw + l->syncRWMutex.writerSem.offset, 0));
	fake_add_waiting(&f, 14, 0); /* in no line */
	load();
	ck_assert_uint_eq(t.objects.len, 2);
	ck_assert_uint_eq(object_of(0, 0)->addr, mu);
	ck_assert_int_eq(object_of(0, 0)->kind, WAIT_MUTEX);
	ck_assert_int_eq(object_of(0, 0)->state, 9);
	ck_assert_uint_eq(object_of(0, 0)->waiters, 2);
	ck_assert_uint_eq(object_of(1, 0)->addr, mu);
	ck_assert_uint_eq(object_of(2, 0)->addr, rw);
	ck_assert_int_eq(object_of(2, 0)->state, -5);
	ck_assert_uint_eq(object_of(3, 0)->addr, rw);
	ck_assert(!t.list.v[2].write && t.list.v[3].write);
	ck_assert(t.list.v[4].damaged);
}
END_TEST

START_TEST(conds)
{
	const struct layout *l = &f.rt.layout;
	uint64_t cond = fake_new(&f, l->syncCond.struct_size);
	uint64_t list = cond + l->syncCond.notify.offset;
	uint64_t first, second, stranger, a, b;

	set_reasons("sync.Cond.Wait", "", "");
	first = fake_add_waiting(&f, 10, 0);
	second = fake_add_waiting(&f, 11, 0);
	stranger = fake_add_waiting(&f, 12, 0);
	a = fake_add_sudog(&f, first, 0, 0);
	b = fake_add_sudog(&f, second, 0, 0);
	fake_set(&f, a, &l->sudog.next, b);
	fake_set(&f, list, &l->notifyList.head, a);
	/* Words that lead to nothing, into the void, and to the Cond. */
	fake_put_on_stack(&f, first, 0, 7);
	fake_put_on_stack(&f, first, 1, WILD);
	fake_put_on_stack(&f, first, 2, fake_new(&f, 64));
	fake_put_on_stack(&f, first, 3, cond);
	fake_put_on_stack(&f, stranger, 0,
			  cond); /* it has it, and is not in it */
	load();
	ck_assert_uint_eq(t.objects.len, 1);
	ck_assert_uint_eq(object_of(0, 0)->addr, cond);
	ck_assert_uint_eq(object_of(1, 0)->addr, cond); /* by the list */
	ck_assert(t.list.v[2].damaged);
}
END_TEST

/* A list with somebody in it who is no goroutine, or that circles, is none. */
START_TEST(what_is_no_cond)
{
	const struct layout *l = &f.rt.layout;
	uint64_t list = fake_new(&f, l->notifyList.struct_size), g, s;

	set_reasons("sync.Cond.Wait", "", "");
	g = fake_add_waiting(&f, 10, 0);
	s = fake_add_sudog(&f, g, 0, 0);
	fake_set(&f, s, &l->sudog.next, fake_add_sudog(&f, WILD, 0, 0));
	fake_set(&f, list, &l->notifyList.head, s);
	fake_put_on_stack(&f, g, 0, list);
	load();
	ck_assert(t.list.v[0].damaged);
	fake_set(&f, s, &l->sudog.next, s);
	load();
	ck_assert(t.list.v[0].damaged);
	fake_set(&f, s, &l->sudog.next, 0);
	load();
	ck_assert(!t.list.v[0].damaged);
}
END_TEST

/* ---- the rest ------------------------------------------------------------ */

START_TEST(file_descriptors)
{
	const struct layout *l = &f.rt.layout;
	uint64_t pd = fake_new(&f, l->pollDesc.struct_size), reader, writer;

	set_reasons("IO wait", "", "");
	reader = fake_add_waiting(&f, 10, 0);
	writer = fake_add_waiting(&f, 11, 0);
	fake_add_waiting(&f, 12, 0);
	fake_set(&f, pd, &l->pollDesc.self, pd);
	fake_set(&f, pd, &l->pollDesc.fd, 17);
	fake_set(&f, pd, &l->pollDesc.rg, reader);
	fake_set(&f, pd, &l->pollDesc.wg, writer);
	fake_set(&f, pd, &l->pollDesc.rd, 1000);
	fake_set(&f, pd, &l->pollDesc.wd, (uint64_t)-1); /* it is over */
	fake_put_on_stack(&f, reader, 4, pd + l->pollDesc.rg.offset);
	fake_put_on_stack(&f, writer, 5, pd);
	load();
	ck_assert_int_eq(t.list.v[0].fd, 17);
	ck_assert(!t.list.v[0].write);
	ck_assert_int_eq(t.list.v[0].until, 1000);
	ck_assert_int_eq(t.list.v[1].fd, 17);
	ck_assert(t.list.v[1].write);
	ck_assert_int_eq(t.list.v[1].until, 0);
	ck_assert_int_eq(t.list.v[2].fd, -1);
	ck_assert_uint_eq(t.damaged, 0);
}
END_TEST

START_TEST(sleep_in_a_timer)
{
	const struct layout *l = &f.rt.layout;
	uint64_t timer = fake_new(&f, l->timer.struct_size);

	set_reasons("sleep", "", "");
	fake_set(&f, timer, &l->timer.when, 12345);
	fake_set(&f, fake_add_waiting(&f, 10, 0), &l->g.timer, timer);
	load();
	ck_assert_int_eq(t.list.v[0].until, 12345);
}
END_TEST

START_TEST(sleep_in_the_goroutine)
{
	restart(FAKE_GO126);
	set_reasons("sleep", "", "");
	fake_set(&f, fake_add_waiting(&f, 10, 0), &f.rt.layout.g.sleepWhen,
		 54321);
	load();
	ck_assert_int_eq(t.list.v[0].until, 54321);
}
END_TEST

/* Who has it on the stack: the channel itself, an object that a lock is part
 * of; not who waits for it. */
START_TEST(references)
{
	const struct layout *l = &f.rt.layout;
	uint64_t object = FAKE_HEAP + 2 * 48, mu = object + 16;
	uint64_t c = fake_add_channel(&f, 0, 0), waiter, other;

	fake_add_span(&f, &(struct fake_span){ .base = FAKE_HEAP,
					       .class = CLASS_48,
					       .freeindex = 4 });
	set_reasons("sync.Mutex.Lock", "chan receive", "");
	waiter = fake_add_waiting(&f, 10, 0);
	other = fake_add_waiting(&f, 11, 1);
	set_root(0,
		 fake_add_sudog(&f, waiter, mu + l->syncMutex.sema.offset, 0));
	fake_wait_for(&f, other, c, &l->hchan.recvq);
	fake_put_on_stack(&f, waiter, 1, c);
	fake_put_on_stack(&f, waiter, 2, mu);
	fake_put_on_stack(&f, other, 1, object + 40);
	fake_put_on_stack(&f, other, 2, object + 48); /* the next one */
	load();
	expect_ok(wait_table_refer(&f.rt, &t));
	const struct wait_object *lock = object_of(0, 0);
	ck_assert(lock->in_heap);
	ck_assert_uint_eq(lock->slot, object);
	ck_assert_uint_eq(lock->refs, 1);
	ck_assert_uint_eq(t.refs.v[lock->first_ref].goroutine, 1);
	ck_assert(!t.refs.v[lock->first_ref].exact);
	ck_assert_uint_eq(object_of(1, 0)->refs, 1);
	ck_assert_uint_eq(t.refs.v[object_of(1, 0)->first_ref].goroutine, 0);
	ck_assert(t.refs.v[object_of(1, 0)->first_ref].exact);
	fake_put_on_stack(&f, other, 3, mu);
	load();
	expect_ok(wait_table_refer(&f.rt, &t));
	ck_assert_uint_eq(object_of(0, 0)->refs, 1);
	ck_assert(t.refs.v[object_of(0, 0)->first_ref].exact);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wait");
	TCase *tc = tcase_create("wait");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, channels);
	tcase_add_test(tc, without_objects);
	tcase_add_test(tc, damaged_channels);
	tcase_add_test(tc, damaged_queues);
	tcase_add_test(tc, locks);
	tcase_add_test(tc, conds);
	tcase_add_test(tc, what_is_no_cond);
	tcase_add_test(tc, file_descriptors);
	tcase_add_test(tc, sleep_in_a_timer);
	tcase_add_test(tc, sleep_in_the_goroutine);
	tcase_add_test(tc, references);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
