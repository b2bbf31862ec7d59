/* Which versions are mounted, as a file of each mount below HOME/mounts says.  As mount.h. */
#ifndef DATASET_CLAIM_H
#define DATASET_CLAIM_H

#include <stdint.h>
#include <sys/stat.h>

#include "dataset/mount.h"

enum { CLAIM_BOOT_SIZE = 37, CLAIM_NAME_SIZE = VERSION_ID_LEN + sizeof ".json" };

struct claim {
	char name[CLAIM_NAME_SIZE]; /* of its file */
	struct dataset_mount m;
	char boot[CLAIM_BOOT_SIZE];
	uint64_t mount, namespace, processes;
};

static inline void cleanup_claim(struct claim *c)
{
	dataset_mount_release(&c->m);
}
#define AUTO_CLAIM __attribute__((cleanup(cleanup_claim)))

/* Completes a claim of which only `m` is known and puts it down, before its mount appears; `tree`
 * is that mount.  *ret_dir is the directory of its file, which the caller closes. */
int claim_make(struct datasets *d, int tree, struct claim *c, int *ret_dir,
               struct error *err) MUST_USE;

/* Is it mounted still?  Then it is known for whom, see struct dataset_mount. */
bool claim_is_alive(struct claim *c);

/* Calls fn with each, dead ones included, and the directory of its file; what fn wants to keep of
 * the claim it takes out.  A return other than 0 ends the walk. */
typedef int claim_fn(void *arg, int dir, struct claim *c);
int claims_each(const struct datasets *d, claim_fn *fn, void *arg, struct error *err) MUST_USE;

/* What a claim says of a mount: the number of that on which a descriptor, or else `path`, lies
 * (-errno), and the namespace of a process ("self"), of `kind` "mnt" or "pid"; 0: it cannot be
 * seen. */
int claim_mount_of(int fd, const char *path, struct statx *ret_stat) MUST_USE;
uint64_t claim_namespace_of(const char *pid, const char *kind);

#endif
