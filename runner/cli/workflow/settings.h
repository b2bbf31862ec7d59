/* What the options of `sluice run` say, checked, before any file is read. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/workflow/session.h"

/* Fills s->workflow, ->network and ->options. */
int settings_read(struct session *s);

#endif
