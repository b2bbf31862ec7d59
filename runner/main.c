#include <signal.h>
#include <sys/stat.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
	/* Modes are part of what we store: they must not depend on who calls us. */
	(void)umask(022);
	/* A reader that goes away is an error to handle, not a reason to die. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
