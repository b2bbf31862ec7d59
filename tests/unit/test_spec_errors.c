/* What is said about wrong workflows: every row a text and the first lines of all diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"

struct row {
	const char *yaml;
	const char *said; /* "LINE:COL error|warning MESSAGE [| HINT]" per line */
};

/* A good job, to put others beside. */
#define GOOD      "uses: container@v1, with: {image: i}"
#define JOB(rest) "jobs:\n  a: {" GOOD ", " rest "}\n"
#define MAKER     "jobs:\n  m: {" GOOD ", outputs: {v: {type: volume}, s: {type: string}}}\n"

static const struct row document_rows[] = {
	{ "", "1:1 error the workflow has no jobs | name at least one job under 'jobs:'\n" },
	{ "# all of it\n#jobs:\n",
	  "1:1 error the workflow has no jobs | name at least one job under 'jobs:'\n" },
	{ "jobs:\n", "1:1 error the workflow has no jobs | name at least one job under 'jobs:'\n" },
	{ "jobs: {}\n",
	  "1:1 error the workflow has no jobs | name at least one job under 'jobs:'\n" },
	{ "- a\n", "1:1 error a workflow must be a mapping, not a list\n" },
	{ "jobs: [a]\n", "1:7 error jobs must be a mapping, not a list\n" },
	{ "jobs:\n\ta: 1\n", "2:1 error a tab stands in the indentation | indent with spaces\n" },
	{ "jobs:\n  a: {}\n---\njobs: {}\n",
	  "3:1 error a second YAML document begins here | keep one workflow in one file\n" },
	{ "a: *x\n", "1:4 error no anchor '&x' stands before this alias\n" },
	{ "a: &x [*x]\n", "1:8 error the alias '*x' stands inside its own anchor\n" },
	{ "a: b: c\n",
	  "1:5 error a ':' stands where no key can begin | quote a value that holds ': ', "
	  "and align keys of one mapping\n" },
	{ "jobs: [a\n", "1:7 error a ',' or ']' is missing in a list\n" },
	{ "a: \xff\n", "1:4 error the text is not UTF-8: byte 0xff stands here | save the file as "
	               "UTF-8\n" },
	{ "a: \x01\n", "1:4 error the control character U+0001 is not allowed in YAML | in a "
	               "double-quoted string it can be written as an escape\n" },
	{ JOB("env: {A: \"x\\0y\"}"), "2:54 error a string holds a NUL byte | remove the '\\0'\n" },
	{ JOB("env: {A: !!int 3}"), "2:54 error the tag 'tag:yaml.org,2002:int' is not part of the "
	                            "workflow language | remove the tag; a string may be quoted "
	                            "instead\n" },
	{ "jobs:\n  a:\n    with:\n      script: |-\n        x\n# no\n        y\n",
	  "7:9 error a comment left of it ended the block of text before this line | indent the comment "
	  "above like the text of the block, or remove it\n" },
	{ "jobs:\n  a:\n    with:\n      script: |-\n        x\n# no\n        y: z\n",
	  "7:9 error a comment left of it ended the block of text before this line | indent the comment "
	  "above like the text of the block, or remove it\n" },
};

