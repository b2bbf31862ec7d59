# What a job sees and what becomes of the others when one fails.

test_failed_job_commits_nothing() {
	{
		echo 'jobs:'
		script_job bad 'outputs: {d: {type: dataset, with: {ref: never}}}' <<'END'
echo half > /outputs/d/file
exit 7
END
		script_job after 'needs: [bad]' <<<'echo ran'
		script_job beside <<<'echo beside'
	} >fail.yaml
	expect 1 sluice run fail.yaml
	says out 'beside | beside'
	silent out 'after | ran'
	cat out err >both
	says both 7
	matches both '[Ss]kipped|SKIPPED'
	same "$(versions never)" 0
	"$SLUICE" datasets versions list --id never --isCommitted false >open
	silent open 'never:'
	! grep -qE 'ds[a-z0-9]{13}:' open || fail 'an open version is left'
	nothing_left
}

test_fail_fast() {
	{
		echo 'jobs:'
		script_job bad <<<'sleep 0.3; exit 1'
		script_job slow <<<'sleep 1000; echo survived'
		script_job later 'needs: [slow]' <<<'echo later'
	} >fast.yaml
	expect 1 sluice run fast.yaml --jobs 2 --fail-fast --grace 1
	silent out survived
	nothing_left
}

test_exit_status_of_signals() {
	{
		echo 'jobs:'
		script_job killed <<<'bash -c "kill -9 \$\$"'
	} >kill.yaml
	expect 1 sluice run kill.yaml
	cat out err >both
	says both 'exit code 137: killed by signal 9 (Killed)'
}

# memory_limit: the file that limits the one running job's memory, on either version of cgroups.
memory_limit() {
	local group
	cgroups_here | while read -r group; do
		for file in "$group/memory.limit_in_bytes" "$group/memory.max"; do
			[ ! -w "$file" ] || echo "$file"
		done
	done | head -1
}

# The job waits until its limit is set from outside.
test_out_of_memory_in_words() {
	local waits limit status=0
	{
		echo 'jobs:'
		script_job big 'outputs: {d: {type: dataset, with: {ref: never}}}' <<'END'
touch /outputs/d/waits
until [ -e /outputs/d/go ]; do sleep 0.05; done
head -c 600000000 /dev/zero | tail >/dev/null
END
	} >big.yaml
	set -m
	"$SLUICE" run big.yaml >out 2>err &
	runner=$!
	set +m
	job_waits() { waits=$(find "$SLUICE_HOME" -name waits -print -quit) && [ -n "$waits" ]; }
	wait_for job_waits
	limit=$(memory_limit)
	[ -n "$limit" ] || exit 77 # no memory controller for us
	echo 67108864 >"$limit"
	touch "${waits%waits}go"
	wait "$runner" || status=$?
	runner=
	cat out err >both
	same "$status" 1
	says both 'out of memory: the kernel killed it'
	silent both 'killed by signal'
	ok runs show big/1
	says out 'out of memory: the kernel killed it'
	same "$(versions never)" 0
	nothing_left
}

# Four jobs that end when all four have begun, and four of which no two may run at a time.
test_as_many_jobs_at_once_as_asked_for() {
	local i
	{
		echo 'jobs:'
		for i in 1 2 3 4; do
			script_job "together-$i" <<<"touch /storage/$i; until [ -e /storage/1 -a -e /storage/2 -a -e /storage/3 -a -e /storage/4 ]; do sleep 0.05; done"
		done
	} >together.yaml
	ok run together.yaml --jobs 4
	{
		echo 'jobs:'
		for i in 1 2 3 4; do
			script_job "alone-$i" <<<'mkdir /storage/only-one && sleep 0.2 && rmdir /storage/only-one'
		done
	} >alone.yaml
	ok run alone.yaml --jobs 1
}

test_environment() {
	cat >env.yaml <<'END'
defaults:
  env:
    BOTH: default
    ONLY: default
jobs:
  show:
    env:
      BOTH: job
      QUOTES: "a \"b\" 'c' $HOME `d`"
      LINES: "one\ntwo"
      EMPTY: ""
    uses: script@v1
    with:
      image: bash:5
      script: |
        echo "$BOTH $ONLY"
        echo "$QUOTES"
        echo "$LINES"
        echo "empty: [$EMPTY] ${EMPTY+set}"
END
	ok run env.yaml
	says out 'show | job default'
	says out "show | a \"b\" 'c' \$HOME \`d\`"
	says out 'show | two'
	says out 'show | empty: [] set'
}

