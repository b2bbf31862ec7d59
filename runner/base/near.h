/* "Did you mean": the nearest of some known names. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>

/*
 * Edit distance with transpositions (optimal string alignment; Damerau 1964, Wagner and Fischer
 * 1974), ASCII case ignored.  Anything over `most` is reported as most + 1.
 */
size_t near_distance(const char *a, const char *b, size_t most);

/* Is B near enough to A to be suggested?  At most a third of A's length in edits, and at most 3. */
size_t near_limit(const char *a);

#endif
