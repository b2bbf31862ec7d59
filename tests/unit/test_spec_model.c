/* What stands in the model of good workflows, and in the inputs of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "spec/spec.h"

static const char full[] = "on:\n"
			   "  github:\n"
			   "    branches:\n"
			   "      only: main\n"
			   "defaults:\n"
			   "  clusterId: cl0000000\n"
			   "  env:\n"
			   "    API_TOKEN: secret:api-token\n"
			   "    EPOCHS: \"1\"\n"
			   "  resources:\n"
			   "    instance-type: C4\n"
			   "    container-registries:\n"
			   "      - team-hub\n"
			   "context: {event: {github: {url: 'https://x/y.git', ref: abc}}}\n"
			   "timeout: 7200\n"
			   "inputs:\n"
			   "  corpus:\n"
			   "    type: dataset\n"
			   "    with:\n"
			   "      ref: gradient/raw-text:stable\n"
			   "  greeting:\n"
			   "    type: string\n"
			   "    with:\n"
			   "      value: hello\n"
			   "  extra: {type: dataset, optional: true}\n"
			   "jobs:\n"
			   "  train:\n"
			   "    needs:\n"
			   "      - fetch\n"
			   "    resources:\n"
			   "      instance-type: P4000\n"
			   "    env:\n"
			   "      EPOCHS: \"3\"\n"
			   "    inputs:\n"
			   "      code: fetch.outputs.code\n"
			   "      text: workflow.inputs.corpus\n"
			   "      word: workflow.inputs.greeting\n"
			   "      more: workflow.inputs.extra\n"
			   "      old: {type: dataset, with: {id: ds0123456789abc:fo5rp4m}}\n"
			   "      lit: {type: string, with: {value: 'x y'}}\n"
			   "    outputs:\n"
			   "      model:\n"
			   "        type: dataset\n"
			   "        with:\n"
			   "          ref: my-model\n"
			   "      score:\n"
			   "        type: string\n"
			   "      code: {type: volume}\n"
			   "    uses: script@v1\n"
			   "    timeout: 1.5\n"
			   "    with:\n"
			   "      image: python:3.11\n"
			   "      script: |-\n"
			   "        cp -R /inputs/code /work && \\\n"
			   "          cd /work   \n"
			   "\n"
			   "        python \"$EPOCHS\"\n"
			   "  fetch:\n"
			   "    uses: git-checkout@v1\n"
			   "    with:\n"
			   "      url: context.event.github.url\n"
			   "      ref: context.event.github.ref\n"
			   "    outputs:\n"
			   "      code:\n"
			   "        type: volume\n";

static struct spec_doc *parse(const char *text)
{
	struct spec_doc *doc = spec_parse(text, strlen(text));

	assert_non_null(doc);
	for (size_t i = 0; i < doc->n_diags; i++)
		print_error("%u:%u %s\n", doc->diags[i].at.line, doc->diags[i].at.column,
		            doc->diags[i].message);
	assert_non_null(doc->spec);
	return doc;
}

static void test_workflow(void **state)
{
	struct spec_doc *doc = parse(full);
	const struct spec *spec = doc->spec;

	(void)state;
	assert_int_equal(doc->n_diags, 0);
	assert_true(spec->has_trigger);
	assert_string_equal(spec->cluster_id, "cl0000000");
	assert_string_equal(spec->event_url, "https://x/y.git");
	assert_string_equal(spec->event_ref, "abc");
	assert_true(spec->timeout > 7199.9 && spec->timeout < 7200.1);
	assert_int_equal(spec->timeout_at.line, 15);
	assert_int_equal(spec->timeout_at.column, 10);
	assert_int_equal(spec->n_registries, 1);
	assert_string_equal(spec->registries[0], "team-hub");
	assert_int_equal(spec->n_inputs, 3);
	assert_string_equal(spec->inputs[0].name, "corpus");
	assert_int_equal(spec->inputs[0].type, SPEC_DATASET);
	assert_true(spec->inputs[0].given);
	assert_string_equal(spec->inputs[0].ref.text, "gradient/raw-text:stable");
	assert_string_equal(spec->inputs[0].ref.namespace, "gradient");
	assert_string_equal(spec->inputs[0].ref.dataset, "raw-text");
	assert_string_equal(spec->inputs[0].ref.point, "stable");
	assert_string_equal(spec->inputs[1].value, "hello");
	assert_int_equal(spec->inputs[1].at.line, 21);
	assert_false(spec->inputs[2].given);
	assert_true(spec->inputs[2].optional);
	spec_doc_free(doc);
}

static void test_job(void **state)
{
	struct spec_doc *doc = parse(full);
	const struct spec_job *job = doc->spec->jobs[0];

	(void)state;
	assert_int_equal(doc->spec->n_jobs, 2);
	assert_string_equal(job->id, "train");
	assert_int_equal(job->index, 0);
	assert_int_equal(job->at.line, 27);
	assert_int_equal(job->at.column, 3);
	assert_string_equal(job->action, "script");
	assert_int_equal(job->version, 1);
	assert_int_equal(job->uses_at.line, 49);
	assert_int_equal(job->uses_at.column, 11);
	assert_true(job->timeout > 1.49 && job->timeout < 1.51);
	assert_string_equal(job->resources.instance_type, "P4000");
	assert_int_equal(job->n_needs, 1);
	assert_ptr_equal(job->needs[0], doc->spec->jobs[1]);
	assert_int_equal(job->n_env, 2);
	assert_string_equal(job->env[0].name, "API_TOKEN");
	assert_string_equal(spec_secret_name(job->env[0].value), "api-token");
	assert_string_equal(job->env[1].name, "EPOCHS");
	assert_string_equal(job->env[1].value, "3");
	assert_null(spec_secret_name(job->env[1].value));
	assert_string_equal(spec_job_string(job, "image"), "python:3.11");
	assert_string_equal(spec_job_string(job, "script"),
	                    "cp -R /inputs/code /work && \\\n  cd /work   \n\npython \"$EPOCHS\"");
	assert_null(spec_job_string(job, "args"));
	job = doc->spec->jobs[1];
	assert_string_equal(job->resources.instance_type, "C4");
	assert_int_equal(job->n_env, 2);
	assert_string_equal(job->env[1].value, "1");
	assert_string_equal(spec_job_string(job, "url"), "context.event.github.url");
	spec_doc_free(doc);
}

static void test_job_inputs(void **state)
{
	struct spec_doc *doc = parse(full);
	const struct spec_job *job = doc->spec->jobs[0];
	const struct spec_input *in = job->inputs;

	(void)state;
	assert_int_equal(job->n_inputs, 6);
	assert_int_equal(in[0].source, SPEC_FROM_JOB);
	assert_int_equal(in[0].type, SPEC_VOLUME);
	assert_ptr_equal(in[0].job, doc->spec->jobs[1]);
	assert_ptr_equal(in[0].output, &doc->spec->jobs[1]->outputs[0]);
	assert_int_equal(in[1].source, SPEC_FROM_WORKFLOW);
	assert_ptr_equal(in[1].input, &doc->spec->inputs[0]);
	assert_int_equal(in[1].type, SPEC_DATASET);
	assert_int_equal(in[2].type, SPEC_STRING);
	assert_true(in[3].optional);
	assert_int_equal(in[4].source, SPEC_INLINE);
	assert_string_equal(in[4].ref.dataset, "ds0123456789abc");
	assert_string_equal(in[4].ref.point, "fo5rp4m");
	assert_null(in[4].ref.namespace);
	assert_string_equal(in[5].value, "x y");
	assert_int_equal(job->n_outputs, 3);
	assert_string_equal(job->outputs[0].ref.dataset, "my-model");
	assert_null(job->outputs[0].ref.point);
	assert_int_equal(job->outputs[1].type, SPEC_STRING);
	assert_string_equal(spec_type_name(job->outputs[2].type), "volume");
	spec_doc_free(doc);
}

/* The text with CRLF line ends means the same, down to the script's bytes. */
static void test_crlf(void **state)
{
	char text[2 * sizeof(full)];
	size_t n = 0;
	struct spec_doc *doc = NULL;

	(void)state;
	for (const char *p = full; *p; p++) {
		if (*p == '\n')
			text[n++] = '\r';
		text[n++] = *p;
	}
	text[n] = '\0';
	doc = parse(text);
	assert_string_equal(spec_job_string(doc->spec->jobs[0], "script"),
	                    "cp -R /inputs/code /work && \\\n  cd /work   \n\npython \"$EPOCHS\"");
	assert_int_equal(doc->spec->jobs[1]->at.line, 58);
	spec_doc_free(doc);
}