static const struct row top_rows[] = {
	{ "name: x\n" JOB("needs: []"),
	  "1:1 error a workflow has no key 'name' | a workflow has no name of its own; remove the "
	  "line\n" },
	{ "job: {}\n" JOB("needs: []"),
	  "1:1 error a workflow has no key 'job' | did you mean 'jobs'?\n" },
	{ "on: push\n" JOB("needs: []"),
	  "1:5 error on must be a mapping, not a string | the only trigger "
	  "is github: {branches: {only: NAME}}\n" },
	{ "true: {manual: 1}\n" JOB("needs: []"),
	  "1:8 error on has no key 'manual' | the only trigger is "
	  "github: {branches: {only: NAME}}\n" },
	{ "'on': {github: {branches: main}}\n" JOB("needs: []"),
	  "1:27 error branches must be a mapping, not a string | write it as branches: {only: main}\n" },
	{ "on: {github: {tags: {include: v1}}}\n" JOB("needs: []"),
	  "1:31 error include must be a list of strings, not a string | write one string per line, each "
	  "after '- '\n" },
	{ "defaults: {image: x}\n" JOB("needs: []"),
	  "1:12 error defaults has no key 'image' | each job "
	  "names its own image, under 'with'\n" },
	{ "defaults: {resources: {instance-typ: x}}\n" JOB("needs: []"),
	  "1:24 error defaults.resources has no key 'instance-typ' | did you mean 'instance-type'?\n" },
	{ "defaults: {env: [A]}\n" JOB("needs: []"),
	  "1:17 error env must be a mapping, not a list\n" },
	{ "context: {event: {gitlab: {}}}\n" JOB("needs: []"),
	  "1:19 error context.event has no key 'gitlab' | did you mean 'github'?\n" },
	{ "timeout: soon\n" JOB("needs: []"),
	  "1:10 error timeout must be a number of seconds above 0 | "
	  "write it like this: timeout: 3600\n" },
	{ "timeout: \"3\"\n" JOB("needs: []"),
	  "1:10 error timeout must be a number of seconds above 0 | "
	  "write it like this: timeout: 3600\n" },
	{ "timeout: 0\n" JOB("needs: []"),
	  "1:10 error timeout must be a number of seconds above 0 | "
	  "write it like this: timeout: 3600\n" },
	{ "timeout: 3\ntimeout: 4\n" JOB("needs: []"),
	  "2:1 warning 'timeout' stands here twice; the one in line 1 is not used\n" },
	{ "inputs: {x: {type: dataset, ref: d}}\n" JOB("needs: []"),
	  "1:29 error 'ref' stands one level too high | put it under 'with': with: {ref: d}\n" },
	{ "inputs: {x: {type: string, with: {ref: d}}}\n" JOB("needs: []"),
	  "1:40 error a string has no 'ref' | give the string with 'value'\n" },
	{ "inputs: {x: {type: string, with: {value: 3}}}\n" JOB("needs: []"),
	  "1:42 error value must be a string, not a number | write it in quotes: \"3\"\n" },
	{ "inputs: {x: {type: dataset, optional: maybe}}\n" JOB("needs: []"),
	  "1:39 error optional must be a boolean, not a string | write true or false, without quotes\n" },
	{ "inputs: {a/b: {type: string}}\n" JOB("needs: []"),
	  "1:10 error the name 'a/b' of an input holds a '/' | use letters, digits, '-' and '_'\n" },
};

