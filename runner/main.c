#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* A closed one would be taken by the next file that is opened, and written into. */
static int open_standard_streams(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (fd < 0 || fd > STDERR_FILENO)
			return fd < 0 ? -1 : close(fd);
		(void)fcntl(fd, F_SETFD, 0); /* children find them open, too */
	}
}

int main(int argc, char **argv)
{
	if (open_standard_streams() != 0)
		return CLI_BROKEN;
	/* Modes are part of what we store: they must not depend on who calls us. */
	(void)umask(022);
	/* A reader that goes away is an error to handle, not a reason to die. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