static void test_params(void **state)
{
	struct spec_doc *doc =
		parse("\xef\xbb\xbfjobs:\n  a-1_b:\n    uses: container@v1\n    with:\n"
	              "      image: alpine\n      command: [sh, -c]\n      args:\n"
	              "      - |\n        echo 'a'\n\n      - '3'\n      - >-\n"
	              "        folded\n        text\n");
	const struct spec_param *param = NULL;

	(void)state;
	param = spec_job_param(doc->spec->jobs[0], "args");
	assert_true(param->is_list);
	assert_int_equal(param->n, 3);
	assert_string_equal(param->value[0], "echo 'a'\n");
	assert_string_equal(param->value[1], "3");
	assert_string_equal(param->value[2], "folded text");
	assert_int_equal(param->at.line, 8);
	param = spec_job_param(doc->spec->jobs[0], "command");
	assert_true(param->is_list);
	assert_int_equal(param->n, 2);
	assert_null(spec_job_string(doc->spec->jobs[0], "args"));
	spec_doc_free(doc);
}

static void test_string_command(void **state)
{
	struct spec_doc *doc =
		parse("jobs: {a: {uses: container@v1, with: {image: i, command: bash}}}");
	const struct spec_param *param = spec_job_param(doc->spec->jobs[0], "command");

	(void)state;
	assert_false(param->is_list);
	assert_string_equal(spec_job_string(doc->spec->jobs[0], "command"), "bash");
	assert_false(doc->spec->has_trigger);
	assert_null(doc->spec->jobs[0]->resources.instance_type);
	spec_doc_free(doc);
}

