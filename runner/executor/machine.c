#include "executor/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/xalloc.h"

bool machine_is_image(const char *name_or_digest)
{
	return strcmp(name_or_digest, MACHINE_IMAGE) == 0;
}

struct image *machine_image(void)
{
	struct image *image = xcalloc(1, sizeof *image);

	*image = (struct image){
		.digest = MACHINE_IMAGE,
		.user = xstrdup(""),
		.workdir = xstrdup(""),
		.lock = -1,
	};
	return image;
}

int machine_read_file(const struct image *machine, const char *path, struct strbuf *ret_text,
                      struct error *err)
{
	int rc = io_read_file(AT_FDCWD, path, ret_text);

	(void)machine;
	if (rc == -ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "there is no '%s'", path);
	return rc < 0 ? error_sys(err, rc, "cannot read '%s'", path) : 0;
}
