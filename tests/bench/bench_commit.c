/*
 * How long does a commit take?
 *
 *	bench_commit make DIR COUNT SIZE     fills DIR with files of random bytes
 *	bench_commit commit HOME DIR         takes DIR into the store; prints seconds
 *
 * commit.sh runs it against its peer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "store/store.h"

enum { FILES_A_FOLDER = 200, SIZE_MAX_BYTES = 1 << 30 };

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* xorshift64: the content must differ, nothing more. */
static void fill(uint64_t *buf, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		buf[i] = *state;
	}
}

static int make_file(int dir, uint64_t i, uint64_t *buf, size_t size)
{
	char path[64];

	if (i % FILES_A_FOLDER == 0) {
		(void)snprintf(path, sizeof path, "part-%04" PRIu64, i / FILES_A_FOLDER);
		if (mkdirat(dir, path, 0755) != 0)
			return -errno;
	}
	(void)snprintf(path, sizeof path, "part-%04" PRIu64 "/file-%06" PRIu64, i / FILES_A_FOLDER,
	               i);
	AUTO_FD int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : io_write_all(fd, buf, size);
}

static int make(const char *path, uint64_t count, size_t size)
{
	size_t words = size / sizeof(uint64_t) + 1;
	AUTO_FREE uint64_t *buf = xcalloc(words, sizeof *buf);
	uint64_t state = 88172645463325252;
	int rc = io_mkdirs(path, 0755);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		fill(buf, words, &state);
		rc = make_file(dir, i, buf, size);
	}
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", path, strerrordesc_np(-rc));
	return rc;
}

static int commit(const char *home, const char *path)
{
	struct store_tree_info info;
	struct store *store = NULL;
	struct error err = { 0 };
	double start = now();
	int rc = store_open(home, &store, &err);

	if (rc == 0)
		rc = store_add_tree(store, path, &(struct store_add_how){ .flags = STORE_ADOPT },
		                    &info, &err);
	if (rc == 0)
		rc = store_sync(store, &err);
	if (rc == 0)
		rc = store_take_tree(store, path, &info, &err);
	if (rc == 0)
		printf("%.3f\n", now() - start);
	else
		fprintf(stderr, "%s\n", err.msg);
	store_close(store);
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t count;
	uint64_t size;

	if (argc == 5 && strcmp(argv[1], "make") == 0 && parse_u64(argv[3], 10000000, &count) &&
	    parse_u64(argv[4], SIZE_MAX_BYTES, &size))
		return make(argv[2], count, (size_t)size) != 0;
	if (argc == 4 && strcmp(argv[1], "commit") == 0)
		return commit(argv[2], argv[3]) != 0;
	fprintf(stderr, "usage: bench_commit make DIR COUNT SIZE | commit HOME DIR\n");
	return 2;
}
