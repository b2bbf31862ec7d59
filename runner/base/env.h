#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stdlib.h>

/* A variable of the environment; NULL if it is not set, or empty. */
static inline const char *env_get(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

#endif
