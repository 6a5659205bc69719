/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/panic_value.h"

#include "runtime/runtime.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_DEPTH = 16, /* errors that wrap errors */
	MAX_CODES = 64, /* of runtime.boundsError */
	MAX_JOINED = 64,
};

/* A value: where its bytes are, or, of what is one pointer, the pointer. */
struct value {
	struct runtime *rt;
	struct type_info type;
	uint64_t addr;
	unsigned int depth;
	struct buf *out;
};

static struct err *put(const struct value *v, const char *text)
{
	return buf_append(v->out, text, strlen(text));
}

/* ---- strings ------------------------------------------------------------- */

/* From Go 1.23 on, lines after the first are indented
 * (runtime/error.go:printindented). Of its shape, that release has the timers
 * of channels. */
static struct err *put_string_at(const struct value *v, uint64_t addr)
{
	bool indented = v->rt->layout.hchan.timer.present;
	cleanup(buf_deinit) struct buf text = {};

	TRY(rt_string(v->rt, addr, &text));
	for (size_t i = 0; i < text.len; i++) {
		TRY(buf_append(v->out, &text.v[i], 1));
		if (text.v[i] == '\n' && indented)
			TRY(put(v, "\t"));
	}
	return NULL;
}

static struct err *put_type_name(const struct value *v, uint64_t type)
{
	struct type_info info;

	TRY(type_read(v->rt, type, &info));
	return type_string(v->rt, &info, v->out);
}

/* The message of the error in an interface at addr, by its method or not. */
static struct err *put_interface_at(const struct value *v, uint64_t addr);

/* ---- the runtime's errors ------------------------------------------------ */

static struct err *bounds_format(const struct value *v, uint64_t code,
				 bool negative, struct buf *out)
{
	const struct layout *l = &v->rt->layout;
	const struct variable *formats =
		negative ? &l->var.boundsNegErrorFmts : &l->var.boundsErrorFmts;
	uint64_t size = l->string.struct_size;

	if (!formats->present || code >= formats->size / size ||
	    code >= MAX_CODES)
		return err_new(ERR_FORMAT, "no such bounds error: %" PRIu64,
			       code);
	return rt_string(v->rt, formats->addr + code * size, out);
}

/* Follows runtime/error.go:boundsError.Error. */
static struct err *put_bounds_error(const struct value *v)
{
	const struct layout *l = &v->rt->layout;
	cleanup(buf_deinit) struct buf format = {};
	uint64_t x, y, is_signed, code;

	TRY(rt_field(v->rt, v->addr, &l->boundsError.x, &x));
	TRY(rt_field(v->rt, v->addr, &l->boundsError.y, &y));
	TRY(rt_field(v->rt, v->addr, &l->boundsError.is_signed, &is_signed));
	TRY(rt_field(v->rt, v->addr, &l->boundsError.code, &code));
	TRY(bounds_format(v, code, is_signed && (int64_t)x < 0, &format));
	TRY(put(v, "runtime error: "));
	for (size_t i = 0; i < format.len; i++) {
		if (format.v[i] != '%' || i + 1 == format.len)
			TRY(buf_append(v->out, &format.v[i], 1));
		else if (format.v[++i] == 'x')
			TRY(buf_printf(v->out,
				       is_signed ? "%" PRId64 : "%" PRIu64, x));
		else
			TRY(buf_printf(v->out, "%" PRIu64, y));
	}
	return NULL;
}

/* Follows runtime/error.go:TypeAssertionError.Error. */
static struct err *put_assertion_error(const struct value *v)
{
	const struct layout *l = &v->rt->layout;
	uint64_t method = v->addr + l->TypeAssertionError.missingMethod.offset;
	uint64_t wanted, concrete, asserted, len;

	TRY(rt_field(v->rt, v->addr, &l->TypeAssertionError._interface,
		     &wanted));
	TRY(rt_field(v->rt, v->addr, &l->TypeAssertionError.concrete,
		     &concrete));
	TRY(rt_field(v->rt, v->addr, &l->TypeAssertionError.asserted,
		     &asserted));
	TRY(rt_field(v->rt, method, &l->string.len, &len));
	TRY(put(v, "interface conversion: "));
	if (concrete && len) {
		TRY(put_type_name(v, concrete));
		TRY(put(v, " is not "));
		TRY(put_type_name(v, asserted));
		TRY(put(v, ": missing method "));
		return put_string_at(v, method);
	}
	if (wanted)
		TRY(put_type_name(v, wanted));
	else
		TRY(put(v, "interface"));
	TRY(put(v, " is "));
	if (concrete)
		TRY(put_type_name(v, concrete));
	else
		TRY(put(v, "nil"));
	TRY(put(v, ", not "));
	return put_type_name(v, asserted);
}

static struct err *put_runtime_string(const struct value *v)
{
	TRY(put(v, "runtime error: "));
	return put_string_at(v, v->addr);
}

static struct err *put_nil_error(const struct value *v)
{
	return put(v, "panic called with nil argument (use "
		      "GODEBUG=panicnil=1 to disable)");
}

/* ---- the library's ------------------------------------------------------- */

