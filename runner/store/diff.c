#include "store/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/internal.h"

/* --- the merge -------------------------------------------------------------------------------- */

struct side {
	struct reader *reader;
	const struct manifest_segment *segment;
	size_t at;
};

static const struct store_entry *entry_of(const struct side *s)
{
	return s->segment && s->at < s->segment->n ? &s->segment->entry[s->at] : NULL;
}

static int load(struct side *s, struct error *err)
{
	if (entry_of(s))
		return 0;
	s->at = 0;
	return reader_next(s->reader, &s->segment, err);
}

/* Where both begin a segment, and it is the same, nothing in it differs. */
static int load_both(struct side *from, struct side *to, struct error *err)
{
	if (!entry_of(from) && !entry_of(to))
		while (reader_is_same_next(from->reader, to->reader)) {
			reader_skip(from->reader);
			reader_skip(to->reader);
		}
	if (load(from, err) < 0)
		return err->class;
	return load(to, err);
}

static bool is_same(const struct store_entry *a, const struct store_entry *b)
{
	return a->kind == b->kind && a->size == b->size &&
	       memcmp(&a->digest, &b->digest, sizeof a->digest) == 0 &&
	       (a->kind != 'l' || strcmp(a->target, b->target) == 0);
}

/* Which of them comes first: what strcmp says of the paths. */
static int order_of(const struct store_entry *from, const struct store_entry *to)
{
	if (!from || !to)
		return from ? -1 : 1;
	return strcmp(from->path, to->path);
}

static int tell(const struct store_entry *from, const struct store_entry *to, int order,
                diff_fn *fn, void *arg)
{
	struct diff_change change = { .what = DIFF_CHANGED, .from = from, .to = to };

	if (order == 0)
		return is_same(from, to) ? 0 : fn(arg, &change);
	change.what = order < 0 ? DIFF_REMOVED : DIFF_ADDED;
	change.from = order < 0 ? from : NULL;
	change.to = order < 0 ? NULL : to;
	return fn(arg, &change);
}

static int merge(struct side *from, struct side *to, struct progress *progress, diff_fn *fn,
                 void *arg, struct error *err)
{
	size_t left = reader_left(from->reader) + reader_left(to->reader);

	progress_expect(progress, left);
	for (;;) {
		size_t before = left;
		const struct store_entry *a;
		const struct store_entry *b;
		int order;
		int rc = load_both(from, to, err);

		if (rc < 0)
			return rc;
		left = reader_left(from->reader) + reader_left(to->reader);
		progress_add(progress, before - left);
		a = entry_of(from);
		b = entry_of(to);
		if (!a && !b)
			return 0;
		order = order_of(a, b);
		rc = tell(a, b, order, fn, arg);
		if (rc != 0)
			return rc;
		from->at += order <= 0;
		to->at += order >= 0;
	}
}

static int diff(struct store *store, const struct digest *from, const struct digest *to,
                struct progress *progress, diff_fn *fn, void *arg, struct error *err)
{
	AUTO_READER struct reader *a = NULL;
	AUTO_READER struct reader *b = NULL;
	int rc = reader_open(store, from, &a, err);

	if (rc == 0)
		rc = reader_open(store, to, &b, err);
	if (rc < 0)
		return rc;
	return merge(&(struct side){ .reader = a }, &(struct side){ .reader = b }, progress, fn,
	             arg, err);
}

/* --- renames ---------------------------------------------------------------------------------- */

struct kept {
	enum diff_what what;
	struct store_entry from, to; /* a path of NULL: there is none; the strings are owned */
};

struct kept_list {
	struct kept *change;
	size_t n, cap;
};

static struct store_entry keep_entry(const struct store_entry *e)
{
	struct store_entry kept = { 0 };

	if (!e)
		return kept;
	kept = *e;
	kept.path = xstrdup(e->path);
	kept.target = e->target ? xstrdup(e->target) : NULL;
	return kept;
}

static void forget_entry(const struct store_entry *e)
{
	free((void *)(uintptr_t)e->path);
	free((void *)(uintptr_t)e->target);
}

static void release_kept(struct kept_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		forget_entry(&l->change[i].from);
		forget_entry(&l->change[i].to);
	}
	free(l->change);
}

static int keep(void *arg, const struct diff_change *change)
{
	struct kept_list *l = arg;

	l->change = xgrow(l->change, l->n, &l->cap, sizeof *l->change);
	l->change[l->n++] = (struct kept){
		.what = change->what,
		.from = keep_entry(change->from),
		.to = keep_entry(change->to),
	};
	return 0;
}

static const struct store_entry *subject_of(const struct kept *k)
{
	return k->to.path ? &k->to : &k->from;
}

/* Can this entry be known again by its content? */
static bool has_content(const struct store_entry *e)
{
	return e->size > 0 && e->kind != 'l' && e->kind != 'd';
}

static int compare_content(const struct kept *a, const struct kept *b)
{
	const struct store_entry *x = subject_of(a);
	const struct store_entry *y = subject_of(b);
	int order = memcmp(&x->digest, &y->digest, sizeof x->digest);

	return order ? order : (x->size > y->size) - (x->size < y->size);
}

static int by_content(const void *a, const void *b)
{
	const struct kept *x = *(struct kept *const *)a;
	const struct kept *y = *(struct kept *const *)b;
	int order = compare_content(x, y);

	return order ? order : strcmp(subject_of(x)->path, subject_of(y)->path);
}

/* Those of one kind that have content, in its order. */
static struct kept **sorted(struct kept_list *l, enum diff_what what, size_t *ret_n)
{
	struct kept **list = xcalloc(l->n + 1, sizeof *list);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->change[i].what == what && has_content(subject_of(&l->change[i])))
			list[n++] = &l->change[i];
	qsort(list, n, sizeof *list, by_content);
	*ret_n = n;
	return list;
}

/* What was added takes the old name; what was removed is then nothing. */
static void pair(struct kept *removed, struct kept *added)
{
	added->what = DIFF_RENAMED;
	added->from = removed->from;
	removed->from = (struct store_entry){ 0 };
}

static void pair_all(struct kept_list *l)
{
	size_t n_removed;
	size_t n_added;
	struct kept **removed = sorted(l, DIFF_REMOVED, &n_removed);
	struct kept **added = sorted(l, DIFF_ADDED, &n_added);

	for (size_t i = 0, j = 0; i < n_removed && j < n_added;) {
		int order = compare_content(removed[i], added[j]);

		if (order == 0)
			pair(removed[i++], added[j++]);
		else if (order < 0)
			i++;
		else
			j++;
	}
	free(removed);
	free(added);
}

static int tell_kept(const struct kept_list *l, diff_fn *fn, void *arg)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		const struct kept *k = &l->change[i];
		struct diff_change change = {
			.what = k->what,
			.from = k->from.path ? &k->from : NULL,
			.to = k->to.path ? &k->to : NULL,
		};

		if (change.from || change.to)
			rc = fn(arg, &change);
	}
	return rc;
}

int store_diff(struct store *store, const struct digest *from, const struct digest *to,
               const struct diff_how *how, diff_fn *fn, void *arg, struct error *err)
{
	struct kept_list l = { 0 };
	int rc;

	if (!(how->flags & DIFF_RENAMES))
		return diff(store, from, to, how->progress, fn, arg, err);
	rc = diff(store, from, to, how->progress, keep, &l, err);
	if (rc == 0) {
		pair_all(&l);
		rc = tell_kept(&l, fn, arg);
	}
	release_kept(&l);
	return rc;
}
