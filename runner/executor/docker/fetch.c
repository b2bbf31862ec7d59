#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/docker/api.h"
#include "executor/docker/copies.h"
#include "image/unpack.h"

enum { DEPTH_MAX = 2048 }; /* of a path of PATH_MAX bytes */

char *docker_fetch_list(const struct request *r)
{
	struct strbuf list = STRBUF_INIT(STRBUF_BIG);

	for (size_t i = 0; i < r->n_mounts; i++)
		if (request_owns(r, &r->mounts[i]))
			strbuf_addf(&list, "%s %s\n", r->mounts[i].source + strlen(r->dir) + 1,
			            r->mounts[i].target);
	return strbuf_detach(&list);
}

/* Nothing of an earlier try stays in it. */
static int make_anew(const char *path, struct error *err)
{
	int rc = io_remove_tree(AT_FDCWD, path);
	AUTO_FD int fd = -1;

	if (rc == 0 && mkdir(path, 0755) != 0)
		rc = -errno;
	if (rc == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (rc == 0 && fd < 0)
		rc = -errno;
	return rc < 0 ? error_sys(err, rc, "cannot make '%s'", path) : take_fd(&fd);
}

static int fetch_one(const struct docker_host *host, const char *container, const char *path,
                     const char *target, const atomic_bool *stop, struct error *err)
{
	const struct unpack_limits limits = {
		.bytes = UINT64_MAX,
		.entries = UINT64_MAX,
		.depth = DEPTH_MAX,
	};
	AUTO_FREE char *escaped = docker_escape(target);
	AUTO_FREE char *what = xasprintf("/containers/%s/archive?path=%s", container, escaped);
	const struct docker_ask ask = { .path = what, .is_long = true };
	AUTO_FD int fd = make_anew(path, err);
	struct unpack_source source = { .read = docker_reader_read };
	int rc;

	if (fd < 0)
		return fd;
	source.arg = docker_reader_new(host, &ask, stop);
	rc = unpack_tar(&source, strrchr(target, '/') + 1, fd, &limits, err);
	docker_reader_free(source.arg);
	return rc < 0 ? error_wrap(err, "cannot fetch '%s' from the container", target) : 0;
}

int docker_fetch(const struct docker_host *host, const char *container, const char *dir,
                 const char *list, const atomic_bool *stop, struct error *err)
{
	AUTO_FREE char *copy = xstrdup(list);
	char *rest = copy, *line;
	int rc = 0;

	while (rc == 0 && (line = strsep(&rest, "\n"))) {
		char *blank = strrchr(line, ' ');
		AUTO_FREE char *path = NULL;

		if (!blank)
			continue;
		*blank = '\0';
		path = xasprintf("%s/%s", dir, line);
		rc = fetch_one(host, container, path, blank + 1, stop, err);
	}
	return rc;
}
