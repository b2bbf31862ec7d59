/*
 * Images: HOME/images is a standard OCI image layout (skopeo and podman can read and fill it),
 * HOME/layers/<diff id hex> are unpacked layers, ready to be overlayfs lower directories.
 * Blocking; any thread; several processes may use one home at once.
 * Formats: OCI image-spec 1.1 (layout, manifest, config, layer), `docker save` archives.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config_registries.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/strbuf.h"
#include "image/layer_progress.h"

struct images;

int images_open(const char *home, struct images **ret_images, struct error *err) MUST_USE;
void images_close(struct images *im);

/* "bash:5" -> "docker.io/library/bash:5" by Docker's rules; the caller frees it.  The reason is in
 * the error. */
int image_ref_normalize(const char *ref, char **ret_full, struct error *err) MUST_USE;

/*
 * Takes an OCI image layout (a directory or a tar) or a `docker save` tar into the home.  `name`
 * NULL keeps the names that it carries; with a name it must hold exactly one image for this
 * platform.  Calls fn with each name that was made.
 */
typedef int images_name_fn(void *arg, const char *name, const char *digest);
int images_import(struct images *im, const char *path, const char *name, images_name_fn *fn,
                  void *arg, struct error *err) MUST_USE;

/* "oci:DIR[:TAG]" or "docker-archive:FILE": an image that lies on this machine. */
bool images_is_local(const char *ref);

/*
 * The digest of an image on this machine, which is taken into the home unless it is there by its
 * digest; it has no name there but "localhost/oci@DIGEST" or "localhost/docker-archive@DIGEST".
 * What is not absolute lies below DIR.  `look_only` takes nothing; then the digest is "" if it
 * cannot be known without that.
 */
int images_take_local(struct images *im, const char *ref, const char *dir, bool look_only,
                      char ret_digest[72], struct error *err) MUST_USE;

enum images_form {
	IMAGES_OCI_DIR,        /* an OCI image layout */
	IMAGES_OCI_TAR,        /* the same as a tar */
	IMAGES_DOCKER_ARCHIVE, /* what `docker save` writes, and `docker load` takes */
};

struct images_export_how {
	enum images_form form;
	int fd;                    /* an empty directory, or where the tar goes; kept */
	struct progress *progress; /* of the layers' bytes, or NULL */
};

/* Writes one image, that for this machine.  What is damaged in the home is an error; then what was
 * written is worth nothing. */
int images_export(struct images *im, const char *ref, const struct images_export_how *how,
                  struct error *err) MUST_USE;

struct image_info {
	const char *name;   /* full reference */
	const char *digest; /* "sha256:..." of the manifest */
	uint64_t bytes;     /* of the compressed layers */
	size_t layers;
	int64_t created_ms; /* of the image, 0 unknown */
};
typedef int images_info_fn(void *arg, const struct image_info *info);
/* By name. */
int images_each(struct images *im, images_info_fn *fn, void *arg, struct error *err) MUST_USE;

struct image_layer_info {
	const char *digest, *diff_id; /* of the blob, of the tar in it */
	uint64_t bytes;               /* of the blob */
	bool unpacked;
};

/* Lists of words end with NULL; what the image does not say is NULL or "". */
struct image_details {
	const char *name;   /* full reference, or NULL */
	const char *digest; /* of the manifest */
	const char *config; /* of its config */
	const char *os, *arch;
	int64_t created_ms; /* 0 unknown */
	uint64_t bytes;
	const struct image_layer_info *layer; /* the lowest first */
	size_t n_layers;
	char *const *entrypoint, *const *cmd, *const *env;
	const char *user, *workdir, *stop_signal;
};
typedef int images_details_fn(void *arg, const struct image_details *details);
/* Calls fn once; all that it sees is borrowed. */
int images_inspect(struct images *im, const char *ref, images_details_fn *fn, void *arg,
                   struct error *err) MUST_USE;

/* Names and digests as those of images_each(), without a lock and without making anything in the
 * home: for completion. */
int images_each_name(const char *home, images_name_fn *fn, void *arg, struct error *err) MUST_USE;

/* Forgets a name; blobs and layers that nothing names any more go too. */
int images_delete(struct images *im, const char *ref, struct error *err) MUST_USE;

struct images_prune_how {
	int64_t used_since_ms; /* wall clock: what was pulled or used since then stays */
	/* 1: a run that has not ended needs the image, 0: none does, or a class. */
	int (*is_needed)(void *arg, const char *digest, struct error *err);
	images_name_fn *gone; /* called for each that goes; or NULL */
	void *arg;            /* of both */
	bool dry_run;         /* say only */
};

