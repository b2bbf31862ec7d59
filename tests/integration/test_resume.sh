# A runner that is killed leaves its run to another one: the jobs go on, and are committed once.

# Two jobs, one after the other; the first one goes on when the file `go` lies in /storage.
workflow() {
	{
		echo 'jobs:'
		script_job first "$@" 'outputs: {d: {type: dataset, with: {ref: first}}, s: {type: string}}' <<'END'
trap 'echo stopping; exit 3' TERM
echo started
until [ -e /storage/go ]; do sleep 0.05; done
echo gone on
echo one > /outputs/d/file
printf word > /outputs/s
END
		script_job second "$@" 'inputs: {d: first.outputs.d, s: first.outputs.s}' \
			'outputs: {d: {type: dataset, with: {ref: second}}}' <<'END'
echo "second has $(cat /inputs/d/file /inputs/s)"
cp /inputs/d/file /outputs/d
END
	} >w.yaml
	printf 'jobs: {a: {uses: container@v1, with: {image: "bash:5", args: ["true"]}}}' >next.yaml
}

go() { touch "$SLUICE_HOME/storage/go"; }

start() {
	"$SLUICE" run w.yaml "$@" >out 2>err &
	runner=$!
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
}

kill_runner() {
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
}

# The home of a run whose runner was killed while its first job runs.  What it printed goes, so that
# nobody takes it for the words of the next one.
left() {
	start "$@"
	kill_runner
	rm out err
}

shim() { cat "$SLUICE_HOME"/runs/*/jobs/first/1/shim.json; }

phase() { "$SLUICE" runs show "$1" --json | jq -r .status.phase; }

finished() { # exactly once, with whole logs
	same "$(versions first)" 1
	same "$(versions second)" 1
	same "$(contents second file)" one
	same "$(phase w/1)" SUCCEEDED
	ok runs logs w/1
	same "$(cat out)" "$(printf '%s\n' 'first | started' 'first | gone on' 'second | second has one' 'second | word')"
	nothing_left
}

test_resume_follows_a_job_that_runs() {
	workflow
	left
	(sleep 0.5 && go) &
	ok runs resume w/1
	says out 'first | gone on'
	says out 'second : succeeded'
	says out '2 succeeded'
	same "$(jq -r .pid <<<"$(shim)" | wc -l)" 1
	finished
	expect 2 sluice runs resume w/1
	says err 'has ended already'
}

test_resume_commits_a_job_that_has_ended() {
	workflow
	left
	go
	wait_for bash -c 'test -e "$SLUICE_HOME"/runs/*/jobs/first/1/exit.json'
	ok runs resume latest
	finished
}

test_killed_again_and_again() {
	workflow
	left
	local i
	for i in 1 2 3; do
		"$SLUICE" runs resume w/1 >out 2>err &
		runner=$!
		wait_for grep -q started out
		kill_runner
		rm out err
	done
	go
	ok runs resume w/1
	finished
}

test_next_run_goes_on_with_it() {
	workflow
	left
	(sleep 0.5 && go) &
	ok run next.yaml
	says err 'run w/1 was left by its runner: going on with it in the background'
	says err 'run w/1, which was left, has ended: SUCCEEDED'
	finished
}

test_next_run_can_leave_it() {
	workflow
	left
	"$SLUICE" run next.yaml --quiet >out 2>err &
	runner=$!
	wait_for grep -q 'waiting for run w/1' err
	kill -TERM "$runner"
	wait "$runner" || fail 'its own run had succeeded'
	runner=
	says err 'run w/1 goes on by itself'
	silent err stopping
	go
	wait_for bash -c '"$SLUICE" runs show w/1 --json | jq -e ".status.phase == \"SUCCEEDED\""'
	finished
}

