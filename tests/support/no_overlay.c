/*
 * no_overlay COMMAND [ARGUMENT...]: runs it, as root, on a kernel that mounts no overlay for it and
 * what it starts, as those before 5.11 do for an ordinary user.  A filter cannot look at names: it
 * is the flags that tell an overlay of ours, for nothing else is mounted with MS_NODEV alone.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	/* Without new privileges newuidmap would map nothing. */
	if (argc < 2 || !filter || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) != 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mount), 1,
	                     SCMP_A3(SCMP_CMP_EQ, MS_NODEV)) != 0 ||
	    seccomp_load(filter) != 0)
		return 2;
	(void)execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 2;
}