static const struct row job_rows[] = {
	{ "jobs: {a: }\n", "1:8 error the job 'a' is empty\n" },
	{ "jobs: {a: {with: {}}}\n",
	  "1:8 error the job 'a' has no 'uses' | say what it does, such as uses: script@v1 (keys of one "
	  "job stand in one column)\n" },
	{ "jobs: {a: {uses: scirpt@v1}}\n",
	  "1:18 error there is no action 'scirpt@v1' | did you mean 'script@v1'?\n" },
	{ "jobs: {a: {uses: deploy@v1}}\n",
	  "1:18 error there is no action 'deploy@v1' | the actions are container@v1, script@v1, "
	  "git-checkout@v1, s3-download@v1 and create-model@v1\n" },
	{ "jobs: {a: {uses: container@v2, with: {image: i}}}\n",
	  "1:18 error the action 'container' has no such version: 'container@v2' | write "
	  "container@v1\n" },
	{ "jobs: {a: {uses: container, with: {image: i}}}\n",
	  "1:18 error the action 'container' is written without its version: 'container' | write "
	  "container@v1\n" },
	{ JOB("image: x"), "2:45 error a job has no key 'image' | put it under 'with'\n" },
	{ JOB("script: x"), "2:45 error a job has no key 'script' | put it under 'with'\n" },
	{ JOB("if: x"),
	  "2:45 error a job has no key 'if' | there are no conditions: a job runs when "
	  "all its needs succeeded\n" },
	{ JOB("output: {}"), "2:45 error a job has no key 'output' | did you mean 'outputs'?\n" },
	{ JOB("resources: {}"),
	  "2:45 error resources names no instance-type | add instance-type: NAME, "
	  "or remove resources\n" },
	{ JOB("resources: {instance-type: C4, container-registries: [a]}"),
	  "2:76 error resources has no key 'container-registries' | registries are named once, in "
	  "defaults.resources\n" },
	{ JOB("env: {A: 3, B: true}"),
	  "2:54 warning the value of 'A' is a number and is taken as the string \"3\" | write it in "
	  "quotes\n"
	  "2:60 warning the value of 'B' is a boolean and is taken as the string \"true\" | write it in "
	  "quotes\n" },
	{ JOB("env: {A: }"),
	  "2:54 error the value of 'A' must be a string, not empty | write \"\" for "
	  "an empty string\n" },
	{ JOB("env: {A: ~}"),
	  "2:54 error the value of 'A' must be a string, not empty | write \"\" for "
	  "an empty string\n" },
	{ JOB("env: {A: {}}"), "2:54 error the value of 'A' must be a string, not a mapping\n" },
	{ JOB("env: {A=B: c}"),
	  "2:51 error 'A=B' cannot be the name of an environment variable\n" },
	{ JOB("env: {A: 'secret:'}"), "2:54 error the secret has no name | write secret:NAME\n" },
	{ "jobs:\n  a: {" GOOD "}\n  b: {" GOOD "}\n  a: {" GOOD "}\n",
	  "4:3 error there are two jobs 'a'; the first stands in line 2 | give one of them another "
	  "name\n" },
	{ "jobs:\n  a/b: {" GOOD "}\n",
	  "2:3 error the name 'a/b' of a job holds a '/' | use letters, "
	  "digits, '-' and '_'\n" },
	{ "jobs:\n  ..: {" GOOD "}\n", "2:3 error the name '..' of a job cannot be the name of a "
	                               "directory | use letters, digits, '-' and '_'\n" },
	{ "jobs:\n  '': {" GOOD "}\n",
	  "2:3 error the name '' of a job is empty | use letters, digits, '-' and '_'\n" },
	{ "jobs:\n  \"a\\e[1m\": {" GOOD "}\n",
	  "2:3 error the name 'a\\x1b[1m' of a job holds a control character | use letters, digits, '-' "
	  "and '_'\n" },
	{ "jobs:\n  [a]: {" GOOD "}\n  b: {" GOOD "}\n",
	  "2:3 error the name of a job must be a string, not a list\n" },
};

static const struct row output_rows[] = {
	{ JOB("outputs: {x: volume}"),
	  "2:58 error an output must be a mapping with a 'type', not a "
	  "string | write it as x: {type: volume}\n" },
	{ JOB("outputs: {x: {}}"),
	  "2:55 error 'x' has no type | add type: dataset, string or volume\n" },
	{ JOB("outputs: {x: {type: volum}}"),
	  "2:65 error there is no type 'volum' | did you mean 'volume'?\n" },
	{ JOB("outputs: {x: {type: dataset}}"),
	  "2:55 error the dataset output 'x' names no dataset | add with: {ref: DATASET}\n" },
	{ JOB("outputs: {x: {type: dataset, id: d}}"),
	  "2:74 error 'id' stands one level too high | put it under 'with': with: {id: d}\n" },
	{ JOB("outputs: {x: {type: dataset, with: {ref: d, id: d}}}"),
	  "2:93 error both 'ref' and 'id' name a dataset | keep 'ref'; 'id' is its older spelling\n" },
	{ JOB("outputs: {x: {type: dataset, with: {ref: 'd:v'}}}"),
	  "2:86 error an output cannot be written to the version or tag 'v' | name the dataset only: "
	  "the job makes a new version of it\n" },
	{ JOB("outputs: {x: {type: volume, with: {ref: d}}}"),
	  "2:79 error a volume output has no 'with' | remove it\n" },
	{ JOB("outputs: {x: {type: string, with: {value: d}}}"),
	  "2:79 error a string output has no 'with' | remove it\n" },
	{ JOB("outputs: {x: {type: string}, x: {type: volume}}"),
	  "2:74 warning 'x' stands here twice; the one in line 2 is not used\n" },
};

