#include "executor/works.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { NOTE_MAX = 16 * 1024 };

static void add_program(struct strbuf *note, const char *path)
{
	struct stat st = { 0 };

	(void)stat(path, &st);
	strbuf_addf(note, "%s %" PRId64 ".%ld ", path, (int64_t)st.st_mtim.tv_sec,
	            st.st_mtim.tv_nsec);
}

/* Differs whenever the answer may. */
static void make_note(const struct works *w, struct strbuf *ret_note)
{
	char boot[37];

	for (size_t i = 0; i < sizeof w->programs / sizeof *w->programs; i++)
		if (w->programs[i])
			add_program(ret_note, w->programs[i]);
	clock_boot_id(boot);
	strbuf_addf(ret_note, "%s\n", boot);
}

bool works_is_known(const struct works *w)
{
	AUTO_FREE char *path = xasprintf("%s/tmp/%s" WORKS_SUFFIX, w->home, w->name);
	AUTO_STRBUF struct strbuf note = STRBUF_INIT(NOTE_MAX);
	AUTO_STRBUF struct strbuf known = STRBUF_INIT(NOTE_MAX);

	make_note(w, &note);
	return io_read_file(AT_FDCWD, path, &known) == 0 &&
	       strcmp(strbuf_str(&known), strbuf_str(&note)) == 0;
}

void works_note(const struct works *w)
{
	AUTO_FREE char *tmp = xasprintf("%s/tmp", w->home);
	AUTO_FREE char *name = xasprintf("%s" WORKS_SUFFIX, w->name);
	AUTO_STRBUF struct strbuf note = STRBUF_INIT(NOTE_MAX);
	AUTO_FD int tmpfd = -1;

	make_note(w, &note);
	if (io_mkdirs(tmp, 0755) < 0)
		return;
	tmpfd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tmpfd >= 0)
		(void)!io_put_file_fast(tmpfd, name, note.buf, note.len, 0644);
}
