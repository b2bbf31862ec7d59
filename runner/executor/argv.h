/* exec's family takes `char *const []` and changes nothing: the one place that says so. */
#ifndef EXECUTOR_ARGV_H
#define EXECUTOR_ARGV_H

static inline char *const *argv_exec(const char *const *argv)
{
	union {
		const char *const *from;
		char *const *to;
	} both = { .from = argv };

	return both.to;
}

#endif
