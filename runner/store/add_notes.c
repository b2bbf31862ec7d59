#include <fcntl.h>
#include <sys/stat.h>

#include "store/adding.h"

/* The order of the walk is that of the notes. */
void adding_find_notes(struct add *add)
{
	for (size_t i = 0; i < add->n; i++)
		if (add->file[i].e.kind == 'f')
			add->file[i].was = seen_find(&add->seen, adding_path(add, &add->file[i]));
}

/* A link on the way cannot mislead: the inode is the one that was read. */
bool adding_is_as_noted(const struct add *add, struct add_file *f)
{
	struct seen_fixed was;
	struct store_entry e = { .path = f->e.path };
	struct stat st;

	if (!f->was || fstatat(add->root, adding_path(add, f), &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	was = seen_at(&add->seen, f->was);
	e.kind = was.kind;
	e.size = was.size;
	e.digest = was.digest;
	if (!seen_is_same(&was, &st) || !object_is_there(add->store, &e))
		return false;
	f->e = e;
	f->now = was;
	f->noted = f->same = true;
	f->setid = st.st_mode & (S_ISUID | S_ISGID);
	return true;
}

static void write_notes(const struct add *add)
{
	struct seen_writer *w = seen_begin(add->store);

	for (size_t i = 0; w && i < add->n; i++) {
		struct add_file *f = &add->file[i];

		if (!f->noted)
			continue;
		f->now.digest = f->e.digest;
		f->now.kind = f->e.kind;
		seen_add(w, &f->now, adding_path(add, f));
	}
	if (w)
		seen_end(w, add->real);
}

void adding_note(const struct add *add)
{
	size_t noted = 0;
	size_t same = 0;

	for (size_t i = 0; i < add->n; i++) {
		noted += add->file[i].noted;
		same += add->file[i].same;
	}
	if (noted == same && same == add->seen.n && seen_is_at_end(&add->seen))
		seen_touch(add->store, add->real);
	else
		write_notes(add);
}
