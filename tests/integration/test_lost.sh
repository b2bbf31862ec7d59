# The catalog is lost or damaged: what people ran is still there, with its logs.

workflows() {
	{
		echo 'jobs:'
		script_job make 'outputs: {d: {type: dataset, with: {ref: made}}}' <<<'echo hello; echo one > /outputs/d/file'
		script_job use 'inputs: {d: make.outputs.d}' <<<'cat /inputs/d/file'
	} >good.yaml
	{
		echo 'jobs:'
		script_job breaks <<<'echo before the end; exit 3'
		script_job never 'needs: [breaks]' <<<'echo never'
	} >bad.yaml
	{
		echo 'jobs:'
		script_job waits 'outputs: {d: {type: dataset, with: {ref: late}}}' <<'END'
echo started
until [ -e /storage/go ]; do sleep 0.05; done
echo late > /outputs/d/file
END
	} >slow.yaml
}

# A home with a run that ended well and one that failed.
two_runs() {
	workflows
	ok run good.yaml
	expect 1 sluice run bad.yaml
}

start_slow() {
	"$SLUICE" run slow.yaml >slow.out 2>&1 &
	runner=$!
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
}

end_slow() {
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "the run ended with $?: $(cat slow.out)"
	runner=
}

lose_catalog() { rm "$SLUICE_HOME"/catalog.db*; }

# All that the commands say of the runs RUN...
told() {
	local run
	"$SLUICE" runs list --json 2>/dev/null
	for run; do
		"$SLUICE" runs show "$run" --json
		"$SLUICE" runs logs "$run" --timestamps
	done
}

phase() { "$SLUICE" runs show "$1" --json | jq -r .status.phase; }

test_lost_catalog_has_every_run_again() {
	two_runs
	told good/1 bad/1 >before
	lose_catalog
	ok runs list
	says err 'the catalog had lost 2 runs: they are back, from their directories'
	told good/1 bad/1 >after
	diff before after
	# Numbers go on, and the newest run is the latest.
	expect 1 sluice run bad.yaml
	silent err lost
	ok runs list --json
	same "$(jq -r '.[] | .workflow + "/" + (.id | tostring)' out | paste -sd' ')" 'bad/2 bad/1 good/1'
}

test_next_run_leaves_what_the_catalog_does_not_know() {
	two_runs
	lose_catalog
	expect 1 sluice run bad.yaml
	ok runs logs good/1
	says out 'make | hello'
	ok runs logs bad/1
	says out 'before the end'
	ok runs logs bad/2
}

test_recover_of_a_damaged_catalog() {
	two_runs
	told good/1 bad/1 >before
	head -c 65536 /dev/urandom | dd of="$SLUICE_HOME/catalog.db" conv=notrunc status=none
	rm -f "$SLUICE_HOME"/catalog.db-*
	expect 4 sluice runs list
	ok store recover --json
	same "$(jq .runs out)" 2
	told good/1 bad/1 >after
	diff before after
	ok store recover
	says out ', 2 runs'
	told good/1 bad/1 >after
	diff before after
}

test_lost_while_a_run_runs() {
	two_runs
	start_slow
	lose_catalog
	expect 1 sluice run bad.yaml
	same "$(phase slow/1)" RUNNING
	expect 2 sluice store recover
	end_slow
	expect 1 sluice run bad.yaml
	same "$(phase slow/1)" SUCCEEDED
	same "$(versions late)" 1
	ok runs logs slow/1
	says out started
	expect 2 sluice runs resume slow/1
	says err 'has ended already'
	nothing_left
}

test_lost_with_its_runner() {
	workflows
	start_slow
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	lose_catalog
	touch "$SLUICE_HOME/storage/go"
	ok run good.yaml
	same "$(phase slow/1)" SUCCEEDED
	same "$(versions late)" 1
	same "$(contents late file)" late
	nothing_left
}

# The run of a sluice that put nothing there, or whose file a power cut took.
test_logs_are_found_by_directory() {
	two_runs
	rm "$SLUICE_HOME"/runs/*/run.json
	lose_catalog
	ok store recover
	ok runs logs bad/1
	says out 'before the end'
	ok runs logs good/1 make
	says out hello
	same "$(phase bad/1)" ERROR
	ok runs show good/1
	says out 'the catalog was lost'
	expect 2 sluice runs resume good/1
	echo rubbish | tee "$SLUICE_HOME"/runs/*/plan.json >/dev/null
	lose_catalog
	ok runs list
	matches out '\| recovered +\| 2 +\| ERROR'
	ok runs logs recovered/1
}

test_what_never_began_is_removed() {
	local run=$SLUICE_HOME/runs/3f2b8c52-7a51-4d2c-9d7b-0f3f8a1c2b10
	two_runs
	mkdir "$run"
	echo '{}' >"$run/plan.json"
	exec 7>"$run/lock"
	flock 7
	expect 1 sluice run bad.yaml
	test -e "$run/plan.json" || fail 'somebody holds its lock'
	exec 7>&-
	expect 1 sluice run bad.yaml
	test ! -e "$run" || fail 'it is left'
}
