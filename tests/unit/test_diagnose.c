/* SPDX-License-Identifier: Apache-2.0 */
/* Why a process can't be attached to: src/target/diagnose.c, live_open(). */
#include "child.h"
#include "expect.h"

#include "target/diagnose.h"
#include "target/live.h"

#include "base/bits.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NOBODY = 65534,
};

/* ---- facts, judged
 * ------------------------------------------------------------ */

/* An ordinary process of our own user, and we have no capabilities. */
static struct attach_facts plain_facts(void)
{
	struct attach_facts f = {
		.pid = 100,
		.self_pid = 200,
		.target = { .name = "server",
			    .state = 'S',
			    .tgid = 100,
			    .ppid = 1,
			    .uid = { 7, 7, 7 },
			    .gid = { 8, 8, 8 },
			    .threads = 1 },
		.self = { .tgid = 200, .uid = { 7, 7, 7 }, .gid = { 8, 8, 8 } },
		.yama_scope = YAMA_ABSENT,
	};

	return f;
}

static struct attach_facts capable_facts(void)
{
	struct attach_facts f = plain_facts();

	f.self.cap_eff = 1ull << CAP_SYS_PTRACE;
	return f;
}

START_TEST(nothing_in_the_way)
{
	struct attach_facts f = plain_facts();

	expect_ok(attach_facts_judge(&f));
	expect_ok(attach_facts_explain(&f));
	f.yama_scope = YAMA_CLASSIC;
	expect_ok(attach_facts_explain(&f));
	/* An exited leader is not the end of a process. */
	f.target.state = 'Z';
	f.target.threads = 2;
	expect_ok(attach_facts_judge(&f));
}
END_TEST

START_TEST(judges)
{
	struct attach_facts f = plain_facts();

	f.target.tgid = 99;
	strcpy(f.process_name, "leader");
	expect_hint(attach_facts_judge(&f), ERR_USAGE,
		    "100 is a thread of process 99 (leader)", "99");

	f = plain_facts();
	f.self_pid = 100;
	expect_error(attach_facts_judge(&f), ERR_UNSUPPORTED, "this one");

	f = plain_facts();
	f.flags = PROC_KERNEL_THREAD;
	expect_error(attach_facts_judge(&f), ERR_UNSUPPORTED,
		     "process 100 (server) is a kernel thread");

	f = plain_facts();
	f.target.core_dumping = true;
	expect_hint(attach_facts_judge(&f), ERR_UNSUPPORTED, "writing its core",
		    "core file");

	f = plain_facts();
	f.dead = true;
	strcpy(f.parent_name, "sh");
	expect_error(attach_facts_judge(&f), ERR_GONE, "process 1 (sh)");

	f = plain_facts();
	f.target.tracer = 55;
	strcpy(f.tracer_name, "gdb");
	expect_hint(attach_facts_judge(&f), ERR_DENIED,
		    "already traced by process 55 (gdb)", "55");
}
END_TEST

START_TEST(explains_the_user)
{
	struct attach_facts f = plain_facts();

	/* All three ids count, of the user and of the group. */
	f.target.uid[1] = 9;
	f.yama_scope = YAMA_RELATED; /* comes after */
	expect_hint(attach_facts_explain(&f), ERR_DENIED,
		    "belongs to user 9, and we are user 7 without CAP_SYS_PTR",
		    "root");
	f.self.uid[1] = 0;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "belongs to user 9",
		    "give the container CAP_SYS_PTRACE");
	f = plain_facts();
	f.target.uid[2] = 0;
	expect_error(attach_facts_explain(&f), ERR_DENIED, "user ids 7/7/0");
	f = plain_facts();
	f.target.gid[0] = 0;
	expect_error(attach_facts_explain(&f), ERR_DENIED, "group ids 0/8/8");
	/* With the capability it is no obstacle, but for a namespace. */
	f.self.cap_eff = 1ull << CAP_SYS_PTRACE;
	expect_ok(attach_facts_explain(&f));
	f.other_user_ns = true;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "user namespace",
		    "host");
}
END_TEST

START_TEST(explains_yama)
{
	struct attach_facts f = plain_facts();

	f.not_dumpable = true; /* comes after */
	f.yama_scope = YAMA_RELATED;
	expect_hint(attach_facts_explain(&f), ERR_DENIED,
		    "ptrace_scope is 1, only an ancestor",
		    "kernel.yama.ptrace_scope=0");
	f.yama_scope = YAMA_CAPABILITY;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "is 2, only CAP_SYS",
		    "root");
	f.yama_scope = YAMA_NONE;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "is 3, nobody",
		    "core");

	f = capable_facts();
	f.yama_scope = YAMA_CAPABILITY;
	expect_ok(attach_facts_explain(&f));
	f.yama_scope = YAMA_NONE;
	expect_error(attach_facts_explain(&f), ERR_DENIED, "is 3");
	f.yama_scope = 4; /* not known */
	expect_ok(attach_facts_explain(&f));
}
END_TEST