static const struct row input_rows[] = {
	{ MAKER "  b: {" GOOD ", needs: [m], inputs: {x: m.outputs.w}}\n",
	  "3:69 error the job 'm' has no output 'w'\n" },
	{ MAKER "  b: {" GOOD ", needs: [m], inputs: {x: M.outputs.v}}\n",
	  "3:69 error there is no job 'M' | did you mean 'm'?\n" },
	{ MAKER "  b: {" GOOD ", inputs: {x: m.outputs.v}}\n",
	  "3:57 warning 'm' is used here and not listed in needs; it is added | add 'm' to needs\n" },
	{ MAKER "  b: {" GOOD ", needs: [m]}\n  c: {" GOOD
	        ", needs: [b], inputs: {x: m.outputs.v}}\n",
	  "" },
	{ MAKER "  b: {" GOOD ", needs: m}\n",
	  "3:52 warning needs is a string and is taken as a list "
	  "of one job | write it as needs: [m]\n" },
	{ MAKER "  b: {" GOOD ", needs: [m, m]}\n", "3:56 warning 'm' is listed twice\n" },
	{ MAKER "  b: {" GOOD ", needs: [[m]]}\n",
	  "3:53 error an item of needs must be the name of a job, not a list\n" },
	{ JOB("inputs: {x: workflow.inputs.y}"), "2:57 error the workflow has no input 'y'\n" },
	{ "inputs: {corpus: {type: dataset}}\n" JOB("inputs: {x: workflow.inputs.copus}"),
	  "3:57 error the workflow has no input 'copus' | did you mean 'corpus'?\n" },
	{ JOB("inputs: {x: hello}"),
	  "2:57 error 'hello' is no reference to an input or output | for a dataset write {type: "
	  "dataset, with: {ref: hello}}, for a string {type: string, with: {value: \"hello\"}}\n" },
	{ JOB("inputs: {x: m.output.v}"),
	  "2:57 error 'm.output.v' is no reference to an input or "
	  "output | write JOB.outputs.NAME or workflow.inputs.NAME\n" },
	{ JOB("inputs: {x: }"), "2:57 error an input is empty\n" },
	{ JOB("inputs: {x: {type: volume}}"),
	  "2:64 error a volume cannot be made as an input: this form ended in July 2021 | make it an "
	  "output of a job, and write `JOB.outputs.NAME` here\n" },
	{ JOB("inputs: {x: {type: alias}}"),
	  "2:64 error the type 'alias' is internal and cannot be written in a workflow | write the "
	  "reference itself: `NAME: JOB.outputs.X` or `NAME: workflow.inputs.X`\n" },
	{ JOB("inputs: {x: {type: dataset, with: {ref: a.outputs.b}}}"),
	  "2:85 error 'a.outputs.b' is a reference inside this workflow, not a dataset | write it as the "
	  "input itself: `NAME: a.outputs.b`\n" },
	{ JOB("inputs: {x: {type: dataset, with: {ref: workflow.inputs.b}}}"),
	  "2:85 error 'workflow.inputs.b' is a reference inside this workflow, not a dataset | write it "
	  "as the input itself: `NAME: workflow.inputs.b`\n" },
	{ JOB("inputs: {x: {type: dataset}}"),
	  "2:54 error the dataset 'x' says nothing of where it comes from | add with: {ref: "
	  "DATASET}\n" },
	{ JOB("inputs: {x: {type: string, with: {}}}"),
	  "2:54 error the string 'x' says nothing of where it comes from | add with: {value: TEXT}\n" },
	{ JOB("inputs: {x: {type: dataset, with: {value: d}}}"),
	  "2:54 error the dataset 'x' says nothing of where it comes from | add with: {ref: DATASET}\n"
	  "2:87 error a dataset has no 'value' | name the dataset with 'ref'\n" },
	{ JOB("needs: [b]"), "2:53 error there is no job 'b'\n" },
	{ JOB("needs: [a]"),
	  "2:53 error jobs need each other in a circle: a -> a | take one of these "
	  "needs out: none of these jobs could ever begin\n" },
	{ "jobs:\n  a: {needs: [b], " GOOD "}\n  b: {needs: [c], " GOOD "}\n  c: {needs: [a], " GOOD
	  "}\n",
	  "4:15 error jobs need each other in a circle: a -> b -> c -> a | take one of these needs out: "
	  "none of these jobs could ever begin\n" },
	{ "jobs:\n  a: {inputs: {x: b.outputs.v}, needs: [b], outputs: {v: {type: volume}}, " GOOD
	  "}\n  b: {needs: [], inputs: {x: a.outputs.v}, outputs: {v: {type: volume}}, " GOOD "}\n",
	  "3:30 error jobs need each other in a circle: a -> b -> a | take one of these needs out: none "
	  "of these jobs could ever begin\n"
	  "3:30 warning 'a' is used here and not listed in needs; it is added | add 'a' to needs\n" },
};

