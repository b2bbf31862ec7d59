/*
 * Hands an open file from one process to another, through a socket at a path that both see.
 *
 *	hand_over give SOCKET r|w PATH         opens it for reading or also for writing, and waits
 *	                                       until somebody takes it
 *	hand_over take SOCKET COMMAND [ARG...] runs the command with it as descriptor 3
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int give(int fd, const struct sockaddr_un *name, int open_flags, const char *path)
{
	char byte = 0;
	struct iovec text = { .iov_base = &byte, .iov_len = 1 };
	union control control = { 0 };
	struct msghdr msg = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof control.buf,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int file = open(path, open_flags);
	int taker;

	if (file < 0)
		return fail(path);
	if (bind(fd, (const struct sockaddr *)name, sizeof *name) != 0 || listen(fd, 1) != 0)
		return fail(name->sun_path);
	taker = accept(fd, NULL, NULL);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof file);
	memcpy(CMSG_DATA(c), &file, sizeof file);
	return sendmsg(taker, &msg, 0) == 1 && read(taker, &byte, 1) == 1 ? 0 : fail("give");
}

static int take(int fd, const struct sockaddr_un *name, char **command)
{
	char byte;
	struct iovec text = { .iov_base = &byte, .iov_len = 1 };
	union control control;
	struct msghdr msg = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof control.buf,
	};
	int file;

	while (connect(fd, (const struct sockaddr *)name, sizeof *name) != 0)
		(void)usleep(10000);
	if (recvmsg(fd, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return fail("take");
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof file);
	if (write(fd, "", 1) != 1 || dup2(file, 3) != 3)
		return fail("take");
	(void)execvp(command[0], command);
	return fail(command[0]);
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc < 4 || fd < 0)
		return fail("hand_over");
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", argv[2]);
	if (strcmp(argv[1], "give") == 0 && argc == 5)
		return give(fd, &name, argv[3][0] == 'w' ? O_RDWR : O_RDONLY, argv[4]);
	return take(fd, &name, argv + 3);
}
