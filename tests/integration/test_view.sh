# What is seen on a terminal: a real one, tmux, which does what the sequences say.

terminal=$PWD/terminal

tm() { tmux -S "$terminal" "$@"; }

# What a test that stops half way leaves behind goes with the shell.
close_terminal() {
	screen 2>/dev/null || true
	tm kill-server 2>/dev/null || true
	end
}

# open_terminal COLUMNS ROWS [NAME=VALUE...]: a shell in it, in this directory.
open_terminal() {
	local columns=$1 rows=$2
	shift 2
	cat >shell.sh <<-'END'
		PS1='ready> '
		unset PROMPT_COMMAND NO_COLOR
	END
	[ $# -eq 0 ] || printf 'export %s\n' "$@" >>shell.sh
	trap close_terminal EXIT
	tm -u -f /dev/null new-session -d -x "$columns" -y "$rows" "bash --rcfile $PWD/shell.sh"
	tm pipe-pane "cat >$PWD/raw"
	wait_for shows '^ready>'
}

type_line() { tm send-keys "$1" Enter; }
screen() { tm capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
times_shown() { screen | grep -cE -- "$1" || true; }
has_times() { [ "$(times_shown "$1")" -eq "$2" ]; }
at_prompt() { [ "$(screen | grep -v '^$' | tail -n 1)" = 'ready>' ]; }

# A job that runs until the test says go, and one that needs it.
gated() {
	{
		echo 'jobs:'
		script_job gate 'outputs: {d: {type: dataset, with: {ref: gated}}}' <<'END'
trap 'exit 1' TERM
echo 'first line'
until [ -e /outputs/d/go ]; do sleep 0.02; done
echo 'last line'
END
		script_job behind 'needs: [gate]' <<<'echo behind the gate'
	} >gated.yaml
}

go() {
	local output
	for output in "$SLUICE_HOME"/runs/*/jobs/gate/1/outputs/d; do
		[ ! -d "$output" ] || touch "$output/go"
	done
}

test_block_and_summary() {
	gated
	open_terminal 100 30
	type_line "$SLUICE run gated.yaml"
	wait_for shows '^gate +running +[0-9]+s$'
	wait_for shows '^gate +\| first line$'
	shows '^behind +waiting +for gate$' || fail 'what waits is not said'
	shows '^gated/1 [0-9]+s$' || fail 'no last line'
	go
	wait_for at_prompt
	has_times '^(gate|behind) +(running|waiting|committing|preparing)' 0 ||
		fail 'the block stays'
	shows '^gate +\| last line$' || fail 'the last line is missing'
	shows '^behind +\| behind the gate$' || fail 'a short job is not heard'
	shows '^run gated/1 SUCCEEDED in .*: 2 succeeded$' || fail 'no summary'
	shows '^versions: gated:[a-z0-9]{7} \(1 file, 0 B\) from gate$' || fail 'no version'
	shows '^logs: +sluice runs logs gated/1$' || fail 'not said where the logs are'
}

test_block_survives_resizing() {
	local size columns
	gated
	open_terminal 100 30
	type_line "$SLUICE run gated.yaml --name a-workflow-with-a-long-name-that-has-to-be-cut"
	wait_for shows '^gate +running'
	wait_for shows '\| first line$'
	for size in 40x20 20x10 80x24 41x12 120x40; do
		columns=${size%x*}
		tm resize-window -x "$columns" -y "${size#*x}"
		wait_for has_times '^gate +runn' 1
		wait_for has_times '^a-w.* [0-9]+s' 1
		wait_for has_times '^behind +waiting' 1
	done
	# As much of the name as a third of 120 columns holds: drawn for this width.
	wait_for shows '^a-workflow-with-a-long-name-that-has'
	go
	wait_for shows ': 2 succeeded$'
	wait_for has_times '^(gate|behind) +(running|waiting)' 0
	has_times '\| first line$' 1 || fail 'a log line is lost'
}

test_ctrl_c_leaves_the_terminal_as_it_was() {
	gated
	open_terminal 80 24
	type_line "clear; stty -a >before; $SLUICE run gated.yaml; echo \"status \$?\"; stty -a >after"
	wait_for shows '^gate +running'
	tm send-keys C-c
	wait_for shows '^status 130$'
	wait_for at_prompt
	cmp before after
	same "$(tm display-message -p '#{cursor_flag} #{scroll_region_lower} #{alternate_on}')" '1 23 0'
	has_times '^(gate|behind) +(running|waiting|stopping)' 0 || fail 'the block stays'
	shows '^run gated/1 CANCELED' || fail 'no summary'
}

test_ctrl_z_and_fg() {
	gated
	open_terminal 80 24
	type_line "clear; stty -a >before; $SLUICE run gated.yaml"
	wait_for shows '^gate +running'
	tm send-keys C-z
	wait_for shows 'Stopped'
	wait_for at_prompt
	same "$(tm display-message -p '#{cursor_flag}')" 1
	type_line 'stty -a >after; echo between'
	wait_for shows '^between$'
	cmp before after
	type_line fg
	# The one that stood there when it was stopped, and the one below that goes on.
	wait_for has_times '^gate +running' 2
	go
	wait_for shows ': 2 succeeded$'
	wait_for has_times '^gate +running' 1
	has_times '^between$' 1 || fail 'what the shell wrote is gone'
}

test_what_fails_stands_last() {
	{
		echo 'jobs:'
		script_job typo <<<$'echo before the typo\nnosuchcommand'
		script_job killed <<<'bash -c "kill -9 \$\$"'
		script_job fine <<<'echo fine'
	} >fails.yaml
	open_terminal 100 40
	type_line "clear; $SLUICE run fails.yaml"
	wait_for shows '^run fails/1 FAILED in .*: 1 succeeded, 2 failed$'
	wait_for at_prompt
	screen | sed '1,/^logs:/d' >end
	says end 'failed: typo: exit code 127: command not found'
	says end '    before the typo'
	says end 'failed: killed: exit code 137: killed by signal 9 (Killed)'
}

test_many_jobs_on_a_narrow_terminal() {
	{
		echo 'jobs:'
		local i
		for i in $(seq 60); do
			script_job "a-job-with-a-long-name-$i" <<<'printf "\e[2J\e[5A\e]0;x\a"; echo "日本語 $RANDOM"'
		done
	} >many.yaml
	open_terminal 40 15
	type_line "clear; $SLUICE run many.yaml --jobs 3"
	wait_for shows '\+ [0-9]+ waiting'
	# A third of 15 rows.
	[ "$(times_shown '^a-job.* (preparing|running|waiting)')" -le 4 ] || fail 'too many rows'
	wait_for shows '^run many/1 SUCCEEDED'
	wait_for at_prompt
	screen | tr -d '\n' >joined
	says joined '60 succeeded'
	says joined '\x1b[2J'
}

test_colours_only_where_wanted() {
	gated
	local sgr=$'\e\\[[0-9;]*m'
	open_terminal 80 24
	type_line "clear; $SLUICE run gated.yaml; echo end"
	wait_for shows '^gate +running'
	go
	wait_for shows '^end$'
	wait_for grep -q "$sgr" raw
	tm kill-server
	open_terminal 80 24 NO_COLOR=1
	type_line "$SLUICE run gated.yaml; echo end"
	wait_for shows '^gate +running'
	go
	wait_for shows '^end$'
	wait_for grep -q '2 succeeded' raw
	tr -d '\r' <raw | sed '1,/sluice run/d' | sed '/2 succeeded/q' >shown
	says shown $'\e['
	! grep -q "$sgr" shown || fail 'colours in spite of NO_COLOR'
}

test_dumb_terminals_and_pipes_get_no_escape() {
	{
		echo 'jobs:'
		script_job fine <<<'echo fine'
		script_job bad <<<'exit 3'
	} >plain.yaml
	expect 1 sluice run plain.yaml
	! grep -q $'\e' out err || fail 'escapes in a pipe'
	open_terminal 80 24 TERM=dumb
	type_line "$SLUICE run plain.yaml; echo end"
	wait_for shows '^end$'
	wait_for grep -q '^end' raw
	tr -d '\r' <raw | sed -n '/fine |/,/^logs:/p' >shown
	says shown 'fine | fine'
	! grep -q $'\e' shown || fail 'escapes on a dumb terminal'
	expect 2 sluice run plain.yaml --progress live
	says err '--progress live needs a terminal'
	expect 2 sluice run plain.yaml --progress fancy
	says err "--progress takes auto, plain or live, not 'fancy'"
}

# A pull that takes three seconds, where there is little room.
test_a_pull_says_how_far_it_is() {
	local n
	. "$REPO/tests/integration/registry.sh"
	start_registry r RATE=1000000
	for n in 1 2 3; do # of different sizes: one is done long before the others
		head -c $((n * n * 250000)) /dev/urandom >noise
		tar -cf $n.tar noise
	done
	push_layers team/noise:1 1.tar 2.tar 3.tar
	open_terminal 40 10
	trap 'stop_registries; close_terminal' EXIT
	type_line "$SLUICE images pull $REGISTRY/team/noise:1"
	wait_for shows '^127\.0.*\.\.\.  [0-3] of 3 layers +[0-9]+ %$'
	shows '^[0-9a-f]{12}  downloading +[0-9]+ %$' || fail 'no line for a layer'
	wait_for shows '^[0-9a-f]{12}  done$'
	wait_for shows '^Pulled image: '
	has_times 'of 3 layers|^[0-9a-f]{12}  ' 0 || fail 'the lines stay'
	# None where nobody would see it.
	forget_images
	ok images pull "$REGISTRY/team/noise:1"
	silent err 'of 3 layers'
	silent err downloading
}

# A bar that a job draws over and over is one line; what is seen of it is its end.
test_a_bar_of_a_job_ends_full() {
	{
		echo 'jobs:'
		script_job a <<<'for i in $(seq 1 1000); do printf "\r%4d of 1000 #####" "$i"; done; echo'
	} >bar.yaml
	open_terminal 80 24
	type_line "$SLUICE run bar.yaml; echo end"
	wait_for shows '^end$'
	shows '^a \| 1000 of 1000 #####$' || fail "$(screen)"
}
