/*
 * The documents of an image, as values.  Pure: bytes in, values out, every count and length held
 * against a limit.
 * Formats: OCI image-spec 1.1 (index, manifest, config; Docker's schema 2 of them has the same
 * shape), and manifest.json of `docker save`.
 */
#ifndef IMAGE_OCI_JSON_H
#define IMAGE_OCI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

enum {
	OCI_DOCUMENT_MAX = 4 << 20, /* bytes: what registries take as a manifest */
	OCI_MANIFESTS_MAX = 10000,  /* of one index */
	OCI_LAYERS_MAX = 127,       /* what Docker's overlay can stack */
	OCI_STRINGS_MAX = 4096,     /* of one list in a config: environment, command */
	OCI_DIGEST_SIZE = 72,       /* "sha256:", 64 hex digits and NUL */
};

#define OCI_TYPE_INDEX      "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG     "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER      "application/vnd.oci.image.layer.v1.tar"
#define OCI_ANNOTATION_NAME "org.opencontainers.image.ref.name"

struct oci_descriptor {
	char digest[OCI_DIGEST_SIZE];
	uint64_t size;
	const char *type; /* its media type, if it is an image's manifest or index, else NULL */
	bool is_index;    /* ... that of an index */
	char *name;       /* the reference its annotations give it, or NULL */
	char *os;         /* of its platform, or NULL */
	char *arch;
};

struct oci_index {
	struct oci_descriptor *manifest;
	size_t n;
};

struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor *layer; /* the lowest first */
	size_t n_layers;
};

struct oci_config {
	char *os;
	char *arch;
	int64_t created_ms;               /* 0 unknown */
	char (*diff_id)[OCI_DIGEST_SIZE]; /* the lowest first */
	size_t n_layers;
	char **entrypoint; /* NULL-terminated, or NULL */
	char **cmd;
	char **env;
	char *user; /* "" if not given, like workdir */
	char *workdir;
	char *stop_signal; /* or NULL */
};

/* One image of a `docker save` archive: names of its members. */
struct oci_saved {
	char *config;
	char **layers;
	size_t n_layers;
	char **names; /* NULL-terminated; NULL if it has none */
};

/*
 * What a registry has sent for a name: fills type, is_index and size of RET_TOP, whose digest is
 * the caller's to check.  `said` is its Content-Type, or NULL.  What is neither an image's manifest
 * nor an index is refused, and so is what could be taken for both.
 */
int oci_top_parse(const char *text, size_t len, const char *said, const char *what,
                  struct oci_descriptor *ret_top, struct error *err) MUST_USE;

/* `what` names the document in messages. */
int oci_index_parse(const char *text, size_t len, const char *what, struct oci_index *ret_index,
                    struct error *err) MUST_USE;
void oci_index_release(struct oci_index *index);

int oci_manifest_parse(const char *text, size_t len, const char *what,
                       struct oci_manifest *ret_manifest, struct error *err) MUST_USE;
void oci_manifest_release(struct oci_manifest *manifest);

int oci_config_parse(const char *text, size_t len, const char *what, struct oci_config *ret_config,
                     struct error *err) MUST_USE;
void oci_config_release(struct oci_config *config);

int oci_saved_parse(const char *text, size_t len, const char *what, struct oci_saved **ret_saved,
                    size_t *ret_n, struct error *err) MUST_USE;
void oci_saved_free(struct oci_saved *saved, size_t n);

/* A manifest's text, always the same for the same values; the caller frees it.  media_type[i] is
 * layer i's. */
char *oci_manifest_format(const struct oci_manifest *manifest, const char *const *media_type);

/* "sha256:" and the hex digits. */
void oci_digest_format(const struct digest *digest, char ret_text[OCI_DIGEST_SIZE]);
bool oci_digest_parse(const char *text, struct digest *ret_digest);

#define AUTO_OCI_INDEX    __attribute__((cleanup(oci_index_release)))
#define AUTO_OCI_MANIFEST __attribute__((cleanup(oci_manifest_release)))
#define AUTO_OCI_CONFIG   __attribute__((cleanup(oci_config_release)))

#endif
