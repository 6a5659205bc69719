/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects by jansson, whose setters take the value over and fail if it, or
 * the object, is NULL: what could not be allocated is noticed at the end.
 * Addresses are strings ("0xc000012345"), for numbers of that size are not
 * exact everywhere.
 */
#ifndef HD_OUTPUT_JSON_BUILDER_H
#define HD_OUTPUT_JSON_BUILDER_H

#include "base/buf.h"

#include <jansson.h>
#include <stdint.h>

struct json_builder {
	bool failed; /* nothing more comes of it */
};

void json_set(struct json_builder *b, json_t *object, const char *key,
	      json_t *value);
void json_set_int(struct json_builder *b, json_t *object, const char *key,
		  uint64_t n);
void json_set_true(struct json_builder *b, json_t *object, const char *key,
		   bool value); /* nothing if it is false */
void json_set_address(struct json_builder *b, json_t *object, const char *key,
		      uint64_t address);
void json_set_text(struct json_builder *b, json_t *object, const char *key,
		   const char *s);
void json_set_buf(struct json_builder *b, json_t *object, const char *key,
		  const struct buf *s);
void json_add(struct json_builder *b, json_t *array, json_t *value);

/* A new array that is a member of an object, and a new object at the end of
 * an array. */
json_t *json_set_array(struct json_builder *b, json_t *object, const char *key);
json_t *json_add_object(struct json_builder *b, json_t *array);

/* A string; what is not UTF-8 has all but its ASCII replaced by '?'. */
json_t *json_text(const char *s, size_t n);

/* Appends the value, which is used up, as one line without its end. */
struct err *json_append(struct json_builder *b, json_t *value,
			struct buf *out) must_check;

/* Appends the elements of an array, which is used up, a line each:
 * "KEY":[...]. */
struct err *json_append_lines(struct json_builder *b, const char *key,
			      json_t *array, struct buf *out) must_check;

#endif
