#include "executor/seccomp.h"

#include <errno.h>
#include <stdint.h>

#include "base/json.h"

/*
 * The native one alone: a call of another is refused.  Each more would double what the runtime
 * computes at every start, which is half of its time.
 */
#if defined(__x86_64__)
static const char *const arches[] = { "SCMP_ARCH_X86_64", NULL };
#elif defined(__aarch64__)
static const char *const arches[] = { "SCMP_ARCH_AARCH64", NULL };
#else
#error "say here which seccomp architectures a container on this machine may use"
#endif

/* Names that an architecture or an older libseccomp does not know are skipped by the runtime. */
static const char *const allowed[] = {
	/* files */
	"access", "chdir", "chmod", "chown", "chown32", "chroot", "close", "close_range",
	"copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
	"fadvise64_64", "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2",
	"fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr",
	"flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
	"fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd",
	"getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "ioctl", "lchown", "lchown32", "lgetxattr", "link", "linkat",
	"listxattr", "llistxattr", "_llseek", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"lstat64", "mkdir", "mkdirat", "mknod", "mknodat", "name_to_handle_at", "newfstatat",
	"open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64",
	"pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv",
	"removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "sendfile64",
	"setxattr", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink",
	"symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "truncate64", "umask",
	"unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "vmsplice",
	"write", "writev",
	/* memory */
	"brk", "cachestat", "madvise", "map_shadow_stack", "membarrier", "memfd_create",
	"memfd_secret", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect",
	"mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
	"pkey_mprotect", "process_vm_readv", "process_vm_writev", "remap_file_pages",
	/* processes, identities, limits */
	"capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "getcpu", "getegid",
	"getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
	"getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresgid32",
	"getresuid", "getresuid32", "getrlimit", "get_robust_list", "getrusage", "getsid",
	"get_thread_area", "gettid", "getuid", "getuid32", "ioprio_get", "ioprio_set", "kill",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "pidfd_getfd",
	"pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "process_mrelease", "ptrace",
	"rseq", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval",
	"sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sched_yield", "seccomp", "setfsgid", "setfsgid32", "setfsuid",
	"setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setpgid", "setpriority",
	"setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32",
	"setreuid", "setreuid32", "setrlimit", "set_robust_list", "setsid", "set_thread_area",
	"set_tid_address", "setuid", "setuid32", "sysinfo", "tgkill", "tkill", "ugetrlimit",
	"uname", "vfork", "wait4", "waitid", "waitpid",
	/* signals and time */
	"adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres",
	"clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
	"clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep", "pause",
	"restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo", "setitimer", "sigaltstack", "signalfd", "signalfd4", "sigprocmask",
	"sigreturn", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime",
	"timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times",
	/* waiting and asynchronous input and output */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "futex",
	"futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "io_cancel",
	"io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup",
	"io_submit", "_newselect", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64",
	"select",
	/* sockets and System V or POSIX communication */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ipc",
	"listen", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl",
	"msgget", "msgrcv", "msgsnd", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg",
	"semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
	"socketcall", "socketpair",
	/* others */
	"getrandom",
#if defined(__x86_64__)
	"arch_prctl", "modify_ldt",
#else
	"arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush",
	"set_tls",
#endif
	NULL
};

/* What is allowed, or refused in its own way, only with a certain argument. */
struct conditional {
	const char *name;
	const char *action;
	int errno_value; /* SCMP_ACT_ERRNO */
	const char *op;  /* on argument 0; NULL: unconditional */
	uint64_t value, value_two;
};

enum {
	NAMESPACE_FLAGS = 0x7e020000, /* the CLONE_NEW* of clone(2), without CLONE_NEWTIME */
	VSOCK_FAMILY = 40,            /* reaches past network namespaces, to the hypervisor */
};

static const struct conditional conditionals[] = {
	{ "personality", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_EQ", 0x0, 0 },
	{ "personality", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_EQ", 0x8, 0 },
	{ "personality", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_EQ", 0x20000, 0 },
	{ "personality", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_EQ", 0x20008, 0 },
	{ "personality", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_EQ", 0xffffffff, 0 },
	{ "clone", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_MASKED_EQ", NAMESPACE_FLAGS, 0 },
	/* Its flags lie in memory, where no filter sees them; ENOSYS makes libc take clone. */
	{ "clone3", "SCMP_ACT_ERRNO", ENOSYS, NULL, 0, 0 },
	{ "socket", "SCMP_ACT_ALLOW", 0, "SCMP_CMP_NE", VSOCK_FAMILY, 0 },
};

static cJSON *strings(const char *const *list)
{
	cJSON *arr = json_new_arr();

	for (; *list; list++)
		json_push_str(arr, *list);
	return arr;
}

static cJSON *conditional_rule(const struct conditional *c)
{
	cJSON *rule = json_new_obj();

	json_add(rule, "names", strings((const char *const[]){ c->name, NULL }));
	json_add_str(rule, "action", c->action);
	if (c->errno_value != 0)
		json_add_int(rule, "errnoRet", c->errno_value);
	if (c->op) {
		cJSON *args = json_new_arr();
		cJSON *arg = json_new_obj();

		json_add_int(arg, "index", 0);
		json_add_int(arg, "value", (int64_t)c->value);
		json_add_int(arg, "valueTwo", (int64_t)c->value_two);
		json_add_str(arg, "op", c->op);
		json_push(args, arg);
		json_add(rule, "args", args);
	}
	return rule;
}

cJSON *seccomp_profile(void)
{
	cJSON *profile = json_new_obj();
	cJSON *rules = json_new_arr();
	cJSON *rule = json_new_obj();

	json_add_str(profile, "defaultAction", "SCMP_ACT_ERRNO");
	json_add_int(profile, "defaultErrnoRet", EPERM);
	json_add(profile, "architectures", strings(arches));
	json_add(rule, "names", strings(allowed));
	json_add_str(rule, "action", "SCMP_ACT_ALLOW");
	json_push(rules, rule);
	for (size_t i = 0; i < sizeof conditionals / sizeof conditionals[0]; i++)
		json_push(rules, conditional_rule(&conditionals[i]));
	json_add(profile, "syscalls", rules);
	return profile;
}