struct images_pruned {
	uint64_t images, bytes; /* bytes of the disk: of blobs and unpacked layers */
	uint64_t part_bytes;    /* of pulls that have not gone on */
	bool in_use;            /* unpacked layers stay, because somebody has an image loaded */
};

/* Removes images that were not used for long, what no image needs, and what broken pulls have left,
 * unless another pull works on it.  Waits for pulls and imports that run. */
int images_prune(struct images *im, const struct images_prune_how *how,
                 struct images_pruned *ret_result, struct error *err) MUST_USE;

struct images_trim_how {
	uint64_t limit; /* bytes */
	/* 1: layers may be used although nobody has an image loaded (the runner of a container
	 * died), 0: they are not, or a class.  Asked when nobody can load one. */
	int (*is_used)(void *arg, struct error *err);
	void *arg;
	bool dry_run; /* count only */
};

struct images_trimmed {
	uint64_t layers, bytes; /* that went */
	bool in_use;            /* there is more than the limit, but all stay */
};

/*
 * Removes unpacked layers until they take no more than the limit, those that were loaded longest
 * ago first; images_load() unpacks them again.  While any image is in use all stay.
 */
int images_trim(struct images *im, const struct images_trim_how *how,
                struct images_trimmed *ret_result, struct error *err) MUST_USE;

/* The manifest's digest ("sha256:..." + 64 hex) that a reference stands for now. SLUICE_MISSING
 * names the nearest ones and says how to get one. */
int images_resolve(struct images *im, const char *ref, char ret_digest[72],
                   struct error *err) MUST_USE;

enum images_pull_when {
	PULL_MISSING, /* what is in the home is good enough */
	PULL_ALWAYS,  /* the registry is asked what the name stands for now */
	PULL_NEVER,
};

struct images_pull_how {
	enum images_pull_when when;
	const struct config_registries *registries; /* or NULL */
	bool look_only;                             /* nothing is pulled, only its digest is had */
	struct progress *progress;                  /* of bytes that come, or NULL */
	struct layers_progress *layers;             /* the same of each layer, or NULL */
	const atomic_bool *stop;                    /* ends it soon with SLUICE_CANCELED; or NULL */
	unsigned wait_ms;                           /* before the second try; 0: a second */
	unsigned stall_s;                           /* silence that ends a try; 0: a minute */
};

/*
 * Sees to it that the home has what a reference stands for, unpacked, and gives its manifest's
 * digest.  Runs a loop of its own.  Several that want the same share the work.
 *
 * SLUICE_MISSING: the home has no such image and nothing may be pulled.  SLUICE_REMOTE: the
 * registry does not answer; SLUICE_NOT_FOUND: it has no such image, or none for this machine.
 */
int images_pull(struct images *im, const char *ref, const struct images_pull_how *how,
                char ret_digest[72], struct error *err) MUST_USE;

/* What a container needs of an image.  Everything is owned by it. */
struct image {
	char digest[72];
	char **layers; /* absolute paths of unpacked layers, the topmost first */
	size_t n_layers;
	char **entrypoint; /* NULL-terminated, or NULL */
	char **cmd;
	char **env;        /* NAME=VALUE */
	char *user;        /* "", "NAME", "UID", "NAME:GROUP", ... as in the config */
	char *workdir;     /* "" : / */
	char *stop_signal; /* or NULL */
	int lock;          /* while it is held, images_delete() leaves all layers alone */
};

/* Below the home: layers that go over those of loaded images, made by who starts containers.  They
 * are removed when layers are, and made again. */
#define IMAGE_TARGETS "targets"

/* Reads the config; unpacks the layers that are not there yet (side by side).  A killed unpack
 * leaves nothing that a later one trusts.  `progress` (or NULL) is of the layers' blobs. */
int images_load(struct images *im, const char *digest, struct progress *progress,
                struct image **ret_image, struct error *err) MUST_USE;
void image_free(struct image *image); /* takes NULL */

/*
 * Reads a file of the image as the overlay would show it (the topmost layer that has it, whiteouts
 * respected); SLUICE_NOT_FOUND if it has none.  For /etc/passwd and /etc/group.
 */
int image_read_file(const struct image *image, const char *path, struct strbuf *ret_text,
                    struct error *err) MUST_USE;

#endif
