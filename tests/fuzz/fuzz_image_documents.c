/* Manifests, indexes and configs from a registry that means no good: none is read beyond its limits
 * or its end. */
#include <stdint.h>
#include <stdlib.h>

#include "image/oci_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	AUTO_OCI_MANIFEST struct oci_manifest manifest = { 0 };
	AUTO_OCI_CONFIG struct oci_config config = { 0 };
	AUTO_OCI_INDEX struct oci_index index = { 0 };
	struct oci_descriptor top;
	struct error err;

	if (oci_top_parse(text, size, NULL, "it", &top, &err) == 0 && !top.type)
		abort();
	if (oci_manifest_parse(text, size, "it", &manifest, &err) == 0 &&
	    (manifest.n_layers == 0 || manifest.n_layers > OCI_LAYERS_MAX))
		abort();
	if (oci_index_parse(text, size, "it", &index, &err) == 0 && index.n > OCI_MANIFESTS_MAX)
		abort();
	(void)!oci_config_parse(text, size, "it", &config, &err);
	return 0;
}
