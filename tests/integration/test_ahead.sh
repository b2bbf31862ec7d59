# A job whose needs still run is got ready meanwhile, unless it takes something from them.  Nobody
# sees anything of that before they have ended well.

# One after the other: each ends when its file lies in /storage, with the status that is in it.
workflow() {
	local job
	{
		echo 'jobs:'
		for job in first second third; do
			script_job $job ${needs:+"needs: [$needs]"} <<-END
				until [ -e /storage/$job ]; do sleep 0.05; done
				exit "\$(cat /storage/$job)"
			END
			local needs=$job
		done
	} >w.yaml
}

let_end() { # JOB STATUS
	echo "$2" >"$SLUICE_HOME/storage/new"
	mv "$SLUICE_HOME/storage/new" "$SLUICE_HOME/storage/$1"
}

attempt() { echo "$SLUICE_HOME"/runs/*/jobs/"$1"/1; }

# Its root is there: a shim stands over it, and waits.
is_ready() { [ -e "$(attempt "$1")/rootfs" ]; }

# begin [OPTION...]: the second job is ready, and the first one runs.
begin() {
	workflow
	"$SLUICE" run w.yaml "$@" >out 2>err &
	runner=$!
	wait_for is_ready second
	wait_for test -e "$(attempt first)/shim.json"
}

ends() { # STATUS
	local status=0
	wait "$runner" || status=$?
	runner=
	cat out err
	same "$status" "$1"
}

row() { "$SLUICE" runs show w/1 --json | jq -c --arg job "$1" '.status.jobs[$job] | [.state, .attempt]'; }

# What it leaves is what a job leaves that was never begun.
no_trace() { # JOB
	same "$(find "$SLUICE_HOME/runs" -path "*/jobs/$1")" ''
	same "$(row "$1")" "[\"$2\",0]"
}

test_it_waits_until_its_needs_have_ended() {
	begin
	same "$(row second)" '["waiting",0]'
	[ ! -e "$(attempt second)/shim.json" ] || fail "it runs"
	let_end first 0
	wait_for test -e "$(attempt second)/shim.json"
	wait_for is_ready third
	let_end second 0
	let_end third 0
	ends 0
	says out '3 succeeded'
	nothing_left
}

test_it_does_not_start_when_they_fail() {
	begin --json
	let_end first 3
	ends 1
	same "$(jq -r 'select(.job == "second") | .state, .message' out | paste -sd:)" \
		"skipped:it needs job 'first', which failed"
	same "$(jq -r 'select(.job == "third") | .state, .message' out | paste -sd:)" \
		"skipped:it needs job 'second', which was skipped"
	no_trace second skipped
	nothing_left
}

test_it_is_canceled_with_them() {
	begin
	kill -INT "$runner"
	ends 130
	no_trace second canceled
	nothing_left
}

test_it_is_got_ready_again_after_a_killed_runner() {
	begin
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	let_end first 0
	let_end second 0
	let_end third 0
	ok runs resume w/1
	says out '3 succeeded'
	nothing_left
}

# What goes wrong before its turn may be well when that comes.
test_what_cannot_be_got_ready_is_tried_again() {
	begin
	touch "$(dirname "$(dirname "$(attempt first)")")/third"
	let_end first 0
	wait_for test -e "$(attempt second)/shim.json"
	sleep 0.2
	rm "$(dirname "$(dirname "$(attempt first)")")/third"
	let_end second 0
	let_end third 0
	ends 0
	says out '3 succeeded'
	nothing_left
}

test_with_bwrap_it_waits_and_leaves_no_trace() {
	begin --executor bwrap
	let_end first 3
	ends 1
	no_trace second skipped
	nothing_left
}
