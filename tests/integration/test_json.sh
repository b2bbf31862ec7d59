# What scripts read: each document is what its schema says, in every way that a run can end.

valid() { # SCHEMA FILE
	"$REPO/tests/integration/check-json" "$1" "$2"
}

invalid() { # SCHEMA FILE: as a test of the schema
	! valid "$1" "$2" >wrong || fail "$1 allows: $(cat "$2")"
}

types() { jq -r .type "$1" | paste -sd ' '; }
states() { jq -r "select(.job == \"$2\" and .type == \"job\") | .state" "$1" | paste -sd ' '; }

# A job that reads what another made, and one that has no luck.
write_jobs() {
	{
		echo 'jobs:'
		script_job make 'outputs: {d: {type: dataset, with: {ref: made}}}' \
			<<<"printf 'bad \\377 byte\\n'; echo more >&2; echo x > /outputs/d/file"
		script_job use 'needs: [make]' 'inputs: {i: make.outputs.d}' <<<"exit ${1:-0}"
		script_job after 'needs: [use]' <<<'true'
	} >w.yaml
}

test_success() {
	write_jobs
	ok run --json w.yaml
	cp out events
	valid event events
	same "$(types events | cut -d ' ' -f 1-2)" 'notice run_started'
	same "$(jq -r .type events | tail -n 1)" run_finished
	same "$(states events make)" 'preparing running committing succeeded'
	same "$(states events after)" 'preparing running succeeded'
	same "$(jq -c 'select(.type == "run_started") | .jobs' events)" '["make","use","after"]'
	same "$(jq -r 'select(.type == "run_finished") | [.phase, .exitStatus] | @tsv' events)" \
		$'SUCCEEDED\t0'
	same "$(jq -r 'select(.type == "version") | [.job, .output, .files, .usageBytes] | @tsv' events)" \
		$'make\td\t1\t2'
	local made log
	made=$(jq -r 'select(.type == "version") | .dataset.id' events)
	same "$(contents "$made" file)" x
	log=$(jq -r 'select(.job == "make" and .state == "succeeded") | .log' events)
	says "$log" ' stderr F more'
	ok runs show --json
	valid run out
	same "$(jq -r '.status.jobs.make.outputs.d.dataset | [.id, .isCommitted] | @tsv' out)" \
		"$made"$'\ttrue'
	same "$(jq -r '.status.jobs.use.inputs.i.dataset.id' out)" "$made"
	same "$(jq -r '.spec.jobs.use.inputs.i' out)" make.outputs.d
	# The history and the events say the same of a job.
	same "$(jq -S '.status.jobs.use | del(.inputs, .outputs)' out)" \
		"$(jq -S 'select(.job == "use" and .state == "succeeded") | del(.type, .time, .run, .job)' events)"
}

test_failure_and_skip() {
	write_jobs 3
	expect 1 sluice run --json w.yaml
	cp out events
	valid event events
	same "$(jq -r 'select(.job == "use" and .state == "failed") | [.exitCode, .message] | @tsv' events)" \
		$'3\texit code 3'
	same "$(states events after)" skipped
	same "$(jq -r 'select(.type == "run_finished") | [.phase, .exitStatus] | @tsv' events)" $'FAILED\t1'
	ok runs show --json
	valid run out
	same "$(jq -r '.status.jobs | map(.phase) | @tsv' out)" $'SUCCEEDED\tFAILED\tSKIPPED'
}

test_cancel() {
	{
		echo 'jobs:'
		script_job sleep 'outputs: {d: {type: dataset, with: {ref: slept}}}' <<'END'
trap 'exit 3' TERM
echo started
sleep 300 & wait
END
	} >sleep.yaml
	"$SLUICE" run --json sleep.yaml >events 2>err &
	runner=$!
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
	# Events are not kept back while the run goes on.
	wait_for grep -q '"state":"running"' events
	ok runs show --json
	valid run out
	same "$(jq -r '.status.phase, .status.jobs.sleep.outputs.d.dataset.isCommitted' out | paste -sd ' ')" \
		'RUNNING false'
	kill -TERM "$runner"
	local got=0
	wait "$runner" || got=$?
	same "$got" 143
	valid event events
	same "$(states events sleep)" 'preparing running canceled'
	same "$(jq -r 'select(.type == "run_finished") | [.phase, .exitStatus] | @tsv' events)" \
		$'CANCELED\t143'
	ok runs show --json
	valid run out
	same "$(jq -r '.status.jobs.sleep.phase' out)" CANCELED
}

test_logs() {
	write_jobs
	ok run --json --logs w.yaml
	valid event out
	# Two streams are two pipes: which of them is read first is nobody's promise.
	same "$(jq -r 'select(.type == "log") | [.job, .stream, .text, .partial] | @tsv' out | sort)" \
		$'make\tstderr\tmore\tfalse\nmake\tstdout\tbad \xef\xbf\xbd byte\tfalse'
	same "$(jq -r 'select(.job == "make") | .state // .type' out | grep -v committing | paste -sd ' ')" \
		'preparing running log log version succeeded'
	expect 2 sluice run --logs w.yaml
	says err '--json'
}

test_nothing_run() {
	printf 'jobs:\n  a:\n    uses: scrpt@v1\n' >bad.yaml
	expect 2 sluice run --json bad.yaml
	valid event out
	same "$(types out)" 'diagnostic error'
	same "$(jq -r 'select(.type == "diagnostic") | .diagnostic.line' out)" 3
	matches err '^bad\.yaml:3:11: error: '
	expect 2 sluice run --json nowhere.yaml
	valid event out
	same "$(jq -r '[.type, .exitStatus] | @tsv' out)" $'error\t2'
	write_jobs
	ok run --json --dry-run w.yaml
	valid event out
	same "$(types out)" plan
	same "$(jq -r '.jobs | map(.name) | @tsv' out)" $'make\tuse\tafter'
}

