/* Catalogs of public datasets: what is accepted names places in a version, and nothing above it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "dataset/public_catalog.h"
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_dataset(const struct public_dataset *d)
{
	if (!id_is_name(d->name) || id_is_dataset(d->name) || (d->directory != NULL) == (d->n > 0))
		abort();
	for (size_t i = 0; i < d->n; i++) {
		const struct public_file *f = &d->file[i];
		bool is_root = f->unpack && !f->path[0];

		if (!strstr(f->url, "://") || (!is_root && manifest_check_path(f->path)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_PUBLIC_CATALOG struct public_catalog c = { .n = 0 };
	struct error err;

	if (public_catalog_parse((const char *)data, size, "dir/catalog.yaml", &c, &err) != 0)
		return 0;
	for (size_t i = 0; i < c.n; i++)
		check_dataset(&c.dataset[i]);
	return 0;
}
