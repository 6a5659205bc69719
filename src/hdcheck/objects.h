/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of a dump as a list.
 */
#ifndef HD_HDCHECK_OBJECTS_H
#define HD_HDCHECK_OBJECTS_H

#include "hdcheck/dump_file.h"

#include <stdio.h>

/*
 * Writes a line for each object, in the order of the file: its address, its
 * bytes, and the offsets of its pointers.
 *
 *	0xc000012030 48 0 24
 *
 * A record that can't be read ends the list without an error: verify() has
 * one. Errors of out are left to the caller. Takes no memory.
 */
struct err *objects_print(const struct dump_file *f, FILE *out) must_check;

#endif
