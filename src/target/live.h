/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maker of a target from a running process: ptrace (PTRACE_SEIZE and
 * PTRACE_INTERRUPT of every thread), /proc/PID/mem and process_vm_readv.
 *
 * The process always survives: whatever ends us, the kernel detaches its
 * threads and they run on; a signal that a thread was about to receive when it
 * stopped is handed on at detach; a process that was stopped (SIGSTOP) stays
 * stopped.
 */
#ifndef HD_TARGET_LIVE_H
#define HD_TARGET_LIVE_H

#include "target/target.h"

enum {
	LIVE_STOP_TIMEOUT = 2000, /* ms: target.stop_timeout as it is made */
};

/*
 * A target of process pid, which is not stopped yet: what can be told without
 * stopping it is checked here (it exists, is not a kernel thread, may be
 * traced, is not traced already, its machine is known). It may be read while
 * it runs; what is read is then of no one moment.
 *
 * Errors: ERR_GONE (no such process), ERR_DENIED (may not be traced; the hint
 * says what to do), ERR_UNSUPPORTED (kernel thread, foreign machine, 32-bit,
 * ourselves), ERR_USAGE (the id of a thread, or of nothing), ERR_OS.
 *
 * target_stop() tells with ERR_GONE when the process has done an exec since:
 * it is another program now.
 */
struct err *live_open(pid_t pid, struct target **out) must_check;

#endif
