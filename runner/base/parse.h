/* Text to number: the whole string, no sign, no blanks, in range, whatever the locale. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

bool parse_u64(const char *s, uint64_t max, uint64_t *ret_value);

/* A number and its unit: "20GiB", "20G" the same, "500MB" of thousands, "4096" bytes. */
bool parse_size(const char *s, uint64_t *ret_bytes);

/* "45s", "90m", "12h", "30d", "2w"; a unit there must be. */
bool parse_duration(const char *s, int64_t *ret_ms);

#endif
