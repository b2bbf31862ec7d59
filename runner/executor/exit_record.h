/*
 * The two small files that a shim leaves in an attempt's directory, read and written here alone:
 *
 *	shim.json   which process the shim is and which cgroup its container has, from its start on
 *	exit.json   how the container ended, once it has
 *
 * Each is one line, a flat JSON object.  Pure, and free of cJSON: the shim is built of this too.
 * A runner may be newer or older than the shim: unknown members are skipped, and those that came
 * later may be missing.
 */
#ifndef EXECUTOR_EXIT_RECORD_H
#define EXECUTOR_EXIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

#define EXIT_RECORD_NAME "exit.json"
#define SHIM_RECORD_NAME "shim.json"

enum { RECORD_TEXT_MAX = 16 * 1024, RECORD_ERROR_MAX = 1024 };

struct exit_record {
	char end[16]; /* "exited", "signaled" or "error" */
	int64_t exit_code, signal;
	bool oom, sealed; /* as in struct attempt_result */
	uint64_t cpu_ns, peak_bytes, read_bytes, written_bytes;
	int64_t started_ms, finished_ms;
	char error[RECORD_ERROR_MAX];
};

/* A pid says nothing by itself: it is valid with its start time, within its boot. */
struct shim_record {
	uint64_t pid;
	uint64_t start_time; /* field 22 of /proc/PID/stat */
	char boot[40];
	char cgroup[128]; /* "/sluice/ID" */
};

void exit_record_format(const struct exit_record *r, struct strbuf *ret_text);
int exit_record_parse(const char *text, struct exit_record *ret_r, struct error *err) MUST_USE;

void shim_record_format(const struct shim_record *r, struct strbuf *ret_text);
int shim_record_parse(const char *text, struct shim_record *ret_r, struct error *err) MUST_USE;

#endif