#define USES(action, with) "jobs:\n  a:\n    uses: " action "@v1\n    with: {" with "}\n"
#define VOLUME             "    outputs: {v: {type: volume}}\n"
#define TWO                "    outputs: {v: {type: volume}, w: {type: volume}}\n"

static const struct row action_rows[] = {
	{ USES("script", "script: x"), "3:11 error script@v1 needs 'image' under 'with' | name a "
	                               "container image, such as image: python:3.11\n" },
	{ USES("script", "image: x, script: [a, b]"),
	  "4:30 error script must be one string, not a list | write `script: |-` and put the lines below "
	  "it\n" },
	{ USES("script", "image: x, script: 3"),
	  "4:30 error script must be a string, not a number | write it in quotes: \"3\"\n" },
	{ USES("script", "image: x, script: ''"),
	  "4:30 error script is empty | put the lines below `script: |-`\n" },
	{ USES("script", "image: x, script: y, url: z"),
	  "4:33 error script@v1 has no parameter 'url'\n" },
	{ USES("script", "image: x, script: y, with: {}"),
	  "4:33 error script@v1 has no parameter 'with' | remove this 'with': the parameters stand right "
	  "under the first\n" },
	{ USES("script", "image: x, script: y, outputs: {}"),
	  "4:33 error script@v1 has no parameter 'outputs' | put it beside 'with', not under it\n" },
	{ USES("container", "image: x, args: echo hi"),
	  "4:28 error args must be a list of strings, not a string | write one string per line, each "
	  "after '- '\n" },
	{ USES("container", "image: x, args: [a, 1, true, [], ~]"),
	  "4:32 error each item of args must be a string, not a number | write it in quotes: \"1\"\n"
	  "4:35 error each item of args must be a string, not a boolean | write it in quotes: "
	  "\"true\"\n"
	  "4:41 error each item of args must be a string, not a list\n"
	  "4:45 error each item of args is empty\n" },
	{ USES("container", "image: x, command: [a, b], args: ['1', \"2\"]"), "" },
	{ USES("container", "image: x, command: bash"), "" },
	{ USES("container", "imge: x"),
	  "3:11 error container@v1 needs 'image' under 'with' | name a "
	  "container image, such as image: python:3.11\n"
	  "4:12 error container@v1 has no parameter 'imge' | did you mean "
	  "'image'?\n" },
	{ USES("git-checkout", "url: u"),
	  "2:3 error git-checkout@v1 needs one volume or dataset output, and this job has 0 | add "
	  "outputs: {NAME: {type: volume}}\n" },
	{ USES("git-checkout", "url: u") TWO,
	  "2:3 error git-checkout@v1 needs one volume or dataset output, and this job has 2 | say where "
	  "it goes: path: /outputs/NAME\n" },
	{ USES("git-checkout", "url: u, path: /outputs/w") TWO, "" },
	{ USES("git-checkout", "url: u, branch: b") VOLUME,
	  "4:20 error git-checkout@v1 has no parameter 'branch' | use 'ref': it takes a branch, a tag or "
	  "a commit\n" },
	{ USES("git-checkout", "url: context.event.github.ulr") VOLUME,
	  "4:17 error the context has no 'context.event.github.ulr' | did you mean "
	  "'context.event.github.url'?\n" },
	{ USES("git-checkout", "url: u, password: 'secret:'") VOLUME,
	  "4:30 error the secret has no name | write secret:NAME\n" },
	{ USES("s3-download", "url: u, access-key: k, secret-access-key: plain") VOLUME,
	  "4:54 error secret-access-key stands here in plain text | put it in a secret and write "
	  "secret:NAME\n" },
	{ USES("s3-download", "url: u, access-key: k, secret-access-key: 'secret:s', region: r")
	          VOLUME,
	  "" },
	{ USES("create-model",
	       "name: n, type: Customer") "    inputs: {model: {type: dataset, with: {ref: d}}}\n",
	  "4:27 error there is no model type 'Customer' | did you mean 'Custom'?\n" },
	{ USES("create-model", "name: n, type: ONNX"),
	  "2:3 error create-model@v1 needs exactly one dataset input, and this job has 0 | the dataset "
	  "that is to become the model\n" },
	{ USES("create-model",
	       "name: n, type: ONNX") "    inputs: {model: {type: dataset, with: {ref: d}}}\n    outputs: {id: {type: string}}\n",
	  "6:15 error create-model@v1 has no output 'id' of type string | its only output is model-id: "
	  "{type: string}\n" },
};

