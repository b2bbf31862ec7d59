#include "executor/docker/output.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

#define LOG_NAME "log"

static void on_masked(void *arg, const char *data, size_t len)
{
	struct docker_stream *s = arg;

	crilog_add(&s->output->log, s->which, data, len);
}

int docker_output_open(struct docker_output *o, const char *dir, const char *const *secrets,
                       struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/" LOG_NAME, dir);
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int rc;

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	*o = (struct docker_output){ .mask = mask_new(secrets) };
	crilog_init(&o->log, fd);
	for (int i = 0; i < 2; i++) {
		struct docker_stream *s = &o->stream[i];

		s->output = o;
		s->which = (enum crilog_stream)i;
		s->masked = MASK_STREAM_INIT(o->mask, on_masked, s);
	}
	rc = crilog_go_on(&o->log);
	if (rc < 0) {
		struct error ignored;

		(void)!docker_output_close(o, &ignored);
		return error_sys(err, rc, "cannot read '%s'", path);
	}
	return 0;
}

/* The head of a frame, which may come in pieces too; returns how many bytes of `data` it took. */
static size_t take_head(struct docker_output *o, const unsigned char *data, size_t len)
{
	size_t want = sizeof o->head - o->head_len;
	size_t n = len < want ? len : want;
	uint32_t size;

	memcpy(o->head + o->head_len, data, n);
	o->head_len += n;
	if (o->head_len == sizeof o->head) {
		memcpy(&size, o->head + 4, sizeof size);
		o->frame_left = be32toh(size);
	}
	return n;
}

int docker_output_feed(struct docker_output *o, const void *data, size_t len, struct error *err)
{
	const unsigned char *p = data;
	int rc;

	crilog_now(&o->log);
	while (len > 0) {
		size_t n;

		if (o->frame_left == 0) {
			n = take_head(o, p, len);
			if (o->head_len == sizeof o->head) {
				o->head_len = 0;
				if (o->head[0] != 1 && o->head[0] != 2)
					return error_set(err, SLUICE_REMOTE,
					                 "what the daemon sends is no output of "
					                 "a container");
			}
		} else {
			n = len < o->frame_left ? len : (size_t)o->frame_left;
			mask_feed(&o->stream[o->head[0] - 1].masked, (const char *)p, n);
			o->frame_left -= n;
		}
		p += n;
		len -= n;
	}
	rc = crilog_flush(&o->log);
	return rc < 0 ? error_sys(err, rc, "cannot write the log") : 0;
}

void docker_output_say(struct docker_output *o, const char *text)
{
	struct mask_stream *masked = &o->stream[CRILOG_STDERR].masked;

	crilog_now(&o->log);
	mask_feed(masked, text, strlen(text));
	mask_feed(masked, "\n", 1);
}

int docker_output_close(struct docker_output *o, struct error *err)
{
	int rc;

	crilog_now(&o->log);
	for (int i = 0; i < 2; i++) {
		mask_end(&o->stream[i].masked);
		crilog_end(&o->log, (enum crilog_stream)i);
	}
	rc = crilog_flush(&o->log);
	if (close(o->log.fd) != 0 && rc == 0)
		rc = -errno;
	crilog_release(&o->log);
	mask_free(o->mask);
	return rc < 0 ? error_sys(err, rc, "cannot write the log") : 0;
}
