/*
 * What a version came from, and what was made from it: which version was read to make which.
 *
 *	struct lineage lineage;
 *	rc = datasets_lineage(d, v, &lineage, err);
 *	...
 *	lineage_release(&lineage);
 */
#ifndef DATASET_LINEAGE_H
#define DATASET_LINEAGE_H

#include "base/map.h"
#include "dataset/dataset.h"

enum { LINEAGE_REF_SIZE = DATASET_ID_LEN + 1 + VERSION_ID_LEN + 1 };

enum lineage_relation {
	LINEAGE_SELF,
	LINEAGE_BEFORE, /* it came from this one */
	LINEAGE_AFTER,  /* this one was made from it */
	LINEAGE_BESIDE, /* read together with it, or with what was made from it */
};

struct lineage_version {
	char ref[LINEAGE_REF_SIZE]; /* DS:VER */
	char *dataset_name;         /* the id, if the dataset is no more */
	enum lineage_relation relation;
	bool deleted; /* then all that follows is not known */
	uint64_t files, bytes;
	int64_t committed_ms;
	char run[UUID_LEN + 1]; /* "": a person made it */
	char *job;
	size_t *input; /* what its maker read, by place in `version`; none of one that is beside */
	size_t n_inputs, cap_inputs;
};

static inline const char *lineage_version_id(const struct lineage_version *v)
{
	return v->ref + DATASET_ID_LEN + 1;
}

struct lineage {
	struct lineage_version *version; /* the first is the one that was asked for */
	size_t n, cap;
	struct map place; /* DS:VER -> size_t */
};

/* Of a committed version.  Release what comes out, also after a failure. */
int datasets_lineage(struct datasets *d, const struct dataset_version *v,
                     struct lineage *ret_lineage, struct error *err) MUST_USE;
void lineage_release(struct lineage *l);

#endif