/* Own keys win over merged ones, and the first of a list over the rest, all in silence. */
static void test_merge(void **state)
{
	struct spec_doc *doc = parse(
		"jobs:\n"
		"  a: {uses: container@v1, with: &a {image: i, command: c}, env: &e {A: a, B: b}}\n"
		"  b: {uses: container@v1, with: {image: own, <<: *a}, env: &f {A: f, C: f}}\n"
		"  c: {uses: container@v1, with: *a, env: {<<: [*f, *e], C: own}}\n");
	const struct spec_job *job = doc->spec->jobs[1];

	(void)state;
	assert_int_equal(doc->n_diags, 0);
	assert_string_equal(spec_job_string(job, "image"), "own");
	assert_string_equal(spec_job_string(job, "command"), "c");
	job = doc->spec->jobs[2];
	assert_string_equal(spec_job_string(job, "image"), "i");
	assert_int_equal(job->n_env, 3);
	assert_string_equal(job->env[0].name, "B");
	assert_string_equal(job->env[1].name, "A");
	assert_string_equal(job->env[1].value, "f");
	assert_string_equal(job->env[2].value, "own");
	spec_doc_free(doc);
}

/* A reference alone makes an edge, and the edge stands once and after the written ones. */
static void test_implied_needs(void **state)
{
	const char *text =
		"jobs:\n"
		"  c: {uses: container@v1, with: {image: i}, needs: [b],\n"
		"      inputs: {x: a.outputs.v, y: a.outputs.w, z: d.outputs.v}}\n"
		"  b: {uses: container@v1, with: {image: i}, needs: [a]}\n"
		"  a: {uses: container@v1, with: {image: i},\n"
		"      outputs: {v: {type: volume}, w: {type: string}}}\n"
		"  d: {uses: container@v1, with: {image: i}, outputs: {v: {type: volume}}}\n";
	struct spec_doc *doc = spec_parse(text, strlen(text));
	const struct spec_job *job = NULL;

	(void)state;
	assert_non_null(doc->spec);
	assert_int_equal(doc->n_diags, 1);
	assert_string_equal(doc->diags[0].hint, "add 'd' to needs");
	job = doc->spec->jobs[0];
	assert_int_equal(job->n_needs, 3);
	assert_string_equal(job->needs[0]->id, "b");
	assert_string_equal(job->needs[1]->id, "a");
	assert_string_equal(job->needs[2]->id, "d");
	assert_int_equal(job->inputs[1].type, SPEC_STRING);
	spec_doc_free(doc);
}

