/* "Did you mean": the nearest of some known names. */
#ifndef SPEC_NEAR_H
#define SPEC_NEAR_H

#include <stddef.h>

/* Offer every known name, then look at `best`. */
struct near {
	const char *wanted;
	const char *best; /* NULL: nothing is near enough */
	size_t distance;  /* of the best so far, else the most that is allowed plus 1 */
};

void near_init(struct near *near, const char *wanted);
void near_offer(struct near *near, const char *known);

#endif
