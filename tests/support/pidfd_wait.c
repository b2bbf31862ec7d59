/* pidfd_wait PID: stays until that process ends; see valgrind_calls.c. */
#include <poll.h>
#include <stdlib.h>
#include <sys/pidfd.h>

int main(int argc, char **argv)
{
	struct pollfd gone = { .events = POLLIN };

	gone.fd = argc == 2 ? pidfd_open((pid_t)strtol(argv[1], NULL, 10), 0) : -1;
	return gone.fd < 0 || poll(&gone, 1, -1) != 1;
}
