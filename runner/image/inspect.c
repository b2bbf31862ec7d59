#include <stdlib.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "image/layout.h"

static int inspect(struct images *im, const struct layout_found *found, images_details_fn *fn,
                   void *arg, struct error *err)
{
	AUTO_OCI_MANIFEST struct oci_manifest m = { 0 };
	AUTO_OCI_CONFIG struct oci_config c = { 0 };
	AUTO_FREE struct image_layer_info *layer = NULL;
	struct image_details details = { .name = found->name, .digest = found->manifest.digest };
	int rc = layout_manifest(im, found->manifest.digest, &m, err);

	if (rc == 0)
		rc = layout_config(im, &m, &c, err);
	if (rc != 0)
		return rc;
	layer = xcalloc(m.n_layers + 1, sizeof *layer);
	for (size_t i = 0; i < m.n_layers; i++) {
		layer[i] = (struct image_layer_info){
			.digest = m.layer[i].digest,
			.diff_id = c.diff_id[i],
			.bytes = m.layer[i].size,
			.unpacked = faccessat(im->layers_fd, c.diff_id[i] + 7, F_OK, 0) == 0,
		};
		details.bytes += m.layer[i].size;
	}
	details.config = m.config.digest;
	details.os = c.os;
	details.arch = c.arch;
	details.created_ms = c.created_ms;
	details.layer = layer;
	details.n_layers = m.n_layers;
	details.entrypoint = c.entrypoint;
	details.cmd = c.cmd;
	details.env = c.env;
	details.user = c.user;
	details.workdir = c.workdir;
	details.stop_signal = c.stop_signal;
	return fn(arg, &details);
}

int images_inspect(struct images *im, const char *ref, images_details_fn *fn, void *arg,
                   struct error *err)
{
	struct layout_found found = { 0 };
	AUTO_FD int lock = -1;
	int rc = layout_lock(im, LOCK_SHARED, &lock, err);

	if (rc == 0)
		rc = layout_find(im, ref, &found, err);
	if (rc == 0)
		rc = inspect(im, &found, fn, arg, err);
	free(found.name);
	return rc;
}
