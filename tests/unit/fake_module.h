/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main module of a fake runtime: functions, types with names, data.
 */
#ifndef HD_TESTS_FAKE_MODULE_H
#define HD_TESTS_FAKE_MODULE_H

#include "fake_runtime.h"

#define FAKE_TEXT UINT64_C(0x401000)  /* the first function */
#define FAKE_TYPES UINT64_C(0x500000) /* the module's types */
#define FAKE_DATA UINT64_C(0x580000)
#define FAKE_BSS UINT64_C(0x590000)

enum { FAKE_TYPES_SIZE = 8192 }; /* bytes */

/* Functions follow each other from FAKE_TEXT on. */
struct fake_func {
	const char *name;
	uint64_t size; /* bytes of code */
	const char *file;
	/* Of the first half of the code; of the second it is 10 more. */
	int32_t line;
	uint8_t id;    /* FuncID_* */
	uint8_t flag;  /* FuncFlag_* */
	int32_t args;  /* bytes */
	int32_t delta; /* how far its stack pointer moves, bytes */
};

/* Gives the main module its functions: at most 16. */
void fake_set_functions(struct fake_runtime *f, const struct fake_func *funcs,
			size_t n);

/* Maps room for types and makes it the module's. */
struct fake_types {
	struct fake_runtime *f;
	uint64_t next; /* free address */
};
void fake_types_init(struct fake_types *t, struct fake_runtime *f);

/* The offset of a new name in the module's types; "": 0. */
uint32_t fake_add_name(struct fake_types *t, const char *name);

/* What a type of the module is to be like. */
struct fake_type {
	uint64_t words; /* its size */
	uint64_t mask;	/* pointer bits of the first 64 words */
	int64_t kind;	/* KindStruct if 0 */
	uint8_t kind_flags;
	uint8_t tflag; /* but for TFlagUncommon */
	const char *string;
	const char *pkg_path; /* with it the type has an uncommon part */
};
uint64_t fake_add_module_type(struct fake_types *t, const struct fake_type *s);

/* Bytes from a type's address to its uncommon part. */
uint64_t fake_uncommon_offset(const struct layout *l, int64_t kind);

/* A data or bss segment of size bytes, of whose words mask tells pointers. */
void fake_set_data(struct fake_runtime *f, uint64_t size, uint64_t mask);
void fake_set_bss(struct fake_runtime *f, uint64_t size, uint64_t mask);

#endif
