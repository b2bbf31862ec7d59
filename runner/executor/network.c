#include "executor/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "executor/argv.h"
#include "executor/program.h"
#include "executor/works.h"

#define HELPER      "slirp4netns"
#define TUN         "/dev/net/tun"
/* A range that is set aside for measuring between machines: nobody's own addresses lie in it. */
#define CIDR_OPTION "--cidr=198.18.0.0/24"

enum {
	READY_FD = 3, /* the helper's descriptors */
	EXIT_FD = 4,
	NS_FD = 5,
	FIRST_FD = 10, /* ours lie above all that a child's are moved to */
	UP_MS = 10 * 1000,
	ERRORS_MAX = 16 * 1024,
};

/* --- the namespace -------------------------------------------------------------------------- */

/* What clouds answer at: link-local addresses everywhere, and what two of them chose beside. */
static const struct blocked {
	const char *address;
	unsigned char bits;
} blocked[] = {
	{ "169.254.0.0", 16 },
	{ "168.63.129.16", 32 },
	{ "100.100.100.200", 32 },
};

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attr;
	struct in_addr to;
};

static int send_route(int nl, const struct blocked *b)
{
	struct route_request r = {
		.header = { .nlmsg_len = sizeof r,
		            .nlmsg_type = RTM_NEWROUTE,
		            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
		.route = { .rtm_family = AF_INET,
		           .rtm_dst_len = b->bits,
		           .rtm_table = RT_TABLE_MAIN,
		           .rtm_protocol = RTPROT_STATIC,
		           .rtm_scope = RT_SCOPE_UNIVERSE,
		           .rtm_type = RTN_PROHIBIT },
		.attr = { .rta_type = RTA_DST, .rta_len = RTA_LENGTH(sizeof r.to) },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer;
	ssize_t n;

	(void)inet_pton(AF_INET, b->address, &r.to);
	if (send(nl, &r, sizeof r, 0) != (ssize_t)sizeof r)
		return -errno;
	n = recv(nl, &answer, sizeof answer, 0);
	if (n < (ssize_t)sizeof answer.header || answer.header.nlmsg_type != NLMSG_ERROR)
		return n < 0 ? -errno : -EPROTO;
	return answer.error.error;
}

static int block_addresses(void)
{
	AUTO_FD int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc = nl < 0 ? -errno : 0;

	for (size_t i = 0; rc == 0 && i < sizeof blocked / sizeof *blocked; i++)
		rc = send_route(nl, &blocked[i]);
	return rc;
}

/* Raw sockets could pass the blocked routes by, so that containers have none: ping is to work
 * without. */
static int allow_ping(void)
{
	AUTO_FREE char *all =
		xasprintf("0 %" PRIu32, userns_is_root() ? (uint32_t)INT32_MAX : userns_last_gid());

	return io_set("/proc/sys/net/ipv4/ping_group_range", all);
}

static int open_high(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	return high < 0 ? -errno : high;
}

/* The namespace of a thread is its own: this one ends with it, and leaves the descriptor. */
static void *make_namespace(void *arg)
{
	int *ret_fd = arg;
	int rc = unshare(CLONE_NEWNET) == 0 ? block_addresses() : -errno;

	if (rc == 0)
		rc = allow_ping();
	*ret_fd = rc < 0 ? rc : open_high("/proc/thread-self/ns/net");
	return NULL;
}

static int new_namespace(void)
{
	pthread_t thread;
	int fd = -1;
	int rc = pthread_create(&thread, NULL, make_namespace, &fd);

	if (rc != 0)
		return -rc;
	(void)pthread_join(thread, NULL);
	return fd;
}

/* --- the helper ----------------------------------------------------------------------------- */

/* PEER is what the helper tells on that it is ready, and what tells it that all others are gone. */
static pid_t spawn_helper(const char *program, int ns, int peer, int errors)
{
	static const char path[] = "/proc/self/fd/5";
	const char *const argv[] = { program,
		                     "--configure",
		                     "--mtu=65520",
		                     "--disable-host-loopback",
		                     "--enable-sandbox",
		                     "--enable-seccomp",
		                     CIDR_OPTION,
		                     "--ready-fd=3",
		                     "--exit-fd=4",
		                     "--netns-type=path",
		                     path,
		                     "tap0",
		                     NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	pid_t pid;
	int rc;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, errors, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, peer, READY_FD);
	(void)posix_spawn_file_actions_adddup2(&files, peer, EXIT_FD);
	(void)posix_spawn_file_actions_adddup2(&files, ns, NS_FD);
	(void)posix_spawn_file_actions_addclosefrom_np(&files, NS_FD + 1);
	(void)posix_spawn_file_actions_addchdir_np(&files, "/");
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
	                                              POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(&pid, program, &files, &attr, argv_exec(argv), env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return rc == 0 ? pid : -rc;
}

static int to_high(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	(void)close(fd);
	return high;
}

static int start_helper(const char *program, int errors, struct network *n)
{
	AUTO_FD int peer = -1;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	n->helper = to_high(ends[0]);
	peer = to_high(ends[1]);
	if (n->helper < 0 || peer < 0)
		return -errno;
	n->pid = spawn_helper(program, n->ns, peer, errors);
	return n->pid < 0 ? n->pid : 0;
}

static int open_with(const char *program, int errors, struct network *ret_network,
                     struct error *err)
{
	struct network n = NETWORK_NONE_YET;
	int rc;

	n.ns = new_namespace();
	if (n.ns < 0)
		return error_sys(err, n.ns, "cannot make a network namespace");
	rc = start_helper(program, errors, &n);
	if (rc < 0) {
		network_close(&n);
		return error_sys(err, rc, "cannot start '%s'", program);
	}
	*ret_network = n;
	return 0;
}

/* The helper opens the device, and has no word of the way out. */
static int find_helper(char **ret_program, struct error *err)
{
	AUTO_FREE char *program = program_find(HELPER);

	if (!program)
		return error_set(err, SLUICE_MISSING,
		                 HELPER " is not installed; get it for instance by "
		                        "'apt-get install " HELPER "'");
	if (access(TUN, R_OK | W_OK) != 0)
		return error_set(err, SLUICE_MISSING,
		                 "'" TUN "' cannot be opened (%s): as root, '%s'",
		                 strerrordesc_np(errno),
		                 errno == EACCES ? "chmod 666 " TUN : "modprobe tun");
	*ret_program = take_ptr(&program);
	return 0;
}

int network_open(struct network *ret_network, struct error *err)
{
	AUTO_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	AUTO_FREE char *program = NULL;
	int rc = find_helper(&program, err);

	return rc < 0 ? rc : open_with(program, null, ret_network, err);
}

bool network_helper_lives(int helper)
{
	struct pollfd p = { .fd = helper };

	return helper >= 0 && poll(&p, 1, 0) == 0; /* POLLHUP is always asked for */
}

bool network_lives(const struct network *n)
{
	return network_helper_lives(n->helper);
}

void network_close(struct network *n)
{
	cleanup_fd(&n->ns);
	cleanup_fd(&n->helper);
	if (n->pid > 0)
		(void)waitpid(n->pid, NULL, WNOHANG); /* one that has ended leaves no trace */
	*n = (struct network)NETWORK_NONE_YET;
}

/* --- the check ------------------------------------------------------------------------------ */

/* Its last line, which is the one that says why. */
static void read_errors(int fd, struct strbuf *ret_line)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(ERRORS_MAX);
	char *last;

	if (lseek(fd, 0, SEEK_SET) != 0 || io_read_all(fd, &text) < 0)
		return;
	while (text.len > 0 && text.buf[text.len - 1] == '\n')
		text.buf[--text.len] = '\0';
	last = text.len > 0 ? strrchr(text.buf, '\n') : NULL;
	strbuf_addprintable(ret_line, last ? last + 1 : strbuf_str(&text), 300);
}

static int try_helper(const char *program, struct error *err)
{
	AUTO_STRBUF struct strbuf why = STRBUF_INIT(ERRORS_MAX);
	AUTO_FD int errors = memfd_create("sluice-errors", MFD_CLOEXEC);
	struct network n = NETWORK_NONE_YET;
	struct pollfd up = { .events = POLLIN };
	char byte;
	int rc = open_with(program, errors, &n, err);

	if (rc < 0)
		return rc;
	up.fd = n.helper;
	if (poll(&up, 1, UP_MS) != 1 || recv(n.helper, &byte, 1, MSG_DONTWAIT) != 1) {
		read_errors(errors, &why);
		rc = error_set(err, SLUICE_MISSING, "%s does not work here: %s", program,
		               why.len > 0 ? why.buf : "it does not say why");
		(void)kill(n.pid, SIGKILL); /* our child, not reaped */
	}
	network_close(&n);
	return rc;
}

int network_check(const char *home, struct error *err)
{
	AUTO_FREE char *program = NULL;
	struct works works = { .home = home, .name = "network" };
	int rc = find_helper(&program, err);

	works.programs[0] = program;
	if (rc < 0 || works_is_known(&works))
		return rc;
	rc = try_helper(program, err);
	if (rc == 0)
		works_note(&works);
	return rc;
}
