/* From a request to a shim's orders: everything that a shim is told about one attempt. */
#ifndef EXECUTOR_LAUNCH_H
#define EXECUTOR_LAUNCH_H

#include "base/error.h"
#include "base/strbuf.h"
#include "executor/executor.h"
#include "executor/gpus.h"
#include "executor/merge.h"
#include "executor/network.h"
#include "image/image.h"

struct launch {
	const struct request *request;
	const char *runtime; /* absolute path: of an OCI runtime, or of bwrap */
	const char *init;    /* ... of sluice-init, for bwrap; NULL: the runtime is an OCI one */
	const char *shim;    /* ... of the shim's program */
	/* The root is this machine's files without this directory; NULL: it is the image's. */
	const char *machine_without;
	enum merge_way merge;
	/* ROOT_IMAGE: the image, and its /etc/passwd and /etc/group ("" where it has none) */
	const struct image *image;
	const char *passwd, *group;
	const char *targets;           /* a layer over those of the image, or NULL */
	const struct network *network; /* if the request wants a private one */
	const struct gpus *gpus;       /* if it has some */
};

/* Writes the orders (see shim/ops.h) into a memfd that stands at its beginning. */
int launch_orders(const struct launch *l, int *ret_fd, struct error *err) MUST_USE;

/* The resolv.conf of a container that asks RESOLVER; of the machine's HOST_CONF stays what is not
 * about where to ask. */
void launch_resolv_conf(const char *host_conf, const char *resolver, struct strbuf *ret_text);

/* "SIGTERM", "TERM", "15" or "SIGRTMIN+3" as a number; SIGTERM for what is none. */
int launch_stop_signal(const char *name);

#endif
