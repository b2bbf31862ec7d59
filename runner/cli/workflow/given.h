/* What a run is given: the workflow and its inputs, secrets, the event, the machine's proxies. */
#ifndef CLI_GIVEN_H
#define CLI_GIVEN_H

#include "cli/workflow/session.h"

/* Everything, from the command line and the files that it names.  A workflow that cannot be run
 * is refused here. */
int given_read(struct session *s);

/* For a run that has been given the rest. */
int given_read_secrets(struct session *s);
void given_read_proxies(struct session *s);

#endif
