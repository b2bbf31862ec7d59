/* The only reader of clocks.  Wall time is for people, monotonic time for durations. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 32 };

/* Milliseconds since 1970, UTC. */
int64_t clock_wall_ms(void);

/* Milliseconds that only go forward. */
int64_t clock_mono_ms(void);

/* "2022-03-22T08:28:53.000Z", Gradient's form, into a buffer of CLOCK_TEXT_SIZE; returns it. */
const char *clock_format(int64_t wall_ms, char *buf);

/* Of a text as RFC 3339 has it, "2023-11-14T22:13:20.123Z" or "...+01:00", in whole seconds; 0 if
 * it is none, or NULL. */
int64_t clock_parse(const char *text);

/* This boot's random id (36 characters and NUL), from /proc; "unknown" where there is none. */
void clock_boot_id(char ret_id[37]);

#endif