# Names and messages may hold any bytes; what is printed is UTF-8 all the same.
test_bytes() {
	write_jobs
	ok run --json --name $'odd \xff "name"' w.yaml
	valid event out
	same "$(jq -r 'select(.type == "run_started") | .workflow' out)" $'odd \xef\xbf\xbd "name"'
	ok runs show --json
	valid run out
	ok runs list --json
	jq '.[]' out >list
	valid run list
}

# --- every command -------------------------------------------------------------------------------

# offers [WORD...]: the commands below these words that know --json, one a line.
offers() {
	local word
	for word in $("$SLUICE" complete -- "$@" '' | cut -f1 | grep -xE '[a-zA-Z0-9]+'); do
		if [ -n "$("$SLUICE" complete -- "$@" "$word" --js)" ]; then
			echo "$* $word" | sed 's/^ //'
		elif "$SLUICE" help "$@" "$word" | grep -q '^Commands:'; then
			offers "$@" "$word"
		fi
	done
}

# document STATUS 'COMMAND' ARGUMENT...: what it prints is what its schema says.
document() {
	local command=$2
	# shellcheck disable=SC2086
	expect "$1" sluice $command --json "${@:3}"
	valid "commands#${command// /-}" out
	echo "$command" >>seen
}

# A home with something of everything.
fill() {
	mkdir -p texts/deep texts/empty
	echo a >texts/a
	echo b >texts/deep/b
	ln -s a texts/link
	ok storageProviders create s3 minio --bucket team --prefix a/b --endpoint http://127.0.0.1:1 \
		--accessKey key --secretAccessKey secret --no-check
	ok datasets create --name texts --description 'some words'
	ok datasets create --name far --storageProviderId minio
	ok datasets versions create --id texts --source-path texts/ --message one
	ok datasets tags set texts:latest --name golden
	echo c >texts/c
	ok datasets put texts texts/
	ok datasets versions create --id texts
	{
		echo 'inputs: {word: {type: string}}'
		echo 'jobs:'
		script_job make 'inputs: {i: {type: dataset, with: {ref: texts}}}' \
			'outputs: {d: {type: dataset, with: {ref: made}}, v: {type: volume}}' \
			<<<'echo x > /outputs/d/file'
		script_job use 'inputs: {d: make.outputs.d, w: workflow.inputs.word}' <<<'exit 1'
	} >both.yaml
	expect 1 sluice run both.yaml --input word=ho
}

test_every_document() {
	printf 'jobs: {a: {uses: scrpt@v1}}\n' >bad.yaml
	fill
	document 2 validate both.yaml bad.yaml nowhere.yaml
	document 0 graph both.yaml
	document 0 doctor
	document 0 'datasets list'
	document 0 'datasets details' texts
	document 0 'datasets log' made
	document 0 'datasets lineage' made
	document 1 'datasets diff' texts:golden texts
	document 0 'datasets du' texts
	document 0 'datasets public'
	document 0 'datasets versions list' texts --is-committed true
	document 0 'datasets versions list' texts --is-committed false
	document 0 'datasets versions details' made
	document 0 'datasets files list' texts
	document 0 'datasets tags list' texts
	document 0 'storageProviders list'
	document 0 'storageProviders details' minio
	document 0 'images list'
	document 0 'images inspect' bash:5
	document 0 'images prune' --dry-run
	document 0 'runs list'
	document 0 'runs show'
	document 2 'runs resume' both/1
	document 0 run both.yaml --dry-run --input word=ho
	document 0 'datasets prune' --all --keep-last 1 --dry-run
	document 0 'store stats'
	document 0 'store gc' --dry-run
	document 0 'store verify' --all
	local object
	object=$(sha256sum <texts/deep/b | sed 's|^\(..\)\([0-9a-f]*\).*|\1/\2|')
	chmod u+w "$SLUICE_HOME/store/objects/$object"
	echo X >"$SLUICE_HOME/store/objects/$object"
	document 4 'store verify' --all
	document 0 'store recover'
	echo 'images pull' >>seen # which needs a registry: test_registry.sh
	same "$(sort -u seen)" "$(offers | sort)"
}

# A validator that takes everything would prove nothing.
test_schemas_refuse() {
	write_jobs
	ok run --json w.yaml
	jq -c 'select(.type == "run_finished")' out >event
	valid event event
	jq -c 'del(.exitStatus)' event >changed && invalid event changed
	jq -c '.extra = 1' event >changed && invalid event changed
	jq -c '.type = "unheard"' event >changed && invalid event changed
	jq -c '.time = "2026-11-24 00:00:00"' event >changed && invalid event changed
	: >empty && invalid event empty
	ok runs show --json
	valid run out
	jq 'del(.uuid)' out >changed && invalid run changed
	jq '.status.jobs.make.phase = "DONE"' out >changed && invalid run changed
	jq '.status.jobs.make.outputs.d.dataset.more = 1' out >changed && invalid run changed
	jq '.status.jobs.make.more = 1' out >changed && invalid run changed
	ok datasets versions list --id made --json
	valid commands#datasets-versions-list out
	jq '.[0].more = 1' out >changed && invalid commands#datasets-versions-list changed
	jq 'del(.[0].manifest)' out >changed && invalid commands#datasets-versions-list changed
	ok datasets files list --id made --json
	valid commands#datasets-files-list out
	jq '.[0].name += "/"' out >changed && invalid commands#datasets-files-list changed
}
