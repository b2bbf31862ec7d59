#include "spec/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/arena.h"
#include "spec/utf8.h"

enum {
	MESSAGE_MAX = 1024,
	SHOW_MAX = 60,            /* characters of untrusted text in a message */
	NEAR_BUDGET = 200 * 1000, /* comparisons per document: about 50 ms */
};

void diags_init(struct diags *d, struct arena *arena)
{
	*d = (struct diags){ .arena = arena, .near_left = NEAR_BUDGET };
}

bool diags_has_room(const struct diags *d)
{
	return d->n < DIAGS_MAX;
}

static __attribute__((format(printf, 2, 0))) const char *text_of(struct arena *arena,
                                                                 const char *fmt, va_list ap)
{
	char buf[MESSAGE_MAX];
	int len = vsnprintf(buf, sizeof(buf), fmt, ap);
	const char *text = NULL;

	if (len < 0)
		return "";
	text = arena_text(arena, buf, strlen(buf));
	return text ? text : "";
}

static bool reserve(struct diags *d)
{
	size_t capacity = d->capacity ? 2 * d->capacity : 8;
	struct spec_diag *list = NULL;

	if (d->n < d->capacity)
		return true;
	list = arena_array(d->arena, capacity, sizeof(*list));
	if (!list)
		return false;
	if (d->n > 0)
		memcpy(list, d->list, d->n * sizeof(*list));
	d->list = list;
	d->capacity = capacity;
	return true;
}

static __attribute__((format(printf, 5, 0))) void add(struct diags *d, enum spec_severity severity,
                                                      struct place at, const char *hint,
                                                      const char *fmt, va_list ap)
{
	if (!diags_has_room(d) || !reserve(d))
		return;
	d->list[d->n++] = (struct spec_diag){
		.severity = severity,
		.at = at.at,
		.width = at.width ? at.width : 1,
		.message = text_of(d->arena, fmt, ap),
		.hint = hint,
	};
}

void diag_error(struct diags *d, struct place at, const char *hint, const char *fmt, ...)
{
	va_list ap;

	d->n_errors++;
	va_start(ap, fmt);
	add(d, SPEC_ERROR, at, hint, fmt, ap);
	va_end(ap);
}

void diag_warning(struct diags *d, struct place at, const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (d->n_warnings++ >= DIAGS_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	add(d, SPEC_WARNING, at, hint, fmt, ap);
	va_end(ap);
}

const char *diag_text(struct diags *d, const char *fmt, ...)
{
	const char *text = "";
	va_list ap;

	if (!diags_has_room(d))
		return text;
	va_start(ap, fmt);
	text = text_of(d->arena, fmt, ap);
	va_end(ap);
	return text;
}

const char *diag_show(struct diags *d, const char *text)
{
	char buf[(size_t)SHOW_MAX * 10 + sizeof("...")];
	size_t used = 0, left = strlen(text);
	const char *copy = NULL;

	if (!diags_has_room(d))
		return "";
	for (unsigned shown = 0; left > 0; shown++) {
		size_t size = 0;
		uint32_t c = utf8_decode(text, left, &size);

		if (shown == SHOW_MAX) {
			used += (size_t)snprintf(buf + used, sizeof(buf) - used, "...");
			break;
		}
		if (c == UINT32_MAX || utf8_is_control(c)) {
			used += (size_t)snprintf(buf + used, sizeof(buf) - used, "\\x%02x",
			                         c == UINT32_MAX ? (unsigned char)*text : c);
		} else {
			memcpy(buf + used, text, size);
			used += size;
		}
		text += size;
		left -= size;
	}
	copy = arena_text(d->arena, buf, used);
	return copy ? copy : "";
}

void diag_near_offer(struct diags *d, struct near *near, const char *known)
{
	if (d->near_left == 0 || !diags_has_room(d))
		return;
	d->near_left--;
	near_offer(near, known);
}

const char *diag_near(struct diags *d, const struct near *near)
{
	if (!near->best)
		return NULL;
	return diag_text(d, "did you mean '%s'?", diag_show(d, near->best));
}

static int by_place(const void *left, const void *right)
{
	const struct spec_diag *a = left;
	const struct spec_diag *b = right;

	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	if (a->severity != b->severity)
		return a->severity < b->severity ? -1 : 1;
	return strcmp(a->message, b->message);
}

/* Beyond DIAGS_MAX, hence past what add() would take. */
static void add_rest(struct diags *d, size_t more)
{
	char text[80];
	const char *message = NULL;
	bool is_error = d->n == DIAGS_MAX && d->n_errors > 0;

	(void)snprintf(text, sizeof(text), "%zu more %s not shown", more,
	               more == 1 ? "problem is" : "problems are");
	message = arena_text(d->arena, text, strlen(text));
	if (!message || !reserve(d))
		return;
	d->list[d->n] = d->list[d->n - 1];
	d->list[d->n].severity = is_error ? SPEC_ERROR : SPEC_WARNING;
	d->list[d->n].message = message;
	d->list[d->n].hint = NULL;
	d->n++;
}

const struct spec_diag *diags_finish(struct diags *d, size_t *ret_n)
{
	size_t more = d->n_errors + d->n_warnings - d->n;

	if (d->n > 0)
		qsort(d->list, d->n, sizeof(*d->list), by_place);
	if (d->n > 0 && more > 0)
		add_rest(d, more);
	*ret_n = d->n;
	return d->list;
}
