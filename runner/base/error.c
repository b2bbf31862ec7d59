#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *way_out(int sys)
{
	return sys == ENOSPC || sys == EDQUOT
	               ? " (blocks or inodes); free some there and do it again"
	               : "";
}

static __attribute__((format(printf, 4, 0))) int set(struct error *err, int class, int sys,
                                                     const char *fmt, va_list ap)
{
	int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	size_t used = n < 0 ? 0 : (size_t)n;

	err->class = class;
	err->sys = abs(sys);
	if (sys != 0 && used < sizeof err->msg) {
		const char *words = strerrordesc_np(err->sys);

		(void)snprintf(err->msg + used, sizeof err->msg - used, ": %s%s",
		               words ? words : "unknown error", way_out(err->sys));
	}
	return class;
}

int(error_set)(struct error *err, enum sluice_err class, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = set(err, (int)class, 0, fmt, ap);
	va_end(ap);
	return rc;
}

int(error_sys)(struct error *err, int sys, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = set(err, SLUICE_SYSTEM, sys, fmt, ap);
	va_end(ap);
	return rc;
}

int(error_wrap)(struct error *err, const char *fmt, ...)
{
	struct error inner = *err;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	/* A message too long for its place loses its end. */
	if (n >= 0 && (size_t)n < sizeof err->msg &&
	    snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", inner.msg) < 0)
		err->msg[n] = '\0';
	return inner.class;
}