test_two_hundred_variables() {
	{
		printf 'jobs:\n  show:\n    env:\n'
		local i
		for i in $(seq 200); do
			echo "      VARIABLE_$i: \"value $i\""
		done
		printf '    uses: script@v1\n    with:\n      image: bash:5\n      script: |\n'
		echo '        env | grep -c ^VARIABLE_; echo "$VARIABLE_200"'
	} >many.yaml
	ok run many.yaml
	says out 'show | 200'
	says out 'show | value 200'
}

test_long_script() {
	{
		echo 'jobs:'
		{
			local i
			for i in $(seq 8000); do
				echo "x=$i # a line that makes this script longer than one argument may be"
			done
			echo 'echo "x is $x"'
		} | script_job long
	} >long.yaml
	[ "$(wc -c <long.yaml)" -gt 400000 ] || fail 'too short for this test'
	ok run long.yaml
	says out 'long | x is 8000'
}

test_script_stops_where_bash_would() {
	{
		echo 'jobs:'
		script_job go <<'END'
false
echo "went on"
END
	} >go.yaml
	sluice run go.yaml
	# Documented nowhere; what matters is that the status is that of bash.
	if [ "$status" -eq 0 ]; then says out 'went on'; else same "$status" 1; fi
}

test_container_action() {
	cat >container.yaml <<'END'
jobs:
  args:
    uses: container@v1
    with:
      image: bash:5
      args: [bash, -c, 'printf "%s|" "$@"; echo', name, "a b", "*", "", "$HOME", 'quo"te']
  command:
    uses: container@v1
    with:
      image: bash:5
      command: bash
      args: ["-c", "echo from the command"]
END
	ok run container.yaml
	says out 'args | a b|*||$HOME|quo"te|'
	says out 'command | from the command'
}

test_strings_keep_their_bytes() {
	{
		echo 'jobs:'
		script_job a 'outputs: {s: {type: string}}' <<<"printf 'no newline' > /outputs/s"
		script_job b 'needs: [a]' 'inputs: {s: a.outputs.s, t: {type: string, with: {value: "x\ty"}}}' <<'END'
wc -c < /inputs/s
cat /inputs/t | od -c | head -n 1
END
	} >string.yaml
	ok run string.yaml
	says out 'b | 10'
	says out 'x  \t   y'
}

test_string_not_written() {
	{
		echo 'jobs:'
		script_job a 'outputs: {s: {type: string}}' <<<'true'
		script_job b 'needs: [a]' 'inputs: {s: a.outputs.s}' <<<'cat /inputs/s'
	} >string.yaml
	sluice run string.yaml
	[ "$status" -ne 0 ] || fail 'a string that was not written is an error'
	cat out err >both
	says both /outputs/s
}

test_long_lines_and_binary_output() {
	{
		echo 'jobs:'
		script_job a <<'END'
head -c 200000 /dev/zero | tr '\0' x; echo
printf 'nul \0 and a byte \377 that is no UTF-8\n'
printf 'no newline at the end'
END
	} >lines.yaml
	ok run lines.yaml
	same "$(tr -cd x <out | head -c 300000 | wc -c | awk '{ print ($1 >= 200000) }')" 1
	says out 'that is no UTF-8'
	says out 'a | no newline at the end'
}

test_lines_are_shown_while_the_job_runs() {
	{
		echo 'jobs:'
		script_job a <<<'echo early; until [ -e /storage/go ]; do sleep 0.05; done; echo late'
	} >slow.yaml
	"$SLUICE" run slow.yaml >out 2>err &
	wait_for grep -q 'a | early' out
	silent out late
	touch "$SLUICE_HOME/storage/go"
	wait $!
	says out 'a | late'
}

test_heavy_output() {
	{
		echo 'jobs:'
		script_job a <<<'seq 200000'
	} >heavy.yaml
	ok run heavy.yaml
	same "$(grep -c '^a | ' out)" 200000
	same "$(tail -n 1 <(grep '^a | ' out))" 'a | 200000'
}

test_stdout_and_stderr() {
	{
		echo 'jobs:'
		script_job a <<<'echo to stdout; echo to stderr >&2'
	} >both.yaml
	ok run both.yaml
	cat out err >both
	says both 'a | to stdout'
	says both 'a | to stderr'
}

test_background_processes_end_with_the_job() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: bg}}}' <<'END'
(while :; do date >> /outputs/d/late; sleep 0.01; done) >/dev/null 2>&1 &
echo done > /outputs/d/file
END
	} >bg.yaml
	ok run bg.yaml
	same "$(contents bg file)" "done"
	nothing_left
}

test_network_none() {
	{
		echo 'jobs:'
		script_job a <<<'cat /proc/net/dev | grep -c ":"'
	} >net.yaml
	ok run net.yaml --network none
	says out 'a | 1'
}

