#include "cli/providers/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { SECRET_MAX = 4096, CTRL_C = 3 };

/* Its characters are not shown, and Ctrl-C ends the line, so that the terminal is what it was
 * before whatever comes of it. */
static void be_silent(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	t->c_cc[VEOL] = CTRL_C;
}

/* Up to the line's end, which is taken but not kept; a byte at a time, for the rest of standard
 * input is not ours.  Returns the length, or -errno. */
static ssize_t read_line(char line[SECRET_MAX])
{
	size_t len = 0;

	while (len < SECRET_MAX - 1) {
		ssize_t n = read(STDIN_FILENO, line + len, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || line[len] == '\n')
			break;
		if (line[len++] == CTRL_C)
			return -ECANCELED;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return (ssize_t)len;
}

static ssize_t ask(const char *what, char line[SECRET_MAX])
{
	struct termios before, silent;
	bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	ssize_t len;

	if (!is_terminal)
		return read_line(line);
	silent = before;
	be_silent(&silent);
	(void)fprintf(stderr, "%s: ", what);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
		return -errno;
	len = read_line(line);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	(void)fputc('\n', stderr);
	return len;
}

int secret_read(const char *what, char **ret_secret, struct error *err)
{
	char line[SECRET_MAX];
	ssize_t len = ask(what, line);

	if (len > 0)
		*ret_secret = xstrdup(line);
	explicit_bzero(line, sizeof line);
	if (len > 0)
		return 0;
	if (len == -ECANCELED)
		return error_set(err, SLUICE_CANCELED, "canceled");
	if (len < 0)
		return error_sys(err, (int)len, "cannot read the %s", what);
	return error_set(err, SLUICE_INVALID, "the %s is empty", what);
}
