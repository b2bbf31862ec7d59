/* Where the jobs of a run run: the executor, with its images, and the network. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "cli/workflow/session.h"

/* The one that s->options.executor names, or the first that works; looks at its machine, too. */
int place_open_executor(struct session *s);

/* Fills s->options.network by s->network.  Where jobs can have none of their own and nobody has
 * asked for one, a notice says so. */
int place_choose_network(struct session *s);

/* A notice where a container cannot have several users. */
void place_notice_users(struct session *s);

#endif