START_TEST(explains_the_rest)
{
	struct attach_facts f = plain_facts();

	f.target.cap_prm = 1ull << CAP_NET_BIND_SERVICE;
	expect_hint(attach_facts_explain(&f), ERR_DENIED,
		    "has capabilities that we lack (0x400)", "root");
	f.self.cap_prm = f.target.cap_prm;
	expect_ok(attach_facts_explain(&f));
	f.not_dumpable = true;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "not dumpable",
		    "root");
	f.self.uid[1] = 0;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "not dumpable",
		    "give the container CAP_SYS_PTRACE");
	f = plain_facts();
	strcpy(f.label, "docker-default (enforce)");
	expect_error(attach_facts_explain(&f), ERR_DENIED,
		     "(docker-default (enforce))");
	f = plain_facts();
	f.self.seccomp = 2;
	expect_hint(attach_facts_explain(&f), ERR_DENIED, "seccomp filter",
		    "--cap-add=SYS_PTRACE");

	f = capable_facts();
	f.not_dumpable = true;
	f.target.cap_prm = 1;
	expect_ok(attach_facts_explain(&f));
}
END_TEST

/* ---- real processes
 * ------------------------------------------------------------- */

static struct err *open_pid(pid_t pid)
{
	struct target *t = NULL;
	struct err *e = live_open(pid, &t);

	ck_assert(!e == !!t);
	target_close(t);
	return e;
}

START_TEST(no_process)
{
	expect_error(open_pid(0), ERR_USAGE, "0 is not a process id");
	expect_error(open_pid(-1), ERR_USAGE, "");
	expect_error(open_pid(1 << 30), ERR_GONE, "there is no process 10737");
	expect_error(open_pid(getpid()), ERR_UNSUPPORTED, "this one");
}
END_TEST

START_TEST(zombie)
{
	pid_t pid = fork();
	siginfo_t info;
	char part[64];

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	snprintf(part, sizeof(part), "zombie that its parent, process %d (",
		 getpid());
	expect_error(open_pid(pid), ERR_GONE, part);
	waitpid(pid, NULL, 0);
	expect_error(open_pid(pid), ERR_GONE, "there is no process");
}
END_TEST

START_TEST(thread_id)
{
	struct child c = child_start(child_workers);
	char part[64];

	snprintf(part, sizeof(part), "%d is a thread of process %d",
		 c.shared->tid[1], c.pid);
	expect_error(open_pid(c.shared->tid[1]), ERR_USAGE, part);
	child_end(&c);
}
END_TEST

START_TEST(kernel_thread)
{
	struct proc_stat stat;
	cleanup_proc struct proc p = { .dir = -1 };
	struct err *e = proc_init(&p, 2); /* kthreadd, but in a container */

	if (!e)
		e = proc_read_stat(&p, 0, &stat);
	if (e || !(stat.flags & PROC_KERNEL_THREAD)) {
		fprintf(stderr, "skipped: no kernel thread is to be seen\n");
		err_free(e);
		return;
	}
	expect_error(open_pid(2), ERR_UNSUPPORTED, "is a kernel thread");
}
END_TEST

/* Traces the process s->pid as a debugger would. */
static void body_debugger(struct shared *s)
{
	prctl(PR_SET_NAME, "debugger");
	if (ptrace(PTRACE_SEIZE, s->pid, NULL, NULL))
		_exit(1);
	child_idle(s);
}

START_TEST(already_traced)
{
	struct child c = child_start(child_workers);
	struct target *t = NULL;
	char part[64];

	expect_ok(live_open(c.pid, &t));
	c.shared->pid = c.pid;
	struct child tracer = child_start_with(c.shared, body_debugger);
	snprintf(part, sizeof(part), "already traced by process %d (debugger)",
		 tracer.pid);
	expect_error(open_pid(c.pid), ERR_DENIED, part);
	/* The same, if it only shows when it comes to the attach. */
	expect_error(target_stop(t), ERR_DENIED, part);
	ck_assert(wait_work(c.shared));

	/* A single thread that is traced keeps none of the others stopped. */
	kill(tracer.pid, SIGKILL);
	waitpid(tracer.pid, NULL, 0);
	c.shared->pid = c.shared->tid[3];
	tracer = child_start_with(c.shared, body_debugger);
	snprintf(part, sizeof(part), "already traced by process %d (debugger)",
		 tracer.pid);
	expect_error(target_stop(t), ERR_DENIED, part);
	ck_assert(wait_work(c.shared));
	kill(tracer.pid, SIGKILL);
	waitpid(tracer.pid, NULL, 0);
	expect_ok(target_stop(t));
	target_close(t);
	child_end(&c);
}
END_TEST

/* ---- as another user
 * -------------------------------------------------------------- */

