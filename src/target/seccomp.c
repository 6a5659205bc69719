/* SPDX-License-Identifier: Apache-2.0 */
#include "target/seccomp.h"

#include "base/bits.h"

#include <errno.h>
#include <string.h>

enum { MAX_FILTERS = 256 };

/* ---- a filter: classic BPF (kernel: net/core/filter.c, kernel/seccomp.c) --
 */

struct machine {
	uint32_t a, x, memory[BPF_MEMWORDS];
};

/* false: no such operation, or a division by 0. */
static bool compute(struct machine *m, uint16_t op, uint32_t k)
{
	switch (op) {
	case BPF_ADD:
		m->a += k;
		return true;
	case BPF_SUB:
		m->a -= k;
		return true;
	case BPF_MUL:
		m->a *= k;
		return true;
	case BPF_DIV:
		if (k)
			m->a /= k;
		return k != 0;
	case BPF_OR:
		m->a |= k;
		return true;
	case BPF_AND:
		m->a &= k;
		return true;
	case BPF_XOR:
		m->a ^= k;
		return true;
	case BPF_LSH:
		m->a = k < 32 ? m->a << k : 0;
		return true;
	case BPF_RSH:
		m->a = k < 32 ? m->a >> k : 0;
		return true;
	case BPF_NEG:
		m->a = -m->a;
		return true;
	default:
		return false;
	}
}

/* How many instructions a conditional jump skips. */
static uint32_t jump(const struct machine *m, const struct sock_filter *i)
{
	uint32_t k = BPF_SRC(i->code) == BPF_X ? m->x : i->k;
	bool taken;

	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return i->k;
	case BPF_JEQ:
		taken = m->a == k;
		break;
	case BPF_JGT:
		taken = m->a > k;
		break;
	case BPF_JGE:
		taken = m->a >= k;
		break;
	default: /* BPF_JSET */
		taken = (m->a & k) != 0;
	}
	return taken ? i->jt : i->jf;
}

/* What a load fetches; false: from where there is nothing. */
static bool load(const struct machine *m, const struct sock_filter *i,
		 const struct seccomp_data *data, uint32_t *out)
{
	switch (BPF_MODE(i->code)) {
	case BPF_IMM:
		*out = i->k;
		return true;
	case BPF_LEN:
		*out = sizeof(*data);
		return true;
	case BPF_MEM:
		if (i->k >= BPF_MEMWORDS)
			return false;
		*out = m->memory[i->k];
		return true;
	case BPF_ABS:
		if (BPF_SIZE(i->code) != BPF_W || i->k % 4 ||
		    i->k > sizeof(*data) - 4)
			return false;
		memcpy(out, (const char *)data + i->k, 4);
		return true;
	default:
		return false;
	}
}

/* Loads, stores and moves. */
static bool transfer(struct machine *m, const struct sock_filter *i,
		     const struct seccomp_data *data)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		return load(m, i, data, &m->a);
	case BPF_LDX:
		return load(m, i, data, &m->x);
	case BPF_ST:
	case BPF_STX:
		if (i->k >= BPF_MEMWORDS)
			return false;
		m->memory[i->k] = BPF_CLASS(i->code) == BPF_ST ? m->a : m->x;
		return true;
	default: /* BPF_MISC */
		if (BPF_MISCOP(i->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		return true;
	}
}

uint32_t seccomp_run(const struct sock_filter *filter, size_t n,
		     const struct seccomp_data *data)
{
	struct machine m = {};

	for (uint64_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &filter[pc];
		bool ok = true;

		switch (BPF_CLASS(i->code)) {
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
		case BPF_JMP:
			pc += jump(&m, i);
			break;
		case BPF_ALU:
			ok = compute(&m, BPF_OP(i->code),
				     BPF_SRC(i->code) == BPF_X ? m.x : i->k);
			break;
		default:
			ok = transfer(&m, i, data);
		}
		if (!ok)
			break;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* ---- those of a thread --------------------------------------------------- */

static bool lets_pass(uint32_t answer)
{
	uint32_t action = answer & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static struct err *check_filter(const struct sock_filter *filter, size_t size,
				const struct seccomp_data *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!lets_pass(seccomp_run(filter, size, &calls[i])))
			return err_new(ERR_UNSUPPORTED,
				       "its seccomp filter does not let system "
				       "call %d pass",
				       calls[i].nr);
	return NULL;
}

struct err *seccomp_check(const struct tracee *t,
			  const struct seccomp_data *calls, size_t n)
{
	cleanup_free struct sock_filter *filter =
		calloc(BPF_MAXINSNS, sizeof(*filter));

	if (!filter)
		return &err_nomem;
	for (unsigned int i = 0; i < MAX_FILTERS; i++) {
		long size = tracee_seccomp_filter(t, i, filter);

		if (size == -ENOENT && i)
			return NULL;
		if (size < 0)
			return err_new(ERR_UNSUPPORTED,
				       "it has a seccomp filter that can't be "
				       "read: %s",
				       strerror((int)-size));
		TRY(check_filter(filter, (size_t)size, calls, n));
	}
	return err_new(ERR_UNSUPPORTED, "it has too many seccomp filters");
}
