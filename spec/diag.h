/*
 * What is wrong with a document: a bounded list, put in order of place at the end.
 *
 *	diags_init(&d, &arena);
 *	diag_error(&d, place, diag_near(...) or a constant or NULL, "no job is named '%s'",
 *	           diag_show(&d, name));
 *	list = diags_finish(&d, &n);
 */
#ifndef SPEC_DIAG_H
#define SPEC_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/near.h"
#include "spec/spec.h"

struct arena;

enum {
	DIAGS_MAX = 1000,         /* kept; one more says how many there were besides */
	DIAGS_WARNINGS_MAX = 500, /* of them, so that warnings can't push out the errors */
};

struct place {
	struct spec_mark at;
	uint32_t width;
};

struct diags {
	struct arena *arena; /* kept; messages and hints live there */
	struct spec_diag *list;
	size_t n, capacity;
	size_t n_errors, n_warnings; /* found, kept or not */
	size_t near_left;            /* how many names may still be compared, over all */
};

void diags_init(struct diags *d, struct arena *arena /* kept */);

/* HINT is kept and may be NULL. */
void diag_error(struct diags *d, struct place at, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void diag_warning(struct diags *d, struct place at, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Would an error be kept?  If not, there is no use in looking for a good hint. */
bool diags_has_room(const struct diags *d);

/* Text in the document's arena; never NULL. */
const char *diag_text(struct diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Untrusted text for a person to read: control characters as \xNN, cut when it is long. */
const char *diag_show(struct diags *d, const char *text);

/* Offers a known name, unless the document has had its share of comparisons. */
void diag_near_offer(struct diags *d, struct near *near, const char *known);

/* "did you mean 'BEST'?", or NULL if nothing was near enough. */
const char *diag_near(struct diags *d, const struct near *near);

/* Sorts, adds the one about those left out, and hands out the list (it lives in the arena). */
const struct spec_diag *diags_finish(struct diags *d, size_t *ret_n);

#endif
