/* A shim's orders, read back: see shim/ops.h for how they come. */
#ifndef EXECUTOR_ORDERS_H
#define EXECUTOR_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "executor/merge.h"

struct orders_list {
	const char **item; /* borrowed from the orders' text */
	size_t len, cap;
};

struct orders {
	struct strbuf text; /* holds everything below */
	const char *id, *runtime, *cgroup;
	const char *init, *root; /* NULL: the runtime is an OCI one */
	uint64_t stop_signal, grace_ms, uid, gid;
	enum merge_way merge;
	uint64_t cpu_quota_us, memory_bytes; /* 0: no limit */
	bool upper_in_memory, network_is_private, network_is_none, is_users;
	struct orders_list layers, views, owned, secrets;
	struct orders_list files, texts; /* name and text of each */
	struct orders_list options, readonly, masks, groups;
	struct orders_list mounts, mount_types, mount_froms, mount_hows; /* of each */
};

/* From SHIM_ORDERS_FD, which it closes.  `secrets` gets a NULL behind its last one. */
int orders_read(struct orders *o, struct error *err) MUST_USE;

#endif