test_killed_runner_shows() {
	workflow
	start
	ok runs list
	says out '| RUNNING |'
	kill_runner
	ok runs list
	says out '| ERROR '
	silent out RUNNING
	ok runs show w/1
	matches out 'Status +\| ERROR'
	says out "its runner died: 'sluice runs resume'"
	ok runs logs w/1 --follow
	says err "'sluice runs resume w/1' goes on with it"
	ok runs list --json
	same "$(jq -r '.[0].status.phase' out)" ERROR
	expect 2 sluice runs delete w/1
	says err "'sluice runs resume' goes on with it"
	ok runs cancel w/1
	nothing_left
}

test_cancel_without_a_runner() {
	workflow
	left
	[ -n "$(cgroups_here)" ] || fail 'the job does not run'
	ok runs cancel w/1
	same "$(phase w/1)" CANCELED
	same "$(versions first)" 0
	same "$(ls "$SLUICE_HOME"/store/datasets/*/open/ | grep -c json)" 0
	nothing_left
	expect 2 sluice runs resume w/1
	ok runs delete w/1
	same "$(ls "$SLUICE_HOME/runs")" ''
}

test_one_of_two_goes_on() {
	workflow
	left
	"$SLUICE" runs resume w/1 >first.out 2>&1 &
	runner=$!
	wait_for grep -q started first.out
	expect 2 sluice runs resume w/1
	says err "its runner lives (process $runner)"
	go
	wait "$runner" || fail "$(cat first.out)"
	runner=
	finished
}

test_interrupt_as_in_run() {
	workflow
	left
	"$SLUICE" runs resume w/1 >out 2>err &
	runner=$!
	wait_for grep -q started out
	kill -TERM "$runner"
	local got=0
	wait "$runner" || got=$?
	runner=
	same "$got" 143
	cat out err
	says out 'first  | stopping'
	same "$(phase w/1)" CANCELED
	same "$(versions first)" 0
	nothing_left
}

# What was asked of the runner that died is still to be done.
test_cancel_goes_on_too() {
	workflow
	start
	kill -STOP "$(jq .pid <<<"$(shim)")"
	kill -TERM "$runner"
	wait_for bash -c "kill -0 $runner && \"\$SLUICE\" runs show w/1 | grep -q canceled"
	kill_runner
	kill -CONT "$(jq .pid <<<"$(shim)")"
	expect 143 sluice runs resume w/1
	same "$(phase w/1)" CANCELED
	same "$(versions first)" 0
	nothing_left
}

test_killed_shim_is_an_error() {
	workflow
	left
	kill -KILL "$(jq .pid <<<"$(shim)")"
	expect 4 sluice runs resume w/1
	says out 'was killed: it ended without a word'
	same "$(phase w/1)" ERROR
	same "$(versions first)" 0
	nothing_left
}

test_killed_container_is_a_failure() {
	workflow
	left
	kill -KILL "$(ps -o pid= --ppid "$(jq .pid <<<"$(shim)")")"
	expect 1 sluice runs resume w/1
	says out 'killed by signal 9'
	same "$(versions first)" 0
	nothing_left
}

