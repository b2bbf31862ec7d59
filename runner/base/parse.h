/* Text to number: the whole string, no sign, no blanks, in range, whatever the locale. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

bool parse_u64(const char *s, uint64_t max, uint64_t *ret_value);

#endif
