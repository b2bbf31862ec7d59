/* seccomp_compile FILE: writes seccomp_filter.c, see seccomp_filter.h.  A part of the build. */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "executor/seccomp_rules.h"

/* A search tree: the kernel runs the program for every call of a job. */
enum { OPTIMIZE_TREE = 2 };

static enum scmp_compare find_op(const char *name)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (strcmp(ops[i].name, name) == 0)
			return ops[i].op;
	return _SCMP_CMP_MIN; /* which libseccomp refuses */
}

static int add_allowed(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (const char *const *name = seccomp_allowed; rc == 0 && *name; name++) {
		int nr = seccomp_syscall_resolve_name(*name);

		/* What this architecture has not is negative: a rule would be for another's. */
		if (nr >= 0)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	}
	return rc;
}

static int add_conditional(scmp_filter_ctx ctx, const struct seccomp_conditional *c)
{
	int nr = seccomp_syscall_resolve_name(c->name);
	uint32_t action =
		c->errno_value != 0 ? SCMP_ACT_ERRNO((uint32_t)c->errno_value) : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp arg = { .arg = 0, .datum_a = c->value, .datum_b = c->value_two };

	if (nr < 0)
		return 0;
	if (c->op)
		arg.op = find_op(c->op);
	return seccomp_rule_add_array(ctx, action, nr, c->op ? 1 : 0, &arg);
}

static int add_rules(scmp_filter_ctx ctx)
{
	int rc = add_allowed(ctx);

	for (const struct seccomp_conditional *c = seccomp_conditionals; rc == 0 && c->name; c++)
		rc = add_conditional(ctx, c);
	return rc;
}

static void print_instructions(FILE *program)
{
	struct sock_filter f;

	rewind(program);
	(void)puts("const struct sock_filter seccomp_filter[] = {");
	while (fread(&f, sizeof f, 1, program) == 1)
		(void)printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", f.code, f.jt, f.jf, f.k);
	(void)puts("};\n\nconst size_t seccomp_filter_len = sizeof seccomp_filter / sizeof "
	           "*seccomp_filter;\n");
}

/* Base64, in which three bytes are four digits of six bits.  No string: they have a largest length.
 */
static void print_text(FILE *program)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char in[3] = { 0 };
	size_t n;

	rewind(program);
	(void)puts("const char seccomp_filter_text[] = {");
	while ((n = fread(in, 1, sizeof in, program)) > 0) {
		unsigned bits = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];

		(void)printf("\t'%c', '%c', '%c', '%c',\n", digits[bits >> 18],
		             digits[bits >> 12 & 63], n > 1 ? digits[bits >> 6 & 63] : '=',
		             n > 2 ? digits[bits & 63] : '=');
		memset(in, 0, sizeof in);
	}
	(void)puts("\t'\\0'\n};");
}

static int print_program(scmp_filter_ctx ctx)
{
	FILE *program = tmpfile();
	int rc = program ? seccomp_export_bpf(ctx, fileno(program)) : -errno;

	if (rc < 0)
		return rc;
	(void)puts("#include \"executor/seccomp_filter.h\"\n");
	print_instructions(program);
	print_text(program);
	rc = ferror(program) ? -EIO : 0;
	(void)fclose(program);
	return rc;
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE) : -ENOMEM;

	if (rc == 0)
		rc = add_rules(ctx);
	if (rc == 0 && (argc != 2 || !freopen(argv[1], "we", stdout)))
		rc = -EINVAL;
	if (rc == 0)
		rc = print_program(ctx);
	seccomp_release(ctx);
	if (rc < 0 || fflush(stdout) != 0) {
		(void)fprintf(stderr, "seccomp_compile: %s\n", strerrordesc_np(-rc));
		return 1;
	}
	return 0;
}
