/*
 * How a failure travels: a class to decide on and a message for a person.
 *
 * Two levels, never mixed.  Leaf helpers (base/io.h) return -errno and say nothing.  Module
 * functions return 0 or a class below and fill a `struct error *`, which every caller may put
 * words in front of with error_wrap().  `err` is never NULL; it is written on failure only.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* From -1000, so that a raw -errno or UV_E* that slips through is visible at once. */
enum sluice_err {
	SLUICE_INVALID = -1000, /* the input is wrong; the same input fails again */
	SLUICE_NOT_FOUND,
	SLUICE_EXISTS,
	SLUICE_SYSTEM,  /* the OS said no, see .sys */
	SLUICE_CORRUPT, /* stored bytes do not match their name */
	SLUICE_REMOTE,  /* the other side failed; may be tried again */
	SLUICE_LIMIT,
	SLUICE_CANCELED,
	SLUICE_MISSING, /* this machine lacks something; the message says what, and how to get it */
};

/* A value: nothing allocated, nothing to release, copied by assignment. */
struct error {
	int class; /* enum sluice_err, or 0 */
	int sys;   /* errno, or 0 */
	char msg[1024];
};

#define SLUICE_PRINTF(f, a) __attribute__((format(printf, f, a), nonnull(1)))
#define MUST_USE            __attribute__((warn_unused_result))

/* All return the class, so that a failing function ends in `return error_set(...)`. */
int error_set(struct error *err, enum sluice_err class, const char *fmt, ...) SLUICE_PRINTF(3, 4);

/* Class SLUICE_SYSTEM; adds ": " and the words for `sys`, an errno of either sign. */
int error_sys(struct error *err, int sys, const char *fmt, ...) SLUICE_PRINTF(3, 4);

/* Puts "fmt: " before the message; keeps and returns the class. */
int error_wrap(struct error *err, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* Static analysis sees one file at a time: here it learns that a class is negative. */
#ifdef __clang_analyzer__
static inline int error_class(int class)
{
	if (class >= 0)
		__builtin_unreachable();
	return class;
}
#define error_set(...)  error_class(error_set(__VA_ARGS__))
#define error_sys(...)  error_class(error_sys(__VA_ARGS__))
#define error_wrap(...) error_class(error_wrap(__VA_ARGS__))
#endif

#endif
