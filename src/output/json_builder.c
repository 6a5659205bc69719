/* SPDX-License-Identifier: Apache-2.0 */
#include "output/json_builder.h"

#include "base/cleanup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_set(struct json_builder *b, json_t *object, const char *key,
	      json_t *value)
{
	b->failed |= json_object_set_new(object, key, value) != 0;
}

void json_set_int(struct json_builder *b, json_t *object, const char *key,
		  uint64_t n)
{
	json_set(b, object, key, json_integer((json_int_t)n));
}

void json_set_true(struct json_builder *b, json_t *object, const char *key,
		   bool value)
{
	if (value)
		json_set(b, object, key, json_true());
}

void json_set_address(struct json_builder *b, json_t *object, const char *key,
		      uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_set(b, object, key, json_string(text));
}

json_t *json_text(const char *s, size_t n)
{
	json_t *value = json_stringn(s, n);
	cleanup_free char *copy = NULL;

	if (value)
		return value;
	copy = strndup(s, n);
	for (char *c = copy; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	return copy ? json_string(copy) : NULL;
}

void json_set_text(struct json_builder *b, json_t *object, const char *key,
		   const char *s)
{
	json_set(b, object, key, json_text(s, strlen(s)));
}

void json_set_buf(struct json_builder *b, json_t *object, const char *key,
		  const struct buf *s)
{
	json_set(b, object, key,
		 json_text(s->len ? (const char *)s->v : "", s->len));
}

void json_add(struct json_builder *b, json_t *array, json_t *value)
{
	b->failed |= json_array_append_new(array, value) != 0;
}

json_t *json_set_array(struct json_builder *b, json_t *object, const char *key)
{
	json_t *array = json_array();

	json_set(b, object, key, array);
	return array;
}

json_t *json_add_object(struct json_builder *b, json_t *array)
{
	json_t *object = json_object();

	json_add(b, array, object);
	return object;
}

struct err *json_append(struct json_builder *b, json_t *value, struct buf *out)
{
	cleanup_free char *text = NULL;

	if (!b->failed)
		text = json_dumps(value, JSON_COMPACT);
	json_decref(value);
	return text ? buf_append(out, text, strlen(text)) : &err_nomem;
}

struct err *json_append_lines(struct json_builder *b, const char *key,
			      json_t *array, struct buf *out)
{
	struct err *e = buf_printf(out, "\"%s\":[", key);

	for (size_t i = 0; !e && i < json_array_size(array); i++) {
		e = buf_printf(out, i ? ",\n" : "\n");
		if (!e)
			e = json_append(
				b, json_incref(json_array_get(array, i)), out);
	}
	json_decref(array);
	return e ? e : buf_printf(out, "\n]");
}
