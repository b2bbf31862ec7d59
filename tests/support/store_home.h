/* A home with a store, for a test: made by setup, removed by teardown.  Include after cmocka. */
#ifndef SUPPORT_STORE_HOME_H
#define SUPPORT_STORE_HOME_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "store/store.h"

struct store_home {
	char path[64];
	struct store *store;
	int dir; /* path */
	char warnings[4096];
};

static inline int store_home_setup(void **state)
{
	struct store_home *h = calloc(1, sizeof *h);
	struct error err;

	assert_non_null(h);
	snprintf(h->path, sizeof h->path, "/tmp/sluice-test-store-XXXXXX");
	assert_non_null(mkdtemp(h->path));
	h->dir = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(h->dir >= 0);
	assert_int_equal(store_open(h->path, &h->store, &err), 0);
	*state = h;
	return 0;
}

static inline int store_home_teardown(void **state)
{
	struct store_home *h = *state;

	store_close(h->store);
	close(h->dir);
	assert_int_equal(io_remove_tree(AT_FDCWD, h->path), 0);
	free(h);
	return 0;
}

/* Writes a file of the home, making the directories above it. */
static inline void store_home_write(struct store_home *h, const char *path, const char *data,
                                    size_t len, mode_t mode)
{
	char dir[4096];
	char *slash;
	int fd;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (slash) {
		*slash = '\0';
		assert_int_equal(io_mkdirs_beneath(h->dir, dir, 0755), 0);
	}
	(void)!fchmodat(h->dir, path, 0600, 0); /* objects are read-only; absent is fine */
	fd = openat(h->dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, data, len), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline void store_home_text(struct store_home *h, const char *path, const char *text)
{
	store_home_write(h, path, text, strlen(text), 0644);
}

static inline struct stat store_home_stat(struct store_home *h, const char *path)
{
	struct stat st;

	if (fstatat(h->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static inline bool store_home_has(struct store_home *h, const char *path)
{
	return faccessat(h->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void store_home_warn(void *arg, const char *text)
{
	struct store_home *h = arg;
	size_t used = strlen(h->warnings);

	snprintf(h->warnings + used, sizeof h->warnings - used, "%s\n", text);
}

/* Adds directory `name` of the home, and with STORE_ADOPT takes it; fails the test if that fails.
 */
static inline struct store_tree_info store_home_add(struct store_home *h, const char *name,
                                                    unsigned flags)
{
	const struct store_watch watch = { .warn = store_home_warn, .arg = h };
	struct store_tree_info info;
	struct error err;
	char path[128];

	snprintf(path, sizeof path, "%s/%s", h->path, name);
	if (store_add_tree(h->store, path,
	                   &(struct store_add_how){ .flags = flags, .watch = &watch }, &info,
	                   &err) != 0 ||
	    store_sync(h->store, &err) != 0)
		fail_msg("%s", err.msg);
	if ((flags & STORE_ADOPT) && store_take_tree(h->store, path, &info, &err) != 0)
		fail_msg("%s", err.msg);
	return info;
}

static inline int store_home_list_one(void *arg, const struct store_entry *e)
{
	struct strbuf *sb = arg;

	strbuf_addf(sb, "%c %s%s%s\n", e->kind, e->path, e->target ? " -> " : "",
	            e->target ? e->target : "");
	return 0;
}

/* The entries at or below `prefix`, a line each; the caller frees it. */
static inline char *store_home_list(struct store_home *h, const struct digest *manifest,
                                    const char *prefix)
{
	struct strbuf sb = STRBUF_INIT(1 << 20);
	struct error err;

	if (store_each(h->store, manifest, prefix, store_home_list_one, &sb, &err) != 0)
		fail_msg("%s", err.msg);
	return strbuf_detach(&sb);
}

/* The path of an object of HELLO-like content below the home. */
static inline const char *store_home_object(const char *folder, const struct digest *d,
                                            const char *twin, char path[160])
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(d, hex);
	snprintf(path, 160, "store/%s/%.2s/%s%s", folder, hex, hex + 2, twin);
	return path;
}

#endif
