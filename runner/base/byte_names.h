/*
 * Names are bytes: in a UTF-8 locale libarchive would look into them, and change them to their
 * composed form.  For what this thread does between the two calls they are left alone.
 *
 *	locale_t before = byte_names_begin();
 *	...
 *	byte_names_end(before);
 */
#ifndef BASE_BYTE_NAMES_H
#define BASE_BYTE_NAMES_H

#include <locale.h>

static inline locale_t byte_names_begin(void)
{
	return uselocale(newlocale(LC_CTYPE_MASK, "C", (locale_t)0));
}

static inline void byte_names_end(locale_t before)
{
	locale_t ours = uselocale(before);

	if (ours != before) /* else there was no memory for one */
		freelocale(ours);
}

#endif
