# Secrets reach the job's environment and nothing else.

VALUE='s3cr3t-v@lue'

workflow() {
	{
		printf 'jobs:\n'
		script_job show 'env: {TOKEN: "secret:my-token"}' 'outputs: {d: {type: dataset, with: {ref: shown}}}' <<'END'
echo "token: $TOKEN"
echo "twice $TOKEN$TOKEN" >&2
printf %s "$TOKEN" | wc -c
printf '%s' "${TOKEN:0:5}"; sleep 0.2; echo "${TOKEN:5}"
printf %s "$TOKEN" | sha256sum | cut -d' ' -f1 > /outputs/d/hash
END
	} >secret.yaml
}

# Nowhere but in the files that the test itself wrote.
check() {
	cat out err >both
	says both 'show | token: ***'
	says both "show | ${#VALUE}"
	silent both "$VALUE"
	! grep -rqF "$VALUE" "$SLUICE_HOME" || fail "on disk: $(grep -rlF "$VALUE" "$SLUICE_HOME")"
	same "$(contents shown hash)" "$(printf %s "$VALUE" | sha256sum | cut -d' ' -f1)"
	nothing_left
}

# What a job calls its files is said when they are left out, also in the catalog.
test_not_in_what_is_said_of_files() {
	{
		printf 'jobs:\n'
		script_job show 'env: {TOKEN: "secret:my-token"}' 'outputs: {d: {type: dataset, with: {ref: shown}}}' <<'END'
mkdir "/outputs/$TOKEN"
mkfifo "/outputs/d/fifo-$TOKEN"
END
	} >names.yaml
	ok run names.yaml --secret "my-token=$VALUE"
	says err '/outputs/***, which is none of its outputs'
	says err "'fifo-***' is a FIFO"
	silent err "$VALUE"
	silent out "$VALUE"
	! grep -rqF "$VALUE" "$SLUICE_HOME" || fail "on disk: $(grep -rlF "$VALUE" "$SLUICE_HOME")"
}

test_given_as_an_option() {
	workflow
	ok run secret.yaml --secret "my-token=$VALUE"
	check
}

test_from_the_environment() {
	workflow
	MY_TOKEN=$VALUE ok run secret.yaml --secret-env my-token=MY_TOKEN
	check
}

test_from_a_file() {
	workflow
	printf 'my token=1\n' >wrong.env
	expect 2 sluice run secret.yaml --env-file wrong.env
	says err 'wrong.env:1: a line must read NAME=VALUE'
	printf '# a comment\nother=1\nexport my-token="%s"\n' "$VALUE" >secrets.env
	ok run secret.yaml --env-file secrets.env
	rm secrets.env
	check
}

test_missing_stops_before_the_start() {
	workflow
	expect 2 sluice run secret.yaml
	says err my-token
	same "$(versions shown 2>/dev/null)" 0
	! ls "$SLUICE_HOME"/runs/*/ 2>/dev/null | grep -q . || fail 'a run was recorded'
	expect 2 sluice run secret.yaml --secret "my-tokn=$VALUE"
	says err my-token
	silent err "$VALUE"
}

test_not_in_arguments_of_processes() {
	{
		printf 'jobs:\n'
		script_job show 'env: {TOKEN: "secret:my-token"}' <<<'echo started; sleep 2'
	} >secret.yaml
	MY_TOKEN=$VALUE "$SLUICE" run secret.yaml --secret-env my-token=MY_TOKEN >out 2>err &
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
	local file words
	for file in /proc/[0-9]*/cmdline; do
		words=$(tr '\0' ' ' 2>/dev/null <"$file") || continue
		[[ $words != *"$VALUE"* ]] || fail "in an argv: $words"
	done
	! grep -rqF "$VALUE" "$SLUICE_HOME" || fail 'on disk while it runs'
	wait $!
}

test_logs_of_a_run_are_masked() {
	workflow
	ok run secret.yaml --secret "my-token=$VALUE"
	ok runs logs "$(ls "$SLUICE_HOME/runs" | head -n 1)"
	says out '***'
	silent out "$VALUE"
}

test_not_in_the_list_of_processes() {
	{
		echo 'jobs:'
		script_job show 'env: {TOKEN: "secret:my-token"}' <<'END'
until [ -e /storage/go ]; do sleep 0.05; done
END
	} >waits.yaml
	"$SLUICE" run waits.yaml --secret "my-token=$VALUE" >out 2>&1 &
	runner=$!
	wait_for grep -q 'show : started' out
	tr '\0' '\n' <"/proc/$runner/cmdline" >seen
	says seen 'my-token=****'
	silent seen "$VALUE"
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "$(cat out)"
	runner=
}
