/*
 * What a container uses, as the daemon tells it once a second while it runs: for those whose cgroup
 * is not ours to read.  What one used in its last moments is not known, and of one that is over at
 * once nothing is.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "executor/docker/life.h"

enum { LINE_MAX_LEN = 1 << 20 };

static void keep_most(uint64_t *most, int64_t value)
{
	if (value > 0 && (uint64_t)value > *most)
		*most = (uint64_t)value;
}

/* "Read" and "Write" on cgroup version 1, and "read" and "write" on 2; of each disk. */
static uint64_t bytes_of(const cJSON *disks, char op)
{
	uint64_t sum = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, disks)
	{
		const char *name = json_str(item, "op");

		if (name && (name[0] | 0x20) == op)
			sum += (uint64_t)json_int(item, "value", 0);
	}
	return sum;
}

/* The last one, when it has ended, is all zeros. */
static void take_line(struct attempt *a, const char *line, size_t len)
{
	AUTO_JSON cJSON *doc = NULL;
	struct attempt_result *r = &a->result;
	const cJSON *memory, *disks;
	struct error ignored;

	if (len == 0 || json_parse(line, len, "stats", &doc, &ignored) < 0)
		return;
	memory = json_obj(doc, "memory_stats");
	disks = json_arr(json_obj(doc, "blkio_stats"), "io_service_bytes_recursive");
	keep_most(&r->cpu_ns,
	          json_int(json_obj(json_obj(doc, "cpu_stats"), "cpu_usage"), "total_usage", 0));
	keep_most(&r->peak_bytes, json_int(memory, "usage", 0));
	keep_most(&r->peak_bytes, json_int(memory, "max_usage", 0));
	keep_most(&r->read_bytes, (int64_t)bytes_of(disks, 'r'));
	keep_most(&r->written_bytes, (int64_t)bytes_of(disks, 'w'));
}

static int on_stats(void *arg, const void *data, size_t len, struct error *err)
{
	struct attempt *a = arg;
	struct strbuf *line = &a->stats_line;

	(void)err;
	for (const char *p = data; len > 0;) {
		const char *end = memchr(p, '\n', len);
		size_t n = end ? (size_t)(end - p) : len;

		strbuf_add(line, p, n);
		if (end) {
			take_line(a, strbuf_str(line), line->len);
			strbuf_clear(line);
			n++;
		}
		p += n;
		len -= n;
	}
	return 0;
}

/* Nothing is lost but figures. */
static void on_stats_end(void *arg, const char *text, const struct error *err)
{
	struct attempt *a = arg;

	(void)text;
	(void)err;
	a->pending--;
	a->stats_request = NULL;
	docker_settle(a);
}

void docker_watch_stats(struct attempt *a)
{
	const struct docker_hooks hooks = { .on_body = on_stats, .on_done = on_stats_end };

	a->stats_line = STRBUF_INIT(LINE_MAX_LEN);
	a->stats_request = docker_ask_long(a, "GET", "/stats?stream=1", &hooks);
}
