#include "executor/crilog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"

static const char *const stream_name[] = {
	[CRILOG_STDOUT] = " stdout ",
	[CRILOG_STDERR] = " stderr ",
};

enum {
	STREAM_NAME_LEN = 8,
	SECONDS_LEN = 19, /* of "2026-11-23T20:27:00" */
	LINE_OVERHEAD = CRILOG_STAMP + STREAM_NAME_LEN + 3,
};

void crilog_init(struct crilog *log, int fd)
{
	*log = (struct crilog){ .fd = fd, .stamp_second = -1 };
	log->buf = xmalloc(CRILOG_BUFFER);
	log->open[0] = xmalloc(CRILOG_LINE_MAX);
	log->open[1] = xmalloc(CRILOG_LINE_MAX);
	crilog_now(log);
}

void crilog_release(struct crilog *log)
{
	free(log->buf);
	free(log->open[0]);
	free(log->open[1]);
	*log = (struct crilog){ .fd = -1 };
}

/* Counts a line, if it is whole. */
static bool count_line(struct crilog *log, const char *line, size_t len)
{
	const char *name = strchr(line, ' ');

	if (len == 0 || line[len - 1] != '\n')
		return false;
	for (int i = 0; i < 2 && name; i++)
		if (strncmp(name, stream_name[i], STREAM_NAME_LEN) == 0)
			log->skip[i]++;
	return true;
}

int crilog_go_on(struct crilog *log)
{
	int fd = fcntl(log->fd, F_DUPFD_CLOEXEC, 3);
	AUTO_FILE FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	off_t whole = 0;
	ssize_t n;

	if (!f)
		return -errno;
	rewind(f);
	while ((n = getline(&line, &cap, f)) > 0 && count_line(log, line, (size_t)n))
		whole += n;
	if (ferror(f) || ftruncate(log->fd, whole) != 0)
		return -errno;
	return 0;
}

void crilog_now(struct crilog *log)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != log->stamp_second) {
		struct tm tm = { 0 };

		(void)gmtime_r(&ts.tv_sec, &tm);
		(void)strftime(log->stamp, sizeof log->stamp, "%Y-%m-%dT%H:%M:%S", &tm);
		log->stamp_second = ts.tv_sec;
	}
	log->stamp_len = SECONDS_LEN;
	log->stamp_len += (size_t)snprintf(log->stamp + SECONDS_LEN, CRILOG_STAMP - SECONDS_LEN,
	                                   ".%09ldZ", ts.tv_nsec);
}

int crilog_flush(struct crilog *log)
{
	if (log->len > 0 && log->error == 0)
		log->error = io_write_all(log->fd, log->buf, log->len);
	log->len = 0;
	return log->error;
}

static void put(struct crilog *log, const char *data, size_t len)
{
	if (len > 0)
		memcpy(log->buf + log->len, data, len);
	log->len += len;
}

/* One line of the file: what the stream had begun, and TEXT. */
static void put_line(struct crilog *log, enum crilog_stream stream, char tag, const char *text,
                     size_t len)
{
	const char middle[2] = { tag, ' ' };

	if (log->skip[stream] > 0) {
		log->skip[stream]--;
		log->open_len[stream] = 0;
		return;
	}
	if (LINE_OVERHEAD + log->open_len[stream] + len > CRILOG_BUFFER - log->len)
		(void)crilog_flush(log);
	put(log, log->stamp, log->stamp_len);
	put(log, stream_name[stream], STREAM_NAME_LEN);
	put(log, middle, sizeof middle);
	put(log, log->open[stream], log->open_len[stream]);
	put(log, text, len);
	put(log, "\n", 1);
	log->open_len[stream] = 0;
}

/*
 * A full part goes out only when more of its line is there, so that the last part of a line
 * always has the tag F.
 */
void crilog_add(struct crilog *log, enum crilog_stream stream, const char *data, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(data, '\n', len);
		size_t part = newline ? (size_t)(newline - data) : len;
		size_t room = CRILOG_LINE_MAX - log->open_len[stream];

		if (part > room) {
			put_line(log, stream, 'P', data, room);
			data += room;
			len -= room;
			continue;
		}
		if (!newline) {
			memcpy(log->open[stream] + log->open_len[stream], data, part);
			log->open_len[stream] += part;
			return;
		}
		put_line(log, stream, 'F', data, part);
		data += part + 1;
		len -= part + 1;
	}
}

void crilog_end(struct crilog *log, enum crilog_stream stream)
{
	if (log->open_len[stream] > 0)
		put_line(log, stream, 'P', "", 0);
}
