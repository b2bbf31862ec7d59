/* What an OCI runtime says when it cannot start a container (--log-format json).  Pure. */
#ifndef EXECUTOR_RUNTIME_LOG_H
#define EXECUTOR_RUNTIME_LOG_H

#include "base/strbuf.h"

/* The last error's text of a log of crun or runc, without the JSON around it; "" if none. */
void runtime_log_message(const char *log, struct strbuf *ret_message);

/* Cuts what is longer than a few lines in its middle: a whole script may stand there as a command's
 * name, and the reason behind it. */
void runtime_log_shorten(struct strbuf *message);

/* 127: the command is not there; 126: it cannot be executed; 0: something else is wrong. */
int runtime_log_exit_code(const char *message);

#endif
