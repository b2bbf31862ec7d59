/* A shim's orders, read back: see shim_ops.h for how they come. */
#ifndef EXECUTOR_ORDERS_H
#define EXECUTOR_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct orders_list {
	const char **item; /* borrowed from the orders' text */
	size_t len, cap;
};

struct orders {
	struct strbuf text; /* holds everything below */
	const char *id, *runtime, *cgroup;
	uint64_t stop_signal, grace_ms, uid, gid;
	bool upper_in_memory, network_is_private, is_users;
	struct orders_list layers, views, owned, secrets;
	struct orders_list files, texts; /* name and text of each */
};

/* From SHIM_ORDERS_FD, which it closes.  `secrets` gets a NULL behind its last one. */
int orders_read(struct orders *o, struct error *err) MUST_USE;

#endif