/* Names may hold what separates them. */
static void test_odd_names(void **state)
{
	struct spec_doc *doc =
		parse("jobs:\n"
	              "  x.outputs.y: {uses: container@v1, with: {image: i},\n"
	              "      outputs: {z.outputs.z: {type: volume}}}\n"
	              "  '1': {uses: container@v1, with: {image: i}, needs: [x.outputs.y],\n"
	              "      inputs: {\xe6\x97\xa5: x.outputs.y.outputs.z.outputs.z}}\n"
	              "  b: {uses: container@v1, with: {image: i}, needs: [1]}\n");

	(void)state;
	assert_string_equal(doc->spec->jobs[1]->inputs[0].job->id, "x.outputs.y");
	assert_string_equal(doc->spec->jobs[1]->inputs[0].output->name, "z.outputs.z");
	assert_string_equal(doc->spec->jobs[2]->needs[0]->id, "1");
	spec_doc_free(doc);
}

struct ref_row {
	const char *text, *namespace, *dataset, *point; /* no dataset: refused */
};

static const struct ref_row ref_rows[] = {
	{ "name", NULL, "name", NULL },
	{ "a name.x-y_z", NULL, "a name.x-y_z", NULL },
	{ "ds0123456789abc:fo5rp4m", NULL, "ds0123456789abc", "fo5rp4m" },
	{ "name:latest", NULL, "name", "latest" },
	{ "gradient/mnist", "gradient", "mnist", NULL },
	{ "gradient/mnist:v1", "gradient", "mnist", "v1" },
	{ "", NULL, NULL, NULL },
	{ ":v", NULL, NULL, NULL },
	{ "a:", NULL, NULL, NULL },
	{ "a:b:c", NULL, NULL, NULL },
	{ "/a", NULL, NULL, NULL },
	{ "a/", NULL, NULL, NULL },
	{ "a/b/c", NULL, NULL, NULL },
	{ "a:b/c", NULL, NULL, NULL },
	{ "..", NULL, NULL, NULL },
	{ "../a", NULL, NULL, NULL },
	{ "a:..", NULL, NULL, NULL },
	{ "a ", NULL, NULL, NULL },
	{ "a\\tb", NULL, NULL, NULL },
	{ "a\\x9bb", NULL, NULL, NULL },
};

static void assert_text(const char *is, const char *should)
{
	if (should)
		assert_string_equal(is, should);
	else
		assert_null(is);
}

static void test_refs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ref_rows) / sizeof(*ref_rows); i++) {
		const struct ref_row *row = &ref_rows[i];
		struct spec_doc *doc = NULL;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "inputs: {d: {type: dataset, with: {ref: \"%s\"}}}\n"
		               "jobs: {a: {uses: container@v1, with: {image: i}}}\n",
		               row->text);
		doc = spec_parse(text, strlen(text));
		assert_int_equal(doc->n_errors, row->dataset ? 0 : 1);
		if (doc->spec) {
			const struct spec_ref *ref = &doc->spec->inputs[0].ref;

			assert_string_equal(ref->text, row->text);
			assert_text(ref->namespace, row->namespace);
			assert_text(ref->dataset, row->dataset);
			assert_text(ref->point, row->point);
		}
		spec_doc_free(doc);
	}
}

