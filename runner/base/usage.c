#include "base/usage.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

static bool is_without(const struct usage *usage, const FTSENT *e)
{
	size_t len = usage->without && e->fts_level == 1 ? strlen(usage->without) : 0;

	return len > 0 && len <= e->fts_namelen &&
	       strcmp(e->fts_name + e->fts_namelen - len, usage->without) == 0;
}

static void count(struct usage *usage, const FTSENT *e)
{
	uint64_t bytes = (uint64_t)e->fts_statp->st_blocks * 512;
	bool is_file = S_ISREG(e->fts_statp->st_mode);

	usage->entries += e->fts_level == 1;
	usage->all++;
	progress_add(usage->progress, 1);
	usage->files += is_file;
	usage->bytes += bytes;
	if (is_file && e->fts_statp->st_nlink > 1)
		usage->linked += bytes;
}

/* NULL at the end with errno 0, NULL after a failure with the reason. */
static const FTSENT *next_entry(FTS *fts)
{
	errno = 0;
	return fts_read(fts);
}

int usage_add(const char *path, struct usage *usage)
{
	char *const paths[] = { (char *)(uintptr_t)path, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	const FTSENT *e;
	int rc = 0;

	if (!fts)
		return -errno;
	while (rc == 0 && (e = next_entry(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			rc = e->fts_errno == ENOENT ? 0 : -e->fts_errno;
		else if (e->fts_info != FTS_DP && e->fts_level > 0 && !is_without(usage, e))
			count(usage, e);
	}
	if (rc == 0)
		rc = -errno;
	(void)fts_close(fts);
	return rc;
}

void usage_expect(const char *path, struct progress *progress)
{
	struct usage usage = { 0 };

	if (progress && usage_add(path, &usage) == 0)
		progress_expect(progress, usage.all);
}
