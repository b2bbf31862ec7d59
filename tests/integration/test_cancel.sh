# Stopping a run.

sleeper() {
	{
		echo 'jobs:'
		script_job sleep 'outputs: {d: {type: dataset, with: {ref: slept}}}' <<'END'
trap 'echo stopping; exit 3' TERM
echo started > /outputs/d/file
echo started
sleep 300 & wait
END
		script_job after 'needs: [sleep]' <<<'echo after'
	} >sleep.yaml
}

stubborn() {
	{
		echo 'jobs:'
		script_job sleep <<'END'
trap '' TERM
echo started
sleep 1000
END
	} >sleep.yaml
}

# Starts the run in the background; $runner is its pid.  Returns when the job has begun.
start() {
	# Background jobs of a script ignore SIGINT unless they are in a group of their own.
	set -m
	"$SLUICE" run sleep.yaml "$@" >out 2>err &
	runner=$!
	set +m
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
}

ended() { # STATUS
	local got=0
	wait "$runner" || got=$?
	cat out err
	same "$got" "$1"
}

canceled_by() { # SIGNAL NUMBER
	sleeper
	start --grace 5
	# So that nothing_left is known to look in the right places.
	[ -n "$(processes_here)" ] && [ -n "$(cgroups_here)" ] || fail 'a running job shows nowhere'
	kill "-$1" "$runner"
	ended $((128 + $2))
	silent out 'after | after'
	same "$(versions slept)" 0
	nothing_left
}

test_sigint() { canceled_by INT 2; says out 'sleep | stopping'; }
test_sigterm() { canceled_by TERM 15; says out 'sleep | stopping'; }
test_sighup() { canceled_by HUP 1; says out 'sleep | stopping'; }

test_grace_ends_in_a_kill() {
	stubborn
	start --grace 1
	kill -TERM "$runner"
	ended 143
	nothing_left
}

test_second_signal_kills() {
	stubborn
	start --grace 1000
	kill -INT "$runner"
	wait_for grep -q 'Ctrl-C again kills at once' err
	kill -INT "$runner"
	ended 130
	nothing_left
}

test_sigquit_kills_at_once() {
	stubborn
	start --grace 1000
	kill -QUIT "$runner"
	ended 131
	ok runs list
	says out CANCELED
	nothing_left
}

test_runs_cancel() {
	sleeper
	start
	ok runs list
	local number
	number=$(grep -oE '^\| +[0-9a-f-]{36}|[0-9a-f]{8}-[0-9a-f-]{27}' out.list 2>/dev/null || true)
	number=$(ls "$SLUICE_HOME/runs" | head -n 1)
	"$SLUICE" runs cancel "$number" || fail 'runs cancel failed'
	local got=0
	wait "$runner" || got=$?
	[ "$got" -ne 0 ] || fail 'a canceled run must not exit 0'
	nothing_left
}

test_shim_killed() {
	sleeper
	start
	kill -KILL "$(jq .pid "$SLUICE_HOME"/runs/*/jobs/sleep/1/shim.json)"
	local got=0
	wait "$runner" || got=$?
	cat out err
	[ "$got" -eq 4 ] || [ "$got" -eq 1 ] || fail "status $got"
	same "$(versions slept)" 0
	nothing_left
}

# The process that all shims of a run are forked from: the next job has another one.
test_spawner_killed() {
	{
		echo 'jobs:'
		script_job first <<<'echo started; until [ -e /storage/go ]; do sleep 0.05; done'
		script_job next 'needs: [first]' <<<'echo two'
	} >w.yaml
	"$SLUICE" run w.yaml >out 2>err &
	runner=$!
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
	same "$(pgrep -cP "$runner" -f 'sluice-shim +$')" 1
	kill -KILL "$(pgrep -P "$runner" -f 'sluice-shim +$')"
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "the run ended with $?"
	says out "next  | two"
	nothing_left
}

test_reader_goes_away() {
	# `sluice run | head`: the run ends well or stops cleanly, but hangs never.
	{
		echo 'jobs:'
		script_job a <<<'seq 100000'
	} >many.yaml
	timeout 60 bash -c '"$SLUICE" run many.yaml 2>err | head -n 3' >head.out
	same "$(grep -c '^a [|:] ' head.out)" "$(grep -c . head.out)"
	nothing_left
}
