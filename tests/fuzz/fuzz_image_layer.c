/* Layers: whatever comes is unpacked within its directory and its limits, or refused. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unpack_limits limits = {
		.bytes = 1 << 20, .free_bytes = 1 << 16, .ratio = 100, .entries = 200, .depth = 16
	};
	char dir[] = "/dev/shm/sluice-fuzz.XXXXXX";
	AUTO_FD int blob = memfd_create("layer", MFD_CLOEXEC);
	AUTO_FD int root = -1;
	struct digest digest = digest_of(data, size);
	struct error err;

	if (blob < 0 || io_write_all(blob, data, size) != 0 || lseek(blob, 0, SEEK_SET) != 0 ||
	    !mkdtemp(dir))
		abort();
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)!unpack_layer(&(struct unpack_blob){ .fd = blob, .packed = &digest, .tar = &digest },
	                    root, &limits, &err);
	if (io_remove_tree(AT_FDCWD, dir) != 0)
		abort();
	return 0;
}
