/* SPDX-License-Identifier: Apache-2.0 */
#include "go_symbols.h"

/*
 * A data segment as Go's linker makes it: a label, then variables. Strings
 * are those of GNU as; %object is understood on each machine.
 */
#define VARIABLE(name, size)                                                   \
	".globl " name "\n"                                                    \
	".type " name ", %object\n"                                            \
	".size " name ", " size "\n"                                           \
	name ":\n"                                                             \
	".zero " size "\n"

asm(".data\n"
    ".balign 8\n"
    ".globl runtime.data, runtime.edata\n"
    ".type runtime.data, %object\n"
    "runtime.data:\n"
    VARIABLE("main.first", "16")
    VARIABLE("runtime.buf", "24")
    VARIABLE("runtime.nbuf", "8")
    VARIABLE("runtime.typecache", "32")
    VARIABLE("runtime.freemark", "8")
    VARIABLE("runtime.tmpbuf", "24")
    VARIABLE("runtime.dumpfd", "8")
    VARIABLE("runtime.memstats", "48")
    VARIABLE("runtime.gcController", "48")
    VARIABLE("runtime.sched", "48")
    ".zero 8\n" /* of no variable */
    VARIABLE("runtime.mheap_", "48")
    VARIABLE("runtime.allp", "24")
    VARIABLE("main.last", "16")
    "runtime.edata:\n"
    ".text\n");

/*
 * The structs of some, and of what is in the heap, as a unit of DWARF 4: members
 * at 16 that the rules are about, and at 24 that they are not.
 */
#define STRUCT(name, member)                                                   \
	".uleb128 2\n.asciz \"" name "\"\n.uleb128 48\n"                       \
	".uleb128 3\n.asciz \"" member "\"\n.uleb128 16\n"                     \
	".uleb128 3\n.asciz \"other\"\n.uleb128 24\n"                          \
	".byte 0\n"

asm(".section .debug_abbrev, \"\", %progbits\n"
    ".Lgo_abbrev:\n"
    ".uleb128 1, 0x11\n.byte 1\n" /* compile_unit, with children */
    ".uleb128 0x03, 0x08\n.byte 0, 0\n" /* name: string */
    ".uleb128 2, 0x13\n.byte 1\n" /* structure_type */
    ".uleb128 0x03, 0x08, 0x0b, 0x0f\n.byte 0, 0\n" /* byte_size: udata */
    ".uleb128 3, 0x0d\n.byte 0\n" /* member */
    ".uleb128 0x03, 0x08, 0x38, 0x0f\n.byte 0, 0\n" /* location: udata */
    ".byte 0\n"
    ".section .debug_info, \"\", %progbits\n"
    ".4byte .Lgo_end - .Lgo_start\n"
    ".Lgo_start:\n"
    ".2byte 4\n.4byte .Lgo_abbrev\n.byte 8\n"
    ".uleb128 1\n.asciz \"runtime\"\n"
    STRUCT("runtime.mstats", "other_sys")
    STRUCT("runtime.gcControllerState", "mappedReady")
    STRUCT("runtime.schedt", "lastpoll")
    STRUCT("runtime.mheap", "central")
    STRUCT("runtime.p", "wbBuf")
    STRUCT("runtime.g", "atomicstatus")
    ".byte 0\n"
    ".Lgo_end:\n"
    ".text\n");
