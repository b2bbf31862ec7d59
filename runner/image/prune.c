/* Images that nobody has used for long.  When one was, its manifest's file says: layout_touch(). */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "image/layout.h"
#include "image/partial.h"

struct pruning {
	struct images *im;
	const struct images_prune_how *how;
	struct images_pruned *result;
	struct map going; /* full names */
};

static int64_t last_use_ms(struct images *im, const char *digest)
{
	struct stat st;

	if (fstatat(im->blobs_fd, digest + 7, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* 1 if it stays. */
static int stays(struct pruning *p, const char *name, char ret_digest[OCI_DIGEST_SIZE],
                 struct error *err)
{
	int rc = images_resolve(p->im, name, ret_digest, err);

	if (rc == SLUICE_NOT_FOUND)
		return 1; /* for another machine: it was not sluice that put it here */
	if (rc != 0)
		return rc;
	if (last_use_ms(p->im, ret_digest) >= p->how->used_since_ms)
		return 1;
	return p->how->is_needed(p->how->arg, ret_digest, err);
}

static int choose_one(struct pruning *p, const char *name, struct error *err)
{
	char digest[OCI_DIGEST_SIZE];
	int stay = stays(p, name, digest, err);

	if (stay != 0)
		return stay < 0 ? stay : 0;
	(void)map_set(&p->going, name, p);
	p->result->images++;
	return p->how->gone ? p->how->gone(p->how->arg, name, digest) : 0;
}

static int choose(struct pruning *p, struct error *err)
{
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	int rc = layout_index(p->im, &index, err);

	for (size_t i = 0; rc == 0 && i < index.n; i++) {
		AUTO_FREE char *name = layout_full_name(index.manifest[i].name);

		if (name)
			rc = choose_one(p, name, err);
	}
	return rc;
}

static int drop_names(struct pruning *p, struct error *err)
{
	size_t pos = 0;
	const char *name;
	void *value;
	bool found;
	int rc = 0;

	while (rc == 0 && (name = map_next(&p->going, &pos, &value)) != NULL)
		rc = layout_drop_name(p->im, name, &found, err);
	return rc;
}

int images_prune(struct images *im, const struct images_prune_how *how,
                 struct images_pruned *ret_result, struct error *err)
{
	struct pruning p = { .im = im, .how = how, .result = ret_result };
	struct layout_sweep sweep = { .without = &p.going, .dry_run = how->dry_run };
	AUTO_FD int lock = -1;
	int rc;

	*ret_result = (struct images_pruned){ 0 };
	rc = partials_remove(im, how->dry_run, &ret_result->part_bytes, err);
	if (rc == 0)
		rc = layout_lock(im, how->dry_run ? LOCK_SHARED : LOCK_EXCLUSIVE, &lock, err);
	if (rc == 0)
		rc = choose(&p, err);
	if (rc == 0 && !how->dry_run)
		rc = drop_names(&p, err);
	if (rc == 0)
		rc = layout_sweep(im, &sweep, err);
	ret_result->bytes = sweep.bytes;
	ret_result->in_use = sweep.in_use;
	map_release(&p.going, NULL);
	return rc;
}
