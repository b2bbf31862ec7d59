#include "executor/shim/life.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "executor/bundle.h"

#define ROOM_NAME ".tmp-exit"

enum { ROOM = 8 * 1024 }; /* as much as an error's text takes with each character escaped */

static uint64_t start_time(const char *pid)
{
	enum { START_TIME_FIELD = 22 };
	AUTO_STRBUF struct strbuf stat = STRBUF_INIT(RECORD_TEXT_MAX);
	char path[32];
	const char *p;

	if (snprintf(path, sizeof path, "/proc/%.16s/stat", pid) < 0 ||
	    io_read_file(AT_FDCWD, path, &stat) < 0)
		return 0;
	p = strrchr(strbuf_str(&stat), ')'); /* ends field 2, which may hold anything */
	for (int field = 2; p && field < START_TIME_FIELD; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static int put_new(int dirfd, const struct shim_record *r)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);

	shim_record_format(r, &text);
	return io_put_new_file_fast(dirfd, SHIM_RECORD_NAME, text.buf, text.len, 0644);
}

void shim_know_thyself(struct shim_record *ret_record)
{
	char pid[16] = "";

	/* A proc file system counts as the namespace does that it was mounted in. */
	(void)!readlink("/proc/self", pid, sizeof pid - 1);
	*ret_record = (struct shim_record){ .start_time = start_time("self") };
	(void)parse_u64(pid, INT32_MAX, &ret_record->pid);
	clock_boot_id(ret_record->boot);
}

int shim_claim(int dirfd, const struct shim_record *self, struct error *err)
{
	int rc = put_new(dirfd, self);

	if (rc == -EEXIST)
		return error_set(err, SLUICE_EXISTS, "another runner has given the attempt up");
	return rc < 0 ? error_sys(err, rc, "cannot write '%s'", SHIM_RECORD_NAME) : 0;
}

int shim_make_room(int dirfd)
{
	int fd = openat(dirfd, ROOM_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	                0644);

	if (fd < 0 || fallocate(fd, 0, 0, ROOM) == 0)
		return fd;
	(void)close(fd);
	(void)unlinkat(dirfd, ROOM_NAME, 0);
	return -1;
}

int shim_put_end(int dirfd, int room, const struct exit_record *record)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	int rc;

	exit_record_format(record, &text);
	if (room < 0)
		return io_put_file_fast(dirfd, EXIT_RECORD_NAME, text.buf, text.len, 0644);
	rc = io_write_all(room, text.buf, text.len);
	if (rc == 0 && (ftruncate(room, (off_t)text.len) != 0 ||
	                renameat(dirfd, ROOM_NAME, dirfd, EXIT_RECORD_NAME) != 0))
		rc = -errno;
	return rc;
}

/* The record that is there, or one that bars the attempt. */
static int read_or_bar(int dirfd, struct shim_record *ret_record, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	const struct shim_record bar = { .pid = 0 };
	int rc = io_read_file(dirfd, SHIM_RECORD_NAME, &text);

	*ret_record = bar;
	if (rc == -ENOENT) {
		rc = put_new(dirfd, &bar);
		if (rc < 0 && rc != -EEXIST)
			return error_sys(err, rc, "cannot write '%s'", SHIM_RECORD_NAME);
		if (rc == -EEXIST) /* a shim was faster */
			rc = io_read_file(dirfd, SHIM_RECORD_NAME, &text);
	}
	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s'", SHIM_RECORD_NAME);
	/* It appears whole: what is none was torn by a power cut, and its shim is of another boot.
	 */
	if (text.len > 0 && shim_record_parse(text.buf, ret_record, err) < 0)
		*ret_record = bar;
	if (strncmp(ret_record->cgroup, CGROUP_PARENT "/", strlen(CGROUP_PARENT "/")) != 0)
		*ret_record = bar;
	return 0;
}

int shim_find(int dirfd, enum shim_life *ret_life, struct shim_record *ret_record, int *ret_pidfd,
              struct error *err)
{
	char boot[37], pid[24];
	int fd;
	int rc = read_or_bar(dirfd, ret_record, err);

	if (rc < 0)
		return rc;
	clock_boot_id(boot);
	*ret_life = SHIM_NONE;
	if (ret_record->pid == 0 || strcmp(boot, ret_record->boot) != 0)
		return 0;
	*ret_life = SHIM_ENDED;
	fd = pidfd_open((pid_t)ret_record->pid, 0); /* close-on-exec by itself */
	if (fd < 0)
		return errno == ESRCH ? 0
		                      : error_sys(err, errno, "cannot reach process %d",
		                                  (int)ret_record->pid);
	/* Checked after it is open: it cannot become another one any more. */
	(void)snprintf(pid, sizeof pid, "%" PRIu64, ret_record->pid);
	if (start_time(pid) != ret_record->start_time) {
		(void)close(fd);
		return 0;
	}
	*ret_life = SHIM_ALIVE;
	*ret_pidfd = fd;
	return 0;
}
