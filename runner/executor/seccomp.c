#include "executor/seccomp.h"

#include <errno.h>

#include "base/json.h"
#include "executor/seccomp_rules.h"

static cJSON *conditional_rule(const struct seccomp_conditional *c)
{
	cJSON *rule = json_new_obj();

	json_add(rule, "names", json_new_strs((const char *const[]){ c->name, NULL }));
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
	json_add(profile, "architectures",
	         json_new_strs((const char *const[]){ SECCOMP_ARCH, NULL }));
	json_add(rule, "names", json_new_strs(seccomp_allowed));
	json_add_str(rule, "action", "SCMP_ACT_ALLOW");
	json_push(rules, rule);
	for (const struct seccomp_conditional *c = seccomp_conditionals; c->name; c++)
		json_push(rules, conditional_rule(c));
	json_add(profile, "syscalls", rules);
	return profile;
}
