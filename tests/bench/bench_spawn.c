/* bench_spawn N PROGRAM [ARGUMENT...]: runs it so many times, one after the other, quietly.  A
 * shell's fork() would cost more than what is to be measured. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(char *const *argv, const posix_spawn_file_actions_t *actions)
{
	int status = 0;
	pid_t pid;

	if (posix_spawn(&pid, argv[0], actions, NULL, argv, environ) != 0)
		return -1;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;

	if (argc < 3 || posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) !=
	            0)
		return 2;
	for (long n = strtol(argv[1], NULL, 10); n > 0; n--) {
		if (spawn(argv + 2, &actions) != 0) {
			(void)fprintf(stderr, "bench_spawn: %s failed\n", argv[2]);
			return 1;
		}
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return 0;
}
