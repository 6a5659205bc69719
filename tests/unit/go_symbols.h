/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives the test program some of the symbols and types of a Go program, so
 * that it can be its own example of one.
 */
#ifndef HD_TESTS_GO_SYMBOLS_H
#define HD_TESTS_GO_SYMBOLS_H

#include <stdint.h>

/* Its data segment and the variables in it, in order. */
extern uint8_t go_data[] asm("runtime.data");
extern uint8_t go_edata[] asm("runtime.edata");
extern uint8_t go_first[] asm("main.first");		/* 16 bytes */
extern uint8_t go_buf[] asm("runtime.buf");		/* 24 */
extern uint8_t go_nbuf[] asm("runtime.nbuf");		/* 8 */
extern uint8_t go_typecache[] asm("runtime.typecache"); /* 32 */
extern uint8_t go_freemark[] asm("runtime.freemark");	/* 8 */
extern uint8_t go_tmpbuf[] asm("runtime.tmpbuf");	/* 24 */
extern uint8_t go_dumpfd[] asm("runtime.dumpfd");	/* 8 */
/* 48 each; the member of the rules is at 16, of 8 bytes. */
extern uint8_t go_memstats[] asm("runtime.memstats");
extern uint8_t go_controller[] asm("runtime.gcController");
extern uint8_t go_sched[] asm("runtime.sched");
/* Eight bytes of nothing, then: */
extern uint8_t go_mheap[] asm("runtime.mheap_"); /* 48, as those above */
extern uint8_t go_allp[] asm("runtime.allp");	 /* 24 */
extern uint8_t go_last[] asm("main.last"); /* 16 */

#endif
