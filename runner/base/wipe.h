/* Texts that were secrets do not stay in memory. */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include <stdlib.h>
#include <string.h>

/* Overwrites and frees a text; takes NULL. */
static inline void wipe_free(void *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static inline void cleanup_wipe(char **text)
{
	wipe_free(*text);
}
#define AUTO_WIPE __attribute__((cleanup(cleanup_wipe)))

#endif