static void add_line(char *said, size_t size, const struct spec_diag *diag)
{
	size_t used = strlen(said);

	(void)snprintf(said + used, size - used, "%u:%u %s %s%s%s\n", diag->at.line,
	               diag->at.column, diag->severity == SPEC_ERROR ? "error" : "warning",
	               diag->message, diag->hint ? " | " : "", diag->hint ? diag->hint : "");
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct spec_doc *doc = spec_parse(rows[i].yaml, strlen(rows[i].yaml));
		char said[4096] = "";

		assert_non_null(doc);
		for (size_t j = 0; j < doc->n_diags; j++)
			add_line(said, sizeof(said), &doc->diags[j]);
		if (strcmp(said, rows[i].said) != 0)
			print_error("for:\n%s", rows[i].yaml);
		assert_string_equal(said, rows[i].said);
		assert_int_equal(doc->spec == NULL, doc->n_errors > 0);
		spec_doc_free(doc);
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(*(rows)))

static void test_document(void **state)
{
	(void)state;
	CHECK(document_rows);
}

static void test_top(void **state)
{
	(void)state;
	CHECK(top_rows);
}

static void test_job(void **state)
{
	(void)state;
	CHECK(job_rows);
}

static void test_outputs(void **state)
{
	(void)state;
	CHECK(output_rows);
}

static void test_inputs(void **state)
{
	(void)state;
	CHECK(input_rows);
}

static void test_actions(void **state)
{
	(void)state;
	CHECK(action_rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document), cmocka_unit_test(test_top),
		cmocka_unit_test(test_job),      cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_inputs),   cmocka_unit_test(test_actions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
