/*
 * Runs a program of this folder under libfault.c and tells what became of it.  Include after
 *cmocka.
 *
 *	calls = fault_child_count(argv, count_path, &child)     all goes well; how many calls it
 *made child = fault_child_run(argv, "FAULT", "kill:7")        the seventh of them strikes
 */
#ifndef FAULTS_CHILD_H
#define FAULTS_CHILD_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"

struct fault_child {
	int status; /* as waitpid() has it */
	char out[1024], errors[1024];
};

static inline void fault_child_exec(const char *const *argv, const char *variable,
                                    const char *value, const int out[2], const int errors[2])
{
	if (dup2(out[1], STDOUT_FILENO) < 0 || dup2(errors[1], STDERR_FILENO) < 0 ||
	    setenv("LD_PRELOAD", LIBFAULT, 1) != 0 || setenv(variable, value, 1) != 0)
		_exit(101);
	(void)execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(102);
}

static inline void fault_child_read(int pipe[2], char *text, size_t size)
{
	AUTO_STRBUF struct strbuf all = STRBUF_INIT(STRBUF_BIG);

	assert_int_equal(close(pipe[1]), 0);
	assert_int_equal(io_read_all(pipe[0], &all), 0);
	assert_int_equal(close(pipe[0]), 0);
	(void)snprintf(text, size, "%s", strbuf_str(&all));
}

/* `argv` begins with the program's path; what it says is short enough for no pipe to get full. */
static inline struct fault_child fault_child_run(const char *const *argv, const char *variable,
                                                 const char *value)
{
	struct fault_child child;
	int out[2];
	int errors[2];
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		fault_child_exec(argv, variable, value, out, errors);
	fault_child_read(out, child.out, sizeof child.out);
	fault_child_read(errors, child.errors, sizeof child.errors);
	assert_int_equal(waitpid(pid, &child.status, 0), pid);
	return child;
}

/* Without a fault; `path` is that of a file which it may write. */
static inline unsigned long fault_child_count(const char *const *argv, const char *path,
                                              struct fault_child *ret_child)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(64);

	*ret_child = fault_child_run(argv, "FAULT_COUNT", path);
	if (ret_child->status != 0)
		fail_msg("%s: status %d, '%s'", argv[0], ret_child->status, ret_child->errors);
	assert_int_equal(io_read_file(AT_FDCWD, path, &text), 0);
	return strtoul(strbuf_str(&text), NULL, 10);
}

/* Was it killed?  If not, it ended well, or failed and said why. */
static inline bool fault_child_was_killed(const struct fault_child *child, const char *fault)
{
	int code = WEXITSTATUS(child->status);

	if (WIFSIGNALED(child->status)) {
		assert_int_equal(WTERMSIG(child->status), SIGKILL);
		return true;
	}
	if (code != 0 && (code != 1 || !child->errors[0]))
		fail_msg("%s: exit status %d, '%s'", fault, code, child->errors);
	return false;
}

#endif