static bool become_nobody(void)
{
	return setgroups(0, NULL) == 0 &&
	       setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static void body_nobody(struct shared *s)
{
	if (!become_nobody() || prctl(PR_SET_DUMPABLE, s->go))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* cleared by the change of ids */
	child_worker(s);
}

/*
 * What comes of an attach to the process s->pid: the error's code in errors
 * (-1 if it was stopped, and read in both ways), its message in seen.
 */
static void attach(struct shared *s)
{
	struct target *t = NULL;
	uint64_t value;
	struct read_range r = { (uintptr_t)&s->work, 8, &value, false };

	struct err *e = live_open(s->pid, &t);
	if (!e)
		e = target_stop(t);
	if (!e)
		e = target_read(t, r.addr, &value, 8);
	if (!e)
		target_read_many(t, &r, 1);
	s->errors = e ? (int)e->code : r.ok && t->threads[0].have_regs ? -1 : 0;
	snprintf((char *)s->seen, sizeof(s->seen), "%s", e ? e->message : "");
	err_free(e);
	target_close(t);
	s->ready++;
}

static void body_attach_as_nobody(struct shared *s)
{
	if (!become_nobody())
		_exit(1);
	attach(s);
}

static bool skip_unless_root(void)
{
	if (geteuid() == 0)
		return false;
	fprintf(stderr, "skipped: needs root\n");
	return true;
}

static void attach_as_nobody(struct shared *s, pid_t pid)
{
	s->pid = pid;
	struct child c = child_start_with(s, body_attach_as_nobody);
	ck_assert_int_eq(waitpid(c.pid, NULL, 0), c.pid);
}

START_TEST(users_process)
{
	if (skip_unless_root())
		return;
	struct child c = child_start(child_worker);

	attach_as_nobody(c.shared, c.pid);
	ck_assert_int_eq(c.shared->errors, ERR_DENIED);
	ck_assert(strstr((char *)c.shared->seen,
			 "belongs to user 0, and we are user 65534"));
	child_end(&c);
}
END_TEST

/* As body_attach_as_nobody(), but that CAP_SYS_PTRACE is kept. */
static void body_attach_capable(struct shared *s)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = 1 << CAP_SYS_PTRACE,
		  .permitted = 1 << CAP_SYS_PTRACE },
	};

	prctl(PR_SET_KEEPCAPS, 1);
	if (!become_nobody() || syscall(SYS_capset, &header, data))
		_exit(1);
	attach(s);
}

/* It lets us attach to root's, but not open /proc/PID/mem or auxv. */
START_TEST(capability_alone)
{
	if (skip_unless_root())
		return;
	struct child c = child_start(child_worker);

	c.shared->pid = c.pid;
	struct child tracer = child_start_with(c.shared, body_attach_capable);
	ck_assert_int_eq(waitpid(tracer.pid, NULL, 0), tracer.pid);
	ck_assert_msg(c.shared->errors == -1, "%s", (char *)c.shared->seen);
	ck_assert(wait_work(c.shared));
	child_end(&c);
}
END_TEST

/* A filter that answers ptrace with EPERM, as in a container. */
static void body_attach_filtered(struct shared *s)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	attach(s);
}

START_TEST(seccomp_filter)
{
	struct child c = child_start(child_worker);

	c.shared->pid = c.pid;
	struct child tracer = child_start_with(c.shared, body_attach_filtered);
	ck_assert_int_eq(waitpid(tracer.pid, NULL, 0), tracer.pid);
	ck_assert_int_eq(c.shared->errors, ERR_DENIED);
	ck_assert_msg(strstr((char *)c.shared->seen, "under a seccomp filter"),
		      "%s", (char *)c.shared->seen);
	ck_assert(wait_work(c.shared));
	child_end(&c);
}
END_TEST

/* Of the same user, and dumpable or not. */
START_TEST(dumpable_process)
{
	if (skip_unless_root())
		return;
	struct shared *s = shared_create();
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");

	if (f) { /* would be in the way, in the first place */
		int c = getc(f);

		fclose(f);
		if (c != '0') {
			fprintf(stderr, "skipped: Yama\n");
			return;
		}
	}
	s->go = _i;
	struct child c = child_start_with(s, body_nobody);
	attach_as_nobody(s, c.pid);
	if (_i) {
		ck_assert_msg(s->errors == -1, "%s", (char *)s->seen);
	} else {
		ck_assert_int_eq(s->errors, ERR_DENIED);
		ck_assert(strstr((char *)s->seen, "is not dumpable"));
	}
	ck_assert(wait_work(s));
	child_end(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("diagnose");
	TCase *tc = tcase_create("diagnose");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, nothing_in_the_way);
	tcase_add_test(tc, judges);
	tcase_add_test(tc, explains_the_user);
	tcase_add_test(tc, explains_yama);
	tcase_add_test(tc, explains_the_rest);
	tcase_add_test(tc, no_process);
	tcase_add_test(tc, zombie);
	tcase_add_test(tc, thread_id);
	tcase_add_test(tc, kernel_thread);
	tcase_add_test(tc, already_traced);
	tcase_add_test(tc, users_process);
	tcase_add_test(tc, capability_alone);
	tcase_add_test(tc, seccomp_filter);
	tcase_add_loop_test(tc, dumpable_process, 0, 2);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