# As after a restart of the machine: what ran starts again, as another attempt.
test_another_boot() {
	workflow
	left
	local run record
	run=$(echo "$SLUICE_HOME"/runs/*)
	record=$run/jobs/first/1/shim.json
	kill -KILL "$(jq .pid "$record")" "$(ps -o pid= --ppid "$(jq .pid "$record")")"
	sed -i -E 's/"boot":"[^"]*"/"boot":"00000000-0000-4000-8000-000000000000"/' "$record" "$run/plan.json"
	ok run next.yaml
	says err 'was left when this machine went down'
	go
	ok runs resume w/1
	test -e "$run/jobs/first/2/log" || fail 'there was no second attempt'
	same "$(versions first)" 1
	same "$(contents second file)" one
	# Nobody ended what lived in that boot.
	wait_for bash -c '! find /sys/fs/cgroup -path "*/sluice/$0-*" -name cgroup.procs -exec cat {} + | grep -q .' \
		"$(basename "$run" | cut -c 1-8)"
	find /sys/fs/cgroup -depth -path "*/sluice/$(basename "$run" | cut -c 1-8)-*" -type d -exec rmdir {} +
}

# A run that has ended well, with the rows of a moment at which its first job ran: an old copy of the
# catalog was put back.
rows_lost() {
	workflow
	start
	mkdir kept
	cp "$SLUICE_HOME"/catalog.db{,-wal} kept
	go
	wait "$runner" || fail "the run ended with $?: $(cat out err)"
	runner=
	rm "$SLUICE_HOME"/catalog.db* "$SLUICE_HOME"/runs/*/run.json out err
	cp kept/* "$SLUICE_HOME"
	ok store recover
	same "$(phase w/1)" ERROR
}

test_rows_that_were_lost_come_back() {
	rows_lost
	ok runs resume w/1
	finished
}

test_a_run_whose_directory_is_gone_stands_in_no_way() {
	rows_lost
	rm -rf "$SLUICE_HOME"/runs/*
	ok run next.yaml
	says err 'nobody can go on with it: its directory'
	expect 2 sluice runs resume w/1
	says err "'sluice runs cancel w/1' ends it"
	ok runs cancel w/1
	same "$(phase w/1)" CANCELED
	ok runs delete w/1
	same "$(versions first)" 1
	nothing_left
}

SECRET='s3cr3t-v@lue'

test_secrets_are_given_again() {
	workflow 'env: {TOKEN: "secret:tok"}'
	left --secret "tok=$SECRET"
	! grep -rqF "$SECRET" "$SLUICE_HOME/runs" "$SLUICE_HOME"/catalog.db* || fail 'a secret is on disk'
	ok run next.yaml
	says err "needs secrets to go on: 'tok'"
	expect 2 sluice runs resume w/1
	says err "not given: 'tok'"
	go
	ok runs resume w/1 --secret "tok=$SECRET"
	finished
}

# PID JOB of the shim that waits until it may go.
waiting_shim() {
	local cwd dir
	for cwd in /proc/[0-9]*/cwd; do
		dir=$(readlink "$cwd") || continue
		[[ $dir == "$SLUICE_HOME"/runs/*/jobs/[ab]/1 && ! -e $dir/shim.json ]] || continue
		cwd=${cwd%/cwd}
		dir=${dir%/1}
		echo "${cwd##*/} ${dir##*/}"
	done
}

# A runner that is killed before the shim that it has let go has said which process it is.
test_newborn_shim() {
	local shim job name
	{
		echo 'jobs:'
		for name in a b; do
			script_job $name "outputs: {d: {type: dataset, with: {ref: made-$name}}}" <<'END'
echo started
until [ -e /storage/go ]; do sleep 0.05; done
echo two > /outputs/d/file
END
		done
	} >w.yaml
	start --jobs 1
	wait_for eval 'read -r shim job < <(waiting_shim)'
	kill -STOP "$shim"
	go
	wait_for eval '"$SLUICE" runs show w/1 --json | jq -e ".status.jobs.$job.phase == \"RUNNING\""'
	kill_runner
	same "$(find "$SLUICE_HOME"/runs/*/jobs/$job/1 -name shim.json)" ''
	ok runs resume w/1
	kill -CONT "$shim" # it learns that it is not wanted any more
	wait_for bash -c "grep -q error '$SLUICE_HOME'/runs/*/jobs/$job/1/exit.json"
	test -e "$SLUICE_HOME"/runs/*/jobs/$job/2/log || fail 'there was no second attempt'
	same "$(versions made-$job)" 1
	same "$(contents made-$job file)" two
	same "$(phase w/1)" SUCCEEDED
	nothing_left
}

# --- killed at random instants ---------------------------------------------------------------------

# KILLS=50 instants, JOBS=20 jobs, SEED: each round kills the runner of a whole run, and often also
# those that go on with it, until one comes to the end; then it looks at everything that there is.
many_jobs() { # JOBS
	local i needs
	echo 'jobs:'
	for ((i = 0; i < $1; i++)); do
		needs=
		[ $((i % 4)) -ne 3 ] || needs="needs: [j$((i - 1)), j$((i - 3))]"
		script_job "j$i" ${needs:+"$needs"} "outputs: {d: {type: dataset, with: {ref: made$i}}}" <<END
for k in 1 2 3 4 5 6 7 8 9; do echo "line \$k of $i"; sleep 0.00$((i % 3)); done
echo $i > /outputs/d/file
echo 'line 10 of $i'
END
	done
}

logs_of() { # JOBS: what they must have printed, all in all
	local i
	for ((i = 0; i < $1; i++)); do
		seq 10 | sed "s/.*/j$i | line & of $i/"
	done
}

entries_left() { # what no run may leave in its home
	# A runner that is killed while it writes a record leaves a .tmp- file, which goes with the run.
	find "$SLUICE_HOME/runs" -mindepth 5 ! -name log ! -name exit.json ! -name shim.json ! -name '.tmp-*'
	find "$SLUICE_HOME/store/datasets" -path '*/open/*'
	find "$SLUICE_HOME/tmp" -mindepth 1 ! -name '*-works'
}

check_round() { # ROUND JOBS
	local i
	ok runs show many/$1 --json
	same "$(jq -r '.status.phase, (.status.jobs[] | .phase)' out | sort | uniq -c | tr -s ' ')" \
		" $(($2 + 1)) SUCCEEDED"
	same "$(jq '[.status.jobs[].outputs[].dataset | select(.isCommitted)] | length' out)" "$2"
	# All versions of all datasets at once: a process for each dataset would be most of a round.
	ok datasets prune --all --keep-last 1000000 --dry-run --json
	same "$(jq -r '.versions | map(.dataset) | sort | group_by(.) | map("\(.[0]) \(length)")[]' out)" \
		"$(for ((i = 0; i < $2; i++)); do echo "made$i $1"; done | sort)"
	same "$("$SLUICE" runs logs many/$1 | tr -s ' ' | sort -s -t ' ' -k 1,1V)" "$(logs_of "$2")"
	"$SLUICE" store gc >/dev/null # what a killed writer was about to put in its place
	nothing_left
	same "$(entries_left)" ''
}

# Each round has one more run that is whole, and one more version of each dataset.
test_random_instants() {
	local kills=${KILLS:-50} jobs=${JOBS:-20} seed=${SEED:-$RANDOM$RANDOM} round=0 killed=0 how wait
	echo "SEED=$seed KILLS=$kills JOBS=$jobs"
	RANDOM=$seed
	many_jobs "$jobs" >many.yaml
	while [ $killed -lt "$kills" ]; do
		round=$((round + 1))
		how=run
		while :; do
			if [ $how = run ]; then
				"$SLUICE" run many.yaml --jobs 10 >out 2>err &
			else
				"$SLUICE" runs resume many/$round >out 2>err &
			fi
			runner=$!
			wait=$(printf '0.%03d' $((RANDOM % 500)))
			sleep "$wait"
			kill -KILL "$runner" 2>/dev/null || break
			wait "$runner" || true
			killed=$((killed + 1))
			echo "round $round: $how killed after $wait s"
			# One that was killed before it was recorded is no run yet.
			! "$SLUICE" runs show many/$round >/dev/null 2>&1 || how=resume
			# One that was killed after its last word has nothing left to do.
			[ "$how" = run ] || [ "$(phase many/$round)" != SUCCEEDED ] || break
		done
		wait "$runner" || [ $? -eq 137 ] || fail "$how ended with status $?: $(cat out err)"
		runner=
		check_round $round "$jobs"
	done
}
