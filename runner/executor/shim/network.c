#include "executor/shim/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "executor/shim/ops.h"

enum { UP_MS = 20 * 1000 };

/* The byte that says so is left unread: all shims look at one and the same socket. */
static int wait_until_up(struct error *err)
{
	struct pollfd helper = { .fd = SHIM_HELPER_FD, .events = POLLIN };
	int64_t deadline = clock_mono_ms() + UP_MS;
	char up;
	int n;

	do
		n = poll(&helper, 1, UP_MS);
	while (n < 0 && errno == EINTR && clock_mono_ms() < deadline);
	if (n == 1 && recv(SHIM_HELPER_FD, &up, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
		return 0;
	return error_set(err, SLUICE_SYSTEM,
	                 n == 1 ? "the helper of the private network ended before it was up"
	                        : "the private network is not up after %d s",
	                 UP_MS / 1000);
}

int shim_network_join(struct error *err)
{
	int rc = wait_until_up(err);

	if (rc < 0)
		return rc;
	if (fcntl(SHIM_HELPER_FD, F_SETFD, FD_CLOEXEC) != 0 ||
	    setns(SHIM_NETNS_FD, CLONE_NEWNET) != 0)
		return error_sys(err, errno, "cannot go into the private network");
	(void)close(SHIM_NETNS_FD);
	return 0;
}

int shim_network_none(struct error *err)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	AUTO_FD int fd = -1;

	if (unshare(CLONE_NEWNET) != 0)
		return error_sys(err, errno, "cannot make a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
		return error_sys(err, errno, "cannot bring a loopback up");
	return 0;
}