static void check_given(const char *text, const char *expected)
{
	struct spec_inputs_doc *doc = spec_parse_inputs(text, strlen(text));
	char got[1024] = "";

	assert_non_null(doc);
	for (size_t i = 0; i < doc->n_given; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s=%s%s%s\n",
		               doc->given[i].name, doc->given[i].value ? doc->given[i].value : "",
		               doc->given[i].ref ? "@" : "",
		               doc->given[i].ref ? doc->given[i].ref : "");
	for (size_t i = 0; i < doc->n_diags; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u:%u %s\n",
		               doc->diags[i].at.line, doc->diags[i].at.column,
		               doc->diags[i].message);
	assert_string_equal(got, expected);
	assert_int_equal(doc->n_errors > 0, doc->given == NULL && doc->n_diags > 0);
	spec_inputs_doc_free(doc);
}

static void test_given(void **state)
{
	(void)state;
	check_given("corpus:\n  id: raw-text:stable\ngreeting:\n  value: hello\n",
	            "corpus=@raw-text:stable\ngreeting=hello\n");
	check_given("{\"inputs\": {\"d\": {\"ref\": \"a:b\"}, \"s\": {\"value\": \"\"}}}",
	            "d=@a:b\ns=\n");
	check_given(
		"d: {type: dataset, with: {ref: gradient/d}}\ns: {type: string, with: {value: v}}",
		"d=@gradient/d\ns=v\n");
	check_given("inputs: {value: x}", "inputs=x\n");
	check_given("inputs: {type: string, with: {value: x}}", "inputs=x\n");
	check_given("a: {value: x}\na: {value: y}\n",
	            "a=y\n2:1 'a' stands here twice; the one in line 1 is not used\n");
	check_given("a: {value: x, ref: y}", "1:1 the input 'a' has both a value and a dataset\n");
	check_given("a: {}", "1:1 the input 'a' has neither a value nor a dataset\n");
	check_given("a: hello", "1:4 an input must be a mapping, not a string\n");
	check_given("a: {value: 3}", "1:12 value must be a string, not a number\n");
	check_given("a: {ref: 'x:y:z'}", "1:10 'x:y:z' is no dataset reference\n");
	check_given("[a]", "1:1 the inputs of a run must be a mapping, not a list\n");
}

static void test_nothing_given(void **state)
{
	struct spec_inputs_doc *doc = spec_parse_inputs("", 0);

	(void)state;
	assert_int_equal(doc->n_given, 0);
	assert_int_equal(doc->n_diags, 0);
	spec_inputs_doc_free(doc);
	spec_inputs_doc_free(NULL);
	spec_doc_free(NULL);
}

static void resources_are_laid_over_those_of_defaults(void **state)
{
	struct spec_doc *doc = NULL;
	const struct spec_resources *a = NULL, *b = NULL;
	static const char text[] =
		"defaults: {resources: {instance-type: C4, cpus: 0.5, memory: 1GiB, gpus: 0}}\n"
		"jobs:\n"
		"  a: {uses: container@v1, with: {image: i}, network: none,\n"
		"      resources: {cpus: 1.25, memory: 500MB, shm-size: 999999999TiB}}\n"
		"  b: {uses: container@v1, with: {image: i}, resources: {gpus: 2}}\n";

	(void)state;
	doc = spec_parse(text, sizeof text - 1);
	assert_non_null(doc->spec);
	a = &doc->spec->jobs[0]->resources;
	b = &doc->spec->jobs[1]->resources;
	assert_true(doc->spec->jobs[0]->no_network);
	assert_false(doc->spec->jobs[1]->no_network);
	assert_string_equal(a->instance_type, "C4");
	assert_true(a->cpu_milli == 1250 && a->memory == 500000000 && a->shm_size == INT64_MAX);
	assert_true(a->has_gpus && a->gpus == 0);
	assert_int_equal(a->cpus_at.line, 4);
	assert_true(b->cpu_milli == 500 && b->memory == 1 << 30 && b->shm_size == 0);
	assert_true(b->has_gpus && b->gpus == 2);
	spec_doc_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workflow),
		cmocka_unit_test(resources_are_laid_over_those_of_defaults),
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_inputs),
		cmocka_unit_test(test_crlf),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_string_command),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_implied_needs),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_nothing_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