/* A string that the value begins with is the message. */
static struct err *put_first_string(const struct value *v)
{
	return put_string_at(v, v->addr);
}

/* io/fs/fs.go:PathError, os/error.go:SyscallError: strings, then an error. */
static struct err *put_path_error(const struct value *v)
{
	uint64_t size = v->rt->layout.string.struct_size;

	TRY(put_string_at(v, v->addr));
	TRY(put(v, " "));
	TRY(put_string_at(v, v->addr + size));
	TRY(put(v, ": "));
	return put_interface_at(v, v->addr + 2 * size);
}

static struct err *put_syscall_error(const struct value *v)
{
	TRY(put_string_at(v, v->addr));
	TRY(put(v, ": "));
	return put_interface_at(v, v->addr + v->rt->layout.string.struct_size);
}

/* errors/join.go:joinError: a line each. */
static struct err *put_join_error(const struct value *v)
{
	uint64_t size = 2u * v->rt->arch->ptr_size;
	struct go_slice errors;

	TRY(rt_slice(v->rt, v->addr, MAX_JOINED, &errors));
	for (uint64_t i = 0; i < errors.len; i++) {
		if (i)
			TRY(put(v, "\n\t"));
		TRY(put_interface_at(v, errors.addr + i * size));
	}
	return NULL;
}

/* syscall/syscall_unix.go:Errno.Error. */
static struct err *put_errno(const struct value *v)
{
	const struct layout *l = &v->rt->layout;
	const struct variable *texts = &l->var.syscall_errors;
	uint64_t size = l->string.struct_size, number, len;

	TRY(rt_ptr(v->rt, v->addr, &number));
	if (texts->present && number < texts->size / size) {
		uint64_t text = texts->addr + number * size;

		TRY(rt_field(v->rt, text, &l->string.len, &len));
		if (len)
			return put_string_at(v, text);
	}
	return buf_printf(v->out, "errno %" PRIu64, number);
}

static const struct {
	const char *type;
	struct err *(*put)(const struct value *v);
} known_errors[] = {
	{ "runtime.boundsError", put_bounds_error },
	{ "runtime.errorString", put_runtime_string },
	{ "runtime.errorAddressString", put_runtime_string },
	{ "runtime.plainError", put_first_string },
	{ "runtime.plainErrorString", put_first_string },
	{ "*runtime.TypeAssertionError", put_assertion_error },
	{ "*runtime.PanicNilError", put_nil_error },
	{ "*errors.errorString", put_first_string },
	{ "*errors.joinError", put_join_error },
	{ "*fmt.wrapError", put_first_string },
	{ "*fmt.wrapErrors", put_first_string },
	{ "*fs.PathError", put_path_error },
	{ "*os.SyscallError", put_syscall_error },
	{ "syscall.Errno", put_errno },
};

/* ---- numbers ------------------------------------------------------------- */

/* Whether that many digits tell f, of so many bytes, from all others. */
static bool tells(const char *text, double f, uint64_t size)
{
	return size == sizeof(float) ? strtof(text, NULL) == (float)f
				     : strtod(text, NULL) == f;
}

/* From Go 1.26 on: strconv.AppendFloat(f, 'g', -1). */
static struct err *put_shortest(const struct value *v, double f, uint64_t size)
{
	char text[32];
	int digits = 0;

	do
		snprintf(text, sizeof(text), "%.*e", digits, f);
	while (!tells(text, f, size) && ++digits < 17);
	int exponent = atoi(strchr(text, 'e') + 1);
	if (exponent < -4 || exponent >= 6)
		return put(v, text);
	return buf_printf(v->out, "%.*f",
			  digits > exponent ? digits - exponent : 0, f);
}

/* Up to Go 1.25: runtime/print.go:printfloat. */
static struct err *put_float(const struct value *v, double f, uint64_t size)
{
	char text[32];

	if (isnan(f))
		return put(v, "NaN");
	if (isinf(f))
		return put(v, f > 0 ? "+Inf" : "-Inf");
	if (v->rt->layout.konst.float64Bytes.present)
		return put_shortest(v, f, size);
	snprintf(text, sizeof(text), "%+.6e", f);
	char *e = strchr(text, 'e');
	int exponent = atoi(e + 1);
	*e = 0;
	return buf_printf(v->out, "%se%c%03d", text, exponent < 0 ? '-' : '+',
			  abs(exponent));
}

static struct err *read_float(const struct value *v, uint64_t addr,
			      uint64_t size, double *out)
{
	uint64_t bits;
	uint32_t half;
	float f;

	TRY(cache_read_uint(&v->rt->cache, addr, (unsigned int)size, &bits));
	if (size == sizeof(bits)) {
		memcpy(out, &bits, sizeof(bits));
		return NULL;
	}
	half = (uint32_t)bits;
	memcpy(&f, &half, sizeof(f));
	*out = (double)f;
	return NULL;
}

static struct err *put_number(const struct value *v)
{
	const struct layout *l = &v->rt->layout;
	int64_t kind = v->type.kind;
	uint64_t bits, size = v->type.size;
	double real, imag;

