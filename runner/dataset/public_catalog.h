/*
 * The catalog of public datasets: which there are, and where their files lie.  Pure.
 *
 *	namespace: gradient                  they are called gradient/NAME
 *	datasets:
 *	  mnist:
 *	    description: Handwritten digits
 *	    files:
 *	    - path: train-images.gz          in the version; without it, the end of the URL
 *	      url: https://HOST/mnist/train-images.gz      or http:, or file:///DIR/FILE
 *	      sha256: 440fcabf...            of the file; without it nothing is verified
 *	      size: 9912422                  in bytes; may be left out
 *	    - url: https://HOST/labels.zip
 *	      unpack: true                   a tar or zip: what is in it goes to the directory
 *	      path: labels                   `path`; without it, to the root.  It needs a sha256
 *	      sha256: 3552534a...
 *	  texts:
 *	    directory: /srv/texts            instead of files, a copy of all that is in it; where it
 *	                                     is relative, from the directory of the catalog
 *	  speech:
 *	    s3: s3://BUCKET/PREFIX/          instead of them, all objects below it; signed if the
 *	                                     environment has keys (AWS_ACCESS_KEY_ID, ...)
 *	    endpoint: https://HOST           where that is; without it, at Amazon's
 *	    region: eu-west-1                without it $AWS_REGION, else us-east-1
 */
#ifndef DATASET_PUBLIC_CATALOG_H
#define DATASET_PUBLIC_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

enum { PUBLIC_CATALOG_MAX = 4 << 20 };

struct public_file {
	char *path; /* plain components; of what is unpacked, the directory: "" is the root */
	char *url;
	bool unpack; /* a tar or zip, of which the version has what is in it; has a digest */
	bool has_digest;
	struct digest digest;
	uint64_t size; /* 0: not known */
};

struct public_dataset {
	char *name;
	char *description; /* or NULL */
	char *directory;   /* or NULL: files, or ... */
	char *s3;          /* s3://BUCKET/PREFIX, or NULL; it ends in a slash or has no prefix */
	char *endpoint, *region; /* of it, or NULL */
	struct public_file *file;
	size_t n, cap;
};

struct public_catalog {
	char *namespace;
	struct public_dataset *dataset;
	size_t n, cap;
};

/* Release what came out in any case.  What is wrong is SLUICE_INVALID, "PATH:LINE: ...". */
int public_catalog_parse(const char *text, size_t len, const char *path,
                         struct public_catalog *ret_catalog, struct error *err) MUST_USE;
void public_catalog_release(struct public_catalog *c);
#define AUTO_PUBLIC_CATALOG __attribute__((cleanup(public_catalog_release)))

/* The one that is called NAMESPACE/NAME, or NULL. */
const struct public_dataset *public_catalog_find(const struct public_catalog *c, const char *name);

/* How large it is; 0: it is not known. */
uint64_t public_dataset_size(const struct public_dataset *d);

#endif