test_both_runtimes() {
	local runtime
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: rt}}}' <<<'echo ran | tee /outputs/d/x'
	} >rt.yaml
	for runtime in crun runc; do
		ok run rt.yaml --runtime "$(command -v $runtime)"
		says out 'a | ran'
		nothing_left
	done
	expect 3 sluice run rt.yaml --runtime /nonexistent/runtime
	says err /nonexistent/runtime
}

test_missing_image() {
	printf 'jobs:\n  a:\n    uses: script@v1\n    with: {image: "bsh:5", script: "true"}\n' >image.yaml
	expect 3 sluice run --pull never image.yaml
	says err "no image 'bsh:5' in this home; nearest: bash:5; 'sluice images pull bsh:5' gets it"
}

test_missing_command() {
	printf 'jobs:\n  a:\n    uses: container@v1\n    with: {image: "bash:5", args: [no-such-program]}\n' >cmd.yaml
	sluice run cmd.yaml
	[ "$status" -ne 0 ] || fail 'a missing program is a failure'
	cat out err >both
	says both no-such-program
	nothing_left
}

test_hundred_jobs() {
	{
		echo 'jobs:'
		local i
		for i in $(seq 100); do
			if [ "$i" -eq 1 ]; then
				script_job "job-$i" <<<'true'
			else
				script_job "job-$i" "needs: [job-$((i - 1))]" <<<'true'
			fi
		done
	} >chain.yaml
	ok run chain.yaml
	nothing_left
}

# image_for_user TAG USER: imports bash:5 once more as bash:TAG, whose containers run as that user.
image_for_user() {
	local config manifest layout=layout-$1
	cp -a "$SLUICE_HOME/images" "$layout"
	put() { # what comes becomes a blob; prints its digest and size as JSON
		cat >blob
		local digest
		digest=$(sha256sum blob | cut -d ' ' -f 1)
		printf '{"digest": "sha256:%s", "size": %d}' "$digest" "$(stat -c %s blob)"
		mv blob "$layout/blobs/sha256/$digest"
	}
	blob() { cat "$layout/blobs/sha256/${1#sha256:}"; }
	manifest=$(jq -r '.manifests[0].digest' "$layout/index.json")
	config=$(blob "$(blob "$manifest" | jq -r .config.digest)" |
		jq --arg user "$2" '.config.User = $user' | put)
	manifest=$(blob "$manifest" | jq --argjson config "$config" '.config += $config' | put)
	jq --argjson manifest "$manifest" --arg name "bash:$1" '.manifests = [.manifests[0] + $manifest |
		.annotations["org.opencontainers.image.ref.name"] = $name]' \
		"$layout/index.json" >index && mv index "$layout/index.json"
	ok images import "$layout"
}

# What is shared between jobs is so too where an image's user is not root.
test_users_share_storage_and_volumes() {
	image_for_user nobody nobody
	image_for_user worker 1234:1234
	cat >users.yaml <<'END'
jobs:
  first:
    uses: script@v1
    outputs: {v: {type: volume}}
    with:
      image: bash:nobody
      script: |
        echo "first is $UID"
        echo stored >/storage/by-first
        mkdir /outputs/v/dir
        echo volume >/outputs/v/dir/file
  same:
    uses: script@v1
    inputs: {v: first.outputs.v}
    with:
      image: bash:nobody
      script: |
        echo more >>/inputs/v/dir/file && cat /inputs/v/dir/file /storage/by-first
        echo again >>/storage/by-first
  other:
    uses: script@v1
    needs: [same]
    inputs: {v: first.outputs.v}
    with:
      image: bash:worker
      script: |
        echo "other is $UID"
        cat /storage/by-first
        echo other >/storage/by-other
        ! rm -f /storage/by-first 2>/dev/null || echo 'it removed what is not its own'
        echo mine >>/inputs/v/dir/file && cat /inputs/v/dir/file
  root:
    uses: script@v1
    needs: [other]
    inputs: {v: first.outputs.v}
    with:
      image: bash:5
      script: |
        cat /storage/by-first /storage/by-other /inputs/v/dir/file
        echo root >>/inputs/v/dir/file
        rm /storage/by-first
END
	ok run users.yaml --jobs 1
	says out 'first | first is 65534'
	grep -E '^(first|same|other|root) \| ' out >lines
	same "$(cat lines)" "first | first is 65534
same | volume
same | more
same | stored
other | other is 1234
other | stored
other | again
other | volume
other | mine
root | stored
root | again
root | other
root | volume"
	same "$(stat -c %a "$SLUICE_HOME/storage")" 1777
	same "$(ls "$SLUICE_HOME/storage")" by-other
	nothing_left
}
