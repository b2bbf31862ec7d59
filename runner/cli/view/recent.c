#include "cli/view/recent.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

/* Of two lines of a shim, the longest there are, at least one is whole in it. */
enum { WINDOW = 48 * 1024 };

/* Where the last `most` lines of what ends in a newline begin. */
static const char *last_lines(const char *buf, size_t len, size_t most)
{
	const char *from = buf + len;

	while (most-- > 0 && from > buf) {
		const char *nl = memrchr(buf, '\n', (size_t)(from - 1 - buf));

		from = nl ? nl + 1 : buf;
	}
	return from;
}

static size_t emit(const char *from, const char *end, recent_line_fn *fn, void *arg)
{
	size_t n = 0;

	while (from < end) {
		const char *nl = memchr(from, '\n', (size_t)(end - from));
		struct tail_line line;

		if (tail_parse(from, (size_t)(nl - from), &line)) {
			fn(arg, &line);
			n++;
		}
		from = nl + 1;
	}
	return n;
}

/* What has been added, or the end of it: up to the last newline, from the first that is known to
 * follow one.  Returns its length, and where in the file it begins. */
static size_t read_window(const struct recent *r, const char *path, char *buf, int64_t *ret_begin)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int64_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	int64_t begin = size - r->at > WINDOW ? size - WINDOW : r->at;
	ssize_t n = fd < 0 ? 0 : pread(fd, buf, WINDOW, begin);
	const char *end = n > 0 ? memrchr(buf, '\n', (size_t)n) : NULL;
	size_t torn = 0;

	if (!end)
		return 0;
	if (begin > r->at)
		torn = (size_t)((const char *)memchr(buf, '\n', (size_t)n) + 1 - buf);
	n = end + 1 - buf;
	memmove(buf, buf + torn, (size_t)n - torn);
	*ret_begin = begin + (int64_t)torn;
	return (size_t)n - torn;
}

size_t recent_read(struct recent *r, const char *path, size_t most, recent_line_fn *fn, void *arg)
{
	AUTO_FREE char *buf = NULL;
	struct stat st;
	const char *from;
	int64_t begin;
	size_t len;

	r->skipped = 0;
	if (stat(path, &st) != 0 || st.st_size <= r->at)
		return 0;
	buf = xmalloc(WINDOW);
	len = read_window(r, path, buf, &begin);
	if (len == 0)
		return 0;
	from = last_lines(buf, len, most);
	r->skipped = begin + (from - buf) - r->at;
	r->at = begin + (int64_t)len;
	return emit(from, buf + len, fn, arg);
}
