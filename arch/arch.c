/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arch.h"

#include "base/bits.h"

#include <elf.h>

static const struct arch *const all[] = {
	&arch_amd64,
	&arch_arm64,
};

const struct arch *arch_by_elf_machine(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i]->elf_machine == machine)
			return all[i];
	return NULL;
}

const struct arch *arch_host(void)
{
#if defined(__x86_64__)
	return &arch_amd64;
#elif defined(__aarch64__)
	return &arch_arm64;
#else
	return NULL;
#endif
}
