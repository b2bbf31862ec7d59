#include "loop/tail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "loop/work.h"

enum {
	TAIL_BUFFER = 64 * 1024, /* the shim's longest line is a quarter of it */
	TAIL_TURN = 16,          /* buffers read before the loop gets its turn */
};

struct tail {
	uv_fs_event_t watch;
	uv_idle_t more; /* runs while there is more to read than one turn may take */
	struct tail_hooks hooks;
	char *path;
	int fd;
	bool finishing;
	int open_handles;
	size_t used;
	char buf[TAIL_BUFFER];
};

bool tail_parse(const char *line, size_t len, struct tail_line *ret_line)
{
	const char *end = line + len;
	const char *stream = memchr(line, ' ', len);
	const char *tag = stream ? memchr(stream + 1, ' ', (size_t)(end - stream - 1)) : NULL;

	if (!tag || end - tag < 3 || tag[2] != ' ')
		return false;
	*ret_line = (struct tail_line){
		.time = line,
		.time_len = (size_t)(stream - line),
		.is_stderr = tag - stream == 7 && memcmp(stream + 1, "stderr", 6) == 0,
		.partial = tag[1] == 'P',
		.text = tag + 3,
		.len = (size_t)(end - tag - 3),
	};
	return true;
}

static void emit_lines(struct tail *t)
{
	char *from = t->buf;
	char *end = t->buf + t->used;
	char *nl;

	while ((nl = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		struct tail_line line;

		if (tail_parse(from, (size_t)(nl - from), &line))
			t->hooks.on_line(t->hooks.arg, &line);
		from = nl + 1;
	}
	if (from == t->buf && t->used == sizeof t->buf)
		from = end; /* not a line of ours: drop it rather than stop */
	t->used = (size_t)(end - from);
	memmove(t->buf, from, t->used);
}

static void on_closed(uv_handle_t *h)
{
	struct tail *t = h->data;

	if (--t->open_handles > 0)
		return;
	if (t->hooks.on_end)
		t->hooks.on_end(t->hooks.arg);
	free(t->path);
	free(t);
}

static void close_all(struct tail *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	uv_close((uv_handle_t *)&t->watch, on_closed);
	uv_close((uv_handle_t *)&t->more, on_closed);
}

/* True when it has come to the end of what is there. */
static bool read_turn(struct tail *t)
{
	if (t->fd < 0)
		t->fd = open(t->path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; t->fd >= 0 && i < TAIL_TURN; i++) {
		ssize_t n = read(t->fd, t->buf + t->used, sizeof t->buf - t->used);

		if (n <= 0)
			return true;
		t->used += (size_t)n;
		emit_lines(t);
	}
	return t->fd < 0;
}

static void on_more(uv_idle_t *idle)
{
	struct tail *t = container_of(idle, struct tail, more);

	if (!read_turn(t))
		return;
	(void)uv_idle_stop(&t->more);
	if (t->finishing)
		close_all(t);
}

static void on_change(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct tail *t = container_of(watch, struct tail, watch);

	(void)name;
	(void)events;
	(void)status;
	(void)uv_idle_start(&t->more, on_more);
}

struct tail *tail_start(uv_loop_t *loop, const char *path, const struct tail_hooks *hooks)
{
	struct tail *t = xcalloc(1, sizeof *t);
	AUTO_FREE char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	t->hooks = *hooks;
	t->path = xstrdup(path);
	t->fd = -1;
	t->open_handles = 2;
	t->watch.data = t->more.data = t;
	(void)uv_fs_event_init(loop, &t->watch);
	(void)uv_idle_init(loop, &t->more);
	if (slash)
		*slash = '\0';
	/* The directory, because the file may not be there yet.  Where no watch is to be had, the
	 * lines come at the end. */
	(void)uv_fs_event_start(&t->watch, on_change, slash ? dir : ".", 0);
	(void)uv_idle_start(&t->more, on_more);
	return t;
}

void tail_finish(struct tail *tail)
{
	tail->finishing = true;
	(void)uv_idle_start(&tail->more, on_more);
}