	if (kind >= l->konst.KindComplex64.value) {
		TRY(read_float(v, v->addr, size / 2, &real));
		TRY(read_float(v, v->addr + size / 2, size / 2, &imag));
		TRY(put(v, "("));
		TRY(put_float(v, real, size / 2));
		TRY(put_float(v, imag, size / 2));
		return put(v, "i)");
	}
	if (kind >= l->konst.KindFloat32.value) {
		TRY(read_float(v, v->addr, size, &real));
		return put_float(v, real, size);
	}
	TRY(cache_read_uint(&v->rt->cache, v->addr, (unsigned int)size, &bits));
	if (kind == l->konst.KindBool.value)
		return put(v, bits ? "true" : "false");
	if (kind >= l->konst.KindUint.value)
		return buf_printf(v->out, "%" PRIu64, bits);
	unsigned int unused = 64 - 8 * (unsigned int)size;
	return buf_printf(v->out, "%" PRId64,
			  (int64_t)(bits << unused) >> unused);
}

static bool is_number(const struct value *v)
{
	const struct layout *l = &v->rt->layout;

	return v->type.kind >= l->konst.KindBool.value &&
	       v->type.kind <= l->konst.KindComplex128.value &&
	       v->type.size >= 1 && v->type.size <= 16;
}

/* ---- any value ----------------------------------------------------------- */

/* Whether the value, or what it points to, is a struct that begins with a
 * string: of errors, most often what they say. */
static struct err *begins_with_string(const struct value *v, bool *out)
{
	const struct layout *l = &v->rt->layout;
	struct type_info type = v->type, first;
	struct go_slice fields;
	uint64_t elem;

	*out = false;
	if (type.kind == l->konst.KindPointer.value) {
		TRY(rt_field(v->rt, type.addr, &l->ptrtype.Elem, &elem));
		TRY(type_read(v->rt, elem, &type));
	}
	if (type.kind != l->konst.KindStruct.value || !v->addr)
		return NULL;
	TRY(rt_slice(v->rt, type.addr + l->structtype.Fields.offset, 1 << 20,
		     &fields));
	if (!fields.len)
		return NULL;
	TRY(rt_field(v->rt, fields.addr, &l->structfield.Typ, &elem));
	TRY(type_read(v->rt, elem, &first));
	*out = first.kind == l->konst.KindString.value;
	return NULL;
}

/* A type that only the program knows. The runtime has its address alone. */
static struct err *put_unknown(const struct value *v, const struct buf *name)
{
	bool text;

	TRY(buf_printf(v->out, "(%.*s) 0x%" PRIx64, (int)name->len,
		       (const char *)name->v, v->addr));
	TRY(begins_with_string(v, &text));
	if (!text)
		return NULL;
	TRY(put(v, " {\""));
	TRY(put_string_at(v, v->addr));
	return put(v, "\", ...}");
}

/* Strings and numbers, of the program's own types with the type's name. */
static struct err *put_plain(const struct value *v, const struct buf *name)
{
	const struct layout *l = &v->rt->layout;
	bool own = memchr(name->v, '.', name->len) != NULL;
	bool string = v->type.kind == l->konst.KindString.value;

	if (own)
		TRY(buf_printf(v->out, "%.*s%s", (int)name->len,
			       (const char *)name->v, string ? "(\"" : "("));
	if (string)
		TRY(put_string_at(v, v->addr));
	else
		TRY(put_number(v));
	return own ? put(v, string ? "\")" : ")") : NULL;
}

static struct err *put_value(const struct value *v)
{
	cleanup(buf_deinit) struct buf name = {};

	if (v->depth > MAX_DEPTH)
		return put(v, "...");
	TRY(type_string(v->rt, &v->type, &name));
	for (size_t i = 0; i < ARRAY_SIZE(known_errors); i++)
		if (name.len == strlen(known_errors[i].type) &&
		    !memcmp(name.v, known_errors[i].type, name.len))
			return known_errors[i].put(v);
	if (name.len && (v->type.kind == v->rt->layout.konst.KindString.value ||
			 is_number(v)))
		return put_plain(v, &name);
	return put_unknown(v, &name);
}

static struct err *append(struct runtime *rt, uint64_t type, uint64_t data,
			  unsigned int depth, struct buf *out)
{
	struct value v = { .rt = rt, .addr = data, .depth = depth, .out = out };

	if (!type)
		return put(&v, "nil");
	TRY(type_read(rt, type, &v.type));
	return put_value(&v);
}

/* An interface with methods has its type in its itab. */
static struct err *put_interface_at(const struct value *v, uint64_t addr)
{
	const struct layout *l = &v->rt->layout;
	uint64_t itab, data, type = 0;

	TRY(rt_ptr(v->rt, addr, &itab));
	TRY(rt_ptr(v->rt, addr + v->rt->arch->ptr_size, &data));
	if (itab)
		TRY(rt_field(v->rt, itab, &l->itab.Type, &type));
	return append(v->rt, type, data, v->depth + 1, v->out);
}

struct err *panic_value_append(struct runtime *rt, uint64_t type, uint64_t data,
			       struct buf *out)
{
	return append(rt, type, data, 0, out);
}
