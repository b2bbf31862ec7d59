#include "executor/shim/output.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { PIPE_SIZE = 1 << 20 };

void output_init(struct output *out, int log_fd)
{
	*out = (struct output){ .buf = xmalloc(OUTPUT_READ_SIZE) };
	crilog_init(&out->log, log_fd);
	for (int i = 0; i < 2; i++)
		out->stream[i] = (struct output_stream){ .all = out,
			                                 .which = (enum crilog_stream)i,
			                                 .fd = -1 };
}

static void on_masked(void *arg, const char *data, size_t len)
{
	struct output_stream *st = arg;

	crilog_add(&st->all->log, st->which, data, len);
}

void output_mask(struct output *out, const char *const *secrets)
{
	out->mask = mask_new(secrets);
	for (int i = 0; i < 2; i++)
		out->stream[i].masked = MASK_STREAM_INIT(out->mask, on_masked, &out->stream[i]);
}

int output_open(struct output *out, enum crilog_stream which)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE); /* speed only */
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	out->stream[which].fd = ends[0];
	return ends[1];
}

void output_end(struct output *out, enum crilog_stream which)
{
	struct output_stream *st = &out->stream[which];

	if (st->fd < 0)
		return;
	(void)close(st->fd);
	st->fd = -1;
	crilog_now(&out->log);
	mask_end(&st->masked);
	crilog_end(&out->log, which);
}

void output_read(struct output *out, enum crilog_stream which)
{
	struct output_stream *st = &out->stream[which];
	ssize_t n = read(st->fd, out->buf, OUTPUT_READ_SIZE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		output_end(out, which);
		return;
	}
	crilog_now(&out->log);
	mask_feed(&st->masked, out->buf, (size_t)n);
}
