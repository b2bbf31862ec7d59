/* What the hosted service's machines had, by name.  Pure. */
#ifndef ENGINE_INSTANCE_H
#define ENGINE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

struct instance {
	uint64_t cpu_milli, memory; /* thousandths of a core, bytes */
	uint64_t gpus;
};

/*
 * Also a name with "Free-" before it, which is the same machine, and with "xN" behind it, which is
 * N of them in one.  False for a name that is not known.
 */
bool instance_find(const char *name, struct instance *ret_instance);

/* "CPUS MEMORY" or "CPUS MEMORY GPUS", as a configuration says it: "8 30GiB 1". */
bool instance_parse(const char *text, struct instance *ret_instance);

#endif
