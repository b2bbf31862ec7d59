/*
 * Small allocations that cannot fail: the runner aborts with a message when memory is gone,
 * because being killed at any instant is a tested path.  Every size that comes from outside is
 * held against a limit before it gets here.
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

#define XALLOC_FN __attribute__((warn_unused_result, returns_nonnull))

void *xmalloc(size_t size) XALLOC_FN;
void *xcalloc(size_t n, size_t size) XALLOC_FN;
void *xreallocarray(void *p, size_t n, size_t size) XALLOC_FN;
char *xstrdup(const char *s) XALLOC_FN;
char *xstrndup(const char *s, size_t len) XALLOC_FN;
char *xasprintf(const char *fmt, ...) XALLOC_FN __attribute__((format(printf, 1, 2)));

/* Makes room for one more element in a growing array: doubles `*cap` from 8. */
void *xgrow(void *p, size_t used, size_t *cap, size_t size) XALLOC_FN;

#endif
