/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes heap dumps for tests, record by record, by code of its own: it
 * follows runtime/heapdump.go and not the reader's tables.
 */
#ifndef HD_TESTS_DUMP_ENCODER_H
#define HD_TESTS_DUMP_ENCODER_H

#include "hdcheck/dump_file.h"
#include "hdcheck/record.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of a file. A zeroed one is empty; ends the program without memory. */
struct encoder {
	uint8_t *v;
	size_t len, cap;
};

void encoder_deinit(struct encoder *e);
void encode_raw(struct encoder *e, const void *data, size_t size);
void encode_int(struct encoder *e, uint64_t n);
void encode_header(struct encoder *e);
void encode_record(struct encoder *e, const struct record *r);

#define cleanup_encoder cleanup(encoder_deinit)

/* A string constant, as a record holds it. */
#define STR(s) ((struct bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

/*
 * The records of a small dump in which nothing is wrong: a test changes them
 * and encodes them.
 */
enum sample {
	S_PARAMS,
	S_TYPE,
	S_ITAB,
	S_TYPE2,
	S_ITAB2,
	S_NODE,	  /* 48 bytes, two pointers to S_NODE2 */
	S_NODE2,  /* 48 bytes, behind it */
	S_TINY,	  /* a block of tiny objects */
	S_HEADER, /* 640 bytes, the first 8 a type */
	S_LARGE,  /* three pages */
	S_GOROUTINE,
	S_FRAME,
	S_FRAME2,
	S_DEFER,
	S_DEFER2,
	S_PANIC,
	S_GOROUTINE2, /* has an m */
	S_OTHER_FRAME,
	S_THREAD,
	S_DATA,
	S_BSS,
	S_ROOT,
	S_FINALIZER,  /* of S_NODE */
	S_FINALIZER2, /* behind the type of S_HEADER */
	S_QUEUED,     /* a cleanup without an object */
	S_QUEUED2,    /* of S_NODE2 */
	S_STATS,
	S_PROF,
	S_SAMPLE,  /* inside S_TINY */
	S_SAMPLE2, /* behind the type of S_HEADER */
	S_COUNT
};

#define SAMPLE_HEAP UINT64_C(0xc000000000)
#define SAMPLE_STACK UINT64_C(0xc000010000)
#define SAMPLE_DATA UINT64_C(0x555555600000)
#define SAMPLE_BSS UINT64_C(0x555555700000)
#define SAMPLE_SEGMENT 512 /* bytes of Data, and of BSS */

struct sample_dump {
	struct record r[S_COUNT + 8];
	size_t count;
	/* Contents, which the records point to. */
	uint64_t node[6], node2[6], tiny[2], header[80], large[3072];
	uint64_t frame[4], frame2[6], other_frame[2];
	uint8_t data[SAMPLE_SEGMENT], bss[SAMPLE_SEGMENT];
};

void sample_init(struct sample_dump *d);

/* Puts a record before the one at index; takes one away. */
void sample_insert(struct sample_dump *d, size_t index, const struct record *r);
void sample_remove(struct sample_dump *d, size_t index);

/* Header, records, and the end. */
void sample_encode(const struct sample_dump *d, struct encoder *e);

/* The bytes as a file; valid as long as e is not changed. */
struct dump_file encoder_file(const struct encoder *e);

#endif
