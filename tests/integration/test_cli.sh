# The command line: validating, planning, the official verbs, and the history of runs.

simple() {
	{
		echo 'jobs:'
		script_job hello 'outputs: {d: {type: dataset, with: {ref: made}}}' <<<'echo hello | tee /outputs/d/x'
	} >simple.yaml
}

test_version_and_help() {
	ok --version
	matches out '^sluice [0-9]+\.[0-9]+'
	ok --help
	says out 'datasets'
	ok run --help
	says out '--input'
	expect 2 sluice no-such-command
	expect 2 sluice run
	expect 2 sluice run --no-such-option x.yaml
	says err no-such-option
}

test_validate() {
	simple
	ok validate simple.yaml
	cat >bad.yaml <<'END'
jobs:
  first:
    uses: script@v1
    with:
      image: bash:5
      script: true
  second:
    needs: [frist]
    inputs:
      data: first.outputs.nothing
    uses: scrpt@v1
    with: {}
END
	expect 2 sluice validate bad.yaml
	cat out err >both
	matches both '^bad\.yaml:[0-9]+:[0-9]+: error: '
	says both frist
	says both scrpt
	says both hint
	[ "$(grep -c ': error: ' both)" -ge 3 ] || fail 'all errors of a file are reported at once'
	expect 2 sluice run bad.yaml
	expect 2 sluice validate nowhere.yaml
	says err nowhere.yaml
}

# What is wrong with the file, and would stop a run of it.
test_validate_refuses_what_run_refuses() {
	{
		printf 'timeout: 300\njobs:\n  checkout:\n    uses: git-checkout@v1\n'
		printf '    with: {url: "https://example.com/x", path: /etc}\n'
		printf '    outputs: {repo: {type: volume}}\n'
		printf '  long:\n    uses: container@v1\n    with: {image: "bash:5"}\n    needs: checkout\n'
		printf '    env: {TEXT: "%131072s"}\n' x
	} >refused.yaml
	expect 2 sluice validate refused.yaml
	mv err said
	matches said "^refused\.yaml:1:[0-9]+: error: 'timeout' of a workflow"
	matches said "^refused\.yaml:4:[0-9]+: error: 'path' of job 'checkout' must lie below"
	matches said '^refused\.yaml:10:[0-9]+: warning: '
	matches said '^refused\.yaml:11:[0-9]+: error: this is longer than the 131,071 bytes'
	expect 2 sluice run refused.yaml
	cmp err said
	expect 2 sluice validate --json refused.yaml
	same "$(jq -c '[.files[0].ok, (.files[0].diagnostics | length)]' out)" '[false,4]'
}

test_graph() {
	local file=$REPO/examples/workflows/training.yaml
	LC_ALL=C.UTF-8 ok graph "$file"
	says out '└─ train-parabola  reads line-points'
	LC_ALL=C ok graph "$file"
	says out '`- train-parabola  reads line-points'
	ok graph --format json - <"$file"
	same "$(jq -r '.jobs[].name' out | paste -sd ' ')" 'prepare train-line train-parabola evaluate'
	ok graph --format dot "$file"
	says out 'digraph workflow {'
	ok graph --format mermaid "$file"
	says out 'flowchart TD'
	expect 2 sluice graph --format png "$file"
	says err 'tree, dot, mermaid or json'
	printf 'jobs:\n  a:\n    uses: scrpt@v1\n' >bad.yaml
	expect 2 sluice graph bad.yaml
	matches err '^bad\.yaml:3:11: error: .*scrpt'
	[ ! -s out ] || fail 'a drawing of a bad file'
}

# MANY wrong jobs, then one warning.
wrong_jobs() {
	echo 'jobs:'
	for ((i = 0; i < $1; i++)); do echo "  j$i: {uses: container@v1, with: {image: 3}}"; done
	echo '  last: {uses: container@v1, with: {image: i}, needs: j0}'
}

test_validate_many() {
	wrong_jobs 20 >just.yaml
	wrong_jobs 1021 >many.yaml
	expect 2 sluice validate just.yaml
	same "$(grep -c ': error: ' err)" 20
	same "$(tail -n 1 err)" "just.yaml: 1 more warning; 'sluice validate --all' shows them"
	expect 2 sluice run just.yaml --quiet
	same "$(grep -c ': error: ' err)" 20
	silent err more
	expect 2 sluice validate many.yaml
	same "$(grep -c ': error: ' err)" 20
	same "$(tail -n 1 err)" "many.yaml: 1001 more errors and 1 more warning; 'sluice validate --all' shows them"
	expect 2 sluice validate --all many.yaml
	same "$(grep -c ': error: image must' err)" 1000
	says err '22 more problems are not shown'
}

test_validate_several() {
	simple
	wrong_jobs 1 >wrong.yaml
	expect 2 sluice validate simple.yaml nowhere.yaml wrong.yaml simple.yaml
	same "$(cat out)" "$(printf 'simple.yaml: ok (1 job)\nsimple.yaml: ok (1 job)')"
	says err "cannot read 'nowhere.yaml'"
	says err 'wrong.yaml:2:42: error: '
	expect 2 sluice validate - <wrong.yaml
	matches err '^<stdin>:2:42: error: image must be a string'
	ok validate - <simple.yaml
	same "$(cat out)" '<stdin>: ok (1 job)'
	ok validate --quiet simple.yaml
	[ ! -s out ] && [ ! -s err ] || fail 'quiet says nothing of a good file'
	ln -s simple.yaml "$(printf 'a\033[1m.yaml')"
	ok validate "$(printf 'a\033[1m.yaml')"
	says out 'a\x1b[1m.yaml: ok'
}

test_schema() {
	ok schema
	cmp out "$REPO/spec/workflow.schema.json"
	expect 2 sluice schema extra
}

test_empty_and_odd_files() {
	: >empty.yaml
	expect 2 sluice run empty.yaml
	printf 'jobs: {}\n' >none.yaml
	expect 2 sluice run none.yaml
	printf 'jobs:\n\ta: b\n' >tab.yaml
	expect 2 sluice run tab.yaml
	head -c 1000 /dev/urandom >random.yaml
	expect 2 sluice run random.yaml
	mkdir directory.yaml
	expect 2 sluice run directory.yaml
	printf 'jobs:\n  a: &a\n    needs: [b]\n    uses: script@v1\n    with: {image: "bash:5", script: x}\n  b:\n    needs: [a]\n    uses: script@v1\n    with: {image: "bash:5", script: x}\n' >cycle.yaml
	expect 2 sluice run cycle.yaml
}

test_dry_run_changes_nothing() {
	simple
	find "$SLUICE_HOME" -path '*/store/datasets/*' -o -path '*/runs/*' | sort >before
	ok run simple.yaml --dry-run
	says out hello
	find "$SLUICE_HOME" -path '*/store/datasets/*' -o -path '*/runs/*' | sort >after
	! has_dataset made || fail 'a dataset was made'
	diff before after
}

test_no_jobs_at_once() {
	simple
	expect 2 sluice run simple.yaml --jobs 0
	says err '--jobs 0 would run nothing'
}

test_quiet() {
	simple
	ok run simple.yaml --quiet
	silent out 'hello | hello'
}

# The jobs that others need stand below them in the file.
chain_that_fails() {
	{
		printf 'jobs:\n'
		script_job last 'needs: [middle]' <<<'echo last'
		script_job middle 'needs: [first]' <<<'echo middle'
		script_job first <<<'echo why; exit 3'
	} >chain.yaml
}

test_starts_stand_below_what_they_waited_for() {
	{
		printf 'jobs:\n'
		script_job second 'needs: [first]' <<<'echo b'
		script_job first <<<'echo a'
	} >two.yaml
	ok run two.yaml
	same "$(sed -E 's/in [0-9.]+m?s$/in T/; /^$/q' out)" 'first : started
first | a
first : succeeded in T
second : started
second | b
second : succeeded in T'
}

test_what_was_skipped_says_why() {
	chain_that_fails
	expect 1 sluice run chain.yaml
	same "$(sed -E 's/after [0-9.]+m?s/after T/; /^$/q' out)" 'first : started
first | why
first : failed after T: exit code 3
middle : skipped: it needs job '"'first'"', which failed
last : skipped: it needs job '"'middle'"', which was skipped'
	ok runs show chain/1
	says out "it needs job 'first', which failed"
	matches out '^\| bash:5 +\| sha256:[0-9a-f]{64} \|$'
	expect 1 sluice run chain.yaml --quiet
	[ ! -s out ] || fail 'nothing was made'
	same "$(cat err)" "sluice: job 'first' failed: exit code 3
    why"
}

# Of hundreds that never begin not every one has a line.
test_many_that_do_not_begin() {
	local i
	{
		echo 'jobs:'
		script_job first <<<'exit 3'
		for ((i = 1; i <= 60; i++)); do script_job "after-$i" 'needs: [first]' <<<true; done
	} >wide.yaml
	expect 1 sluice run wide.yaml
	same "$(grep -c ': skipped' out)" 20
	says out '1 failed, 60 skipped'
	says out 'jobs:     sluice runs show wide/1 (and 40 more that did not begin)'
	ok runs show wide/1
	same "$(grep -c '| skipped ' out)" 60
}

test_show_names_what_was_given() {
	mkdir words
	echo hello >words/a
	{
		printf 'inputs:\n  greeting: {type: string, with: {value: none}}\n'
		printf '  words: {type: dataset}\njobs:\n'
		script_job say 'inputs: {greeting: workflow.inputs.greeting, words: workflow.inputs.words}' \
			<<<'cat /inputs/greeting /inputs/words/a'
	} >say.yaml
	ok run say.yaml --input words=./words --input 'greeting=good day'
	ok runs show
	matches out '^\| greeting +\| good day +\|$'
	matches out '^\| say +\| input +\| words +\| words:[a-z0-9]{7} +\| true +\|$'
}

test_names_of_workflows() {
	simple
	expect 2 sluice run simple.yaml --name $'a\tb'
	says err "the workflow's name holds a control character: use letters, digits"
	expect 2 sluice run simple.yaml --name ''
	says err "the workflow's name is empty"
	expect 2 sluice run simple.yaml --name a/b
	says err "holds a '/'"
	expect 2 sluice run simple.yaml --name "$(printf 'n%.0s' {1..129})"
	says err 'is longer than 128 bytes'
	mv simple.yaml $'odd\tfile.yaml'
	ok run $'odd\tfile.yaml' --dry-run --name "$(printf 'n%.0s' {1..128})"
	ok run $'odd\tfile.yaml'
	says out 'run odd_file/1 SUCCEEDED'
}

test_dataset_verbs() {
	mkdir -p files/sub
	echo alpha >files/a.txt
	echo beta >files/sub/b.txt
	ok datasets create --name things --description 'some things'
	matches out '^Created dataset: ds[a-z0-9]{13}$'
	local ds
	ds=$(grep -oE 'ds[a-z0-9]{13}' out)
	ok datasets list
	matches out "\\| things +\\| $ds +\\|"
	ok datasets details --id "$ds"
	says out 'some things'
	ok datasets versions create --id "$ds" --message first --source-path files/
	matches out "^Created dataset version: $ds:[a-z0-9]{7}$"
	matches out "^Committed dataset version: $ds:[a-z0-9]{7}$"
	local version
	version=$(grep -oE "$ds:[a-z0-9]{7}" out | head -n 1)
	ok datasets versions list --id "$ds"
	matches out "\\| $version +\\| first +\\|"
	ok datasets versions details --id "$version"
	ok datasets files list --id "$version"
	says out a.txt
	says out sub/
	ok datasets files get --id "$version" --target-path back
	same "$(cat err)" "sluice: copied 2 files (11 B) of things:${version#*:} to 'back'"
	same "$(cat back/a.txt back/sub/b.txt | tr '\n' ' ')" 'alpha beta '
	ok datasets tags set --id "$version" --name best
	says out "Set dataset tag: $ds:best"
	ok datasets tags list --id "$ds"
	matches out "\\| $version +\\| best +\\|"
	ok datasets tags delete --id "$ds:best"
	says out "Deleted dataset tag: $ds:best"
	ok datasets tags set --id "$version" --name best
	expect 2 sluice datasets tags delete "$ds:best" --name best
	ok datasets tags delete things --name best
	says out "Deleted dataset tag: $ds:best"
	ok datasets files list --recursive things
	says out sub/b.txt
}

test_open_version() {
	echo one >one
	ok datasets create --name slowly
	ok datasets versions create --id slowly
	local version
	version=$(grep -oE 'ds[a-z0-9]{13}:[a-z0-9]{7}' out)
	ok datasets files put --id "$version" --source-path one --target-path /in
	says err "slowly:${version#*:} has 1 file (4 B) now"
	expect 2 sluice datasets files put slowly --source-path one
	says err "'sluice datasets versions create slowly' makes"
	same "$(versions slowly)" 0
	ok datasets versions commit --id "$version"
	says out "Committed dataset version: $version"
	same "$(versions slowly)" 1
	same "$(contents slowly in/one)" one
	sluice datasets files put --id "$version" --source-path one
	[ "$status" -ne 0 ] || fail 'a committed version is immutable'
	says err "'sluice datasets versions create slowly' opens a new one"
	sluice datasets versions commit --id "$version"
	cat out err >both
	says both 'already committed'
}

# Two versions of a dataset `things`, in $one and $two.
two_versions() {
	mkdir -p one two/sub
	echo same | tee one/same >two/same
	echo 1 >one/changed
	echo 22 >two/changed
	echo gone >one/gone
	echo moved | tee one/old >two/sub/new
	echo new >two/new
	echo run | tee one/tool >two/tool
	chmod +x two/tool
	printf 'x' >"two/sub/$(printf 'odd\033')"
	ok datasets create --name things
	ok datasets versions create things --source-path one/
	one=things:$(sed -n 's/^Committed.*://p' out)
	ok datasets versions create things --source-path two/
	two=things:$(sed -n 's/^Committed.*://p' out)
}

test_diff() {
	two_versions
	expect 1 sluice datasets diff "$one" "$two"
	cat >want <<'END'
M changed (2 B -> 3 B)
D gone (5 B)
A new (4 B)
R old -> sub/new (6 B)
A sub/odd\x1b (1 B)
M tool (file -> executable)
END
	cmp want out
	expect 1 sluice datasets diff "$one" things --name-only
	same "$(paste -sd ' ' out)" 'changed gone new sub/new sub/odd\x1b tool'
	expect 1 sluice datasets diff "$two" "$one" --no-renames --stat
	matches out '^\| Added +\| 2 \(11 B\) +\|$'
	matches out '^\| Removed +\| 3 \(11 B\) +\|$'
	matches out '^\| Renamed +\| 0 \(0 B\) +\|$'
	expect 1 sluice datasets diff "$one" "$two" --json
	"$REPO/tests/integration/check-json" diff out
	same "$(jq -r '[.changes[].change] | join(" ")' out)" \
		'changed removed added renamed added changed'
	same "$(jq -c .totals.renamed out)" '{"files":1,"bytes":6}'
	same "$(jq -r '.changes[3] | .from.path + " " + .to.path' out)" 'old sub/new'
	ok datasets diff "$one" "$one" --json
	"$REPO/tests/integration/check-json" diff out
	ok datasets diff "$two" things
	same "$(cat out)" ''
	expect 2 sluice datasets diff "$one"
	expect 2 sluice datasets diff "$one" thigns
	says err "things"
	expect 2 sluice datasets diff "$one" "$two" --stat --json
	ok datasets versions create things
	expect 2 sluice datasets diff "$one" "$(sed -n 's/^Created.*: //p' out)"
	says err 'is not committed yet'
}

test_cat() {
	two_versions
	ok datasets cat "$one" same /changed
	same "$(paste -sd ' ' out)" 'same 1'
	# What a file holds already stays, and a pipe is as good as a file.
	"$SLUICE" datasets cat things sub/new same >both
	"$SLUICE" datasets cat things new >>both
	same "$(paste -sd ' ' both)" 'moved same new'
	head -c 5000000 /dev/urandom >one/large
	ok datasets versions create things
	local open
	open=$(sed -n 's/^Created.*: //p' out)
	ok datasets files put "$open" --source-path one/large
	"$SLUICE" datasets cat "$open" large | cmp - one/large
	ok datasets versions commit "$open"
	"$SLUICE" datasets cat "$open" large | cmp - one/large
	"$SLUICE" datasets cat "$open" large large >both
	cat one/large one/large | cmp - both
	expect 2 sluice datasets cat "$two" sub/nwe
	says err "did you mean 'sub/new'?"
	expect 2 sluice datasets cat "$two" sub
	says err 'is a directory'
	expect 2 sluice datasets cat "$two" ../new
	expect 2 sluice datasets cat "$two"
}

test_log() {
	two_versions
	ok datasets versions update "$two" --message $'second\n\033[31mred'
	ok datasets tags set "$one" --name first
	ok datasets versions create things
	ok datasets log things
	same "$(sed -E 's/^Date: .*/Date/' out | paste -sd '|')" \
		"version $two|Date|Files:  6 (23 B)||    second|    \\x1b[31mred||version $one (first)|Date|Files:  5 (22 B)"
	ok datasets log things --oneline
	same "$(cat out)" "${two#*:} second"$'\n'"${one#*:} (first)"
	ok datasets log things --oneline -n 1
	same "$(cat out)" "${two#*:} second"
	ok datasets log things -n 0
	same "$(cat out)" ''
	ok datasets log things --json --limit 1
	same "$(jq -r 'length, .[0].version' out | paste -sd ' ')" "1 ${two#*:}"
	expect 2 sluice datasets log things -n some
	expect 2 sluice datasets log "$one"
	expect 2 sluice datasets log thigns
	simple
	ok run simple.yaml
	ok datasets log made
	matches out '^Run:    [0-9a-f-]{36}, job hello, attempt 1$'
}

test_dataset_errors() {
	expect 2 sluice datasets details --id nothing
	ok datasets create --name things
	sluice datasets create --name things
	[ "$status" -ne 0 ] || fail 'the name is taken'
	expect 2 sluice datasets details --id thigns
	says err things
	expect 2 sluice datasets versions commit --id things
	expect 2 sluice datasets create --name 'ds0123456789abc'
	expect 2 sluice datasets create --name ''
}

# A mistyped home is not made without a word by who only looks.
test_looking_says_that_it_makes_a_home() {
	export SLUICE_HOME=$PWD/a/b
	ok datasets list
	says out 'No data found'
	same "$(cat err)" "sluice: there was no home '$PWD/a/b' yet: this is a new one"
	ok datasets list
	[ ! -s err ] || fail 'it is not new any more'
}

test_history() {
	simple
	ok run simple.yaml
	ok run simple.yaml
	ok runs list
	cp out list
	same "$(grep -c SUCCEEDED list)" 2
	local uuid
	uuid=$(ls "$SLUICE_HOME/runs" | head -n 1)
	ok runs show "$uuid"
	says out hello
	says out SUCCEEDED
	ok runs logs "$uuid"
	says out hello
	ok runs delete "$uuid"
	matches out '^Deleted run: simple/[12]$'
	same "$(ls "$SLUICE_HOME/runs" | wc -l)" 1
	ok runs list
	same "$(grep -c SUCCEEDED out)" 1
	local left
	left=simple/$(sed -nE 's/^\| simple +\| ([12]) .*/\1/p' out)
	for command in show logs resume; do
		expect 2 sluice runs "$command" simple
		says err "'simple' is a workflow, not a run: did you mean its newest run, '$left'?"
	done
	expect 2 sluice runs show "$uuid"
	# The versions stay.
	same "$(versions made)" 2
}

test_images() {
	ok images list
	says out bash
	mkdir empty
	sluice images import empty
	[ "$status" -ne 0 ] || fail 'an empty directory is no image'
	ok images delete bash:5
	simple
	sluice run --pull never simple.yaml
	same "$status" 3
	says err "'sluice images pull bash:5' gets it"
}

test_home_of_another_kind_is_refused() {
	mkdir foreign
	echo x >foreign/file
	SLUICE_HOME=$PWD/foreign expect 2 sluice datasets list
	same "$(ls foreign)" file
}

test_works_from_any_directory_with_a_link() {
	simple
	mkdir elsewhere
	ln -s "$SLUICE_HOME" link
	(cd elsewhere && SLUICE_HOME=../link "$SLUICE" run ../simple.yaml >../out 2>../err) || {
		cat out err
		fail 'failed'
	}
	says out 'hello | hello'
}

test_doctor() {
	sluice doctor
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || fail "status $status"
}

# A path that cannot be what is asked for is a mistake of its user's, not of the machinery.
test_wrong_paths() {
	mkdir in
	echo one >in/lines
	: >file
	ok datasets create --name texts
	ok datasets versions create --id texts --source-path in/
	expect 2 sluice datasets files get --id texts --target-path file
	expect 2 sluice datasets files get --id texts --source-path lines --target-path in
	says err "'in' is a directory; give 'in/lines'"
	expect 2 sluice datasets files get --id texts --target-path file/below
	expect 2 sluice datasets files get --id texts --target-path "$(printf 'x%.0s' {1..300})"
	expect 2 sluice datasets put texts nowhere
	expect 2 sluice datasets put texts file/below
	expect 2 sluice datasets versions create --id texts --source-path nowhere
	expect 2 sluice datasets export texts nowhere/out.tar
	mkdir out.tar
	expect 2 sluice datasets export texts out.tar
	expect 2 sluice datasets mount texts file/below
	expect 2 sluice images import nowhere
	says err "cannot open 'nowhere': No such file or directory"
	expect 2 sluice images import file/below
	expect 2 sluice run nowhere.yaml
	SLUICE_HOME=/dev/null expect 2 sluice datasets list
	SLUICE_HOME=$PWD/file/below expect 2 sluice datasets list
	expect 2 sluice validate in
	same "$(versions texts)" 1
}

# What every `gradient` command took.
test_options_files() {
	echo a >a
	echo b >b
	ok datasets create --name texts --apiKey none
	printf 'id: texts\nsourcePath: [a, b]\nmessage: from a file\ntarget-path: null\nunpack: false\n' >given.yaml
	ok datasets versions create --optionsFile given.yaml --message mine
	ok datasets versions list texts --json
	same "$(jq -r '.[] | "\(.message) \(.files)"' out)" 'mine 2'
	ok datasets versions create --createOptionsFile made.yaml --id texts --message "it's" --source-path a --source-path b
	same "$(versions texts)" 1
	ok datasets versions create --options-file made.yaml
	ok datasets versions list texts --json
	same "$(jq -r '.[0] | "\(.message) \(.files)"' out)" "it's 2"
	expect 2 sluice datasets versions create --createOptionsFile made.yaml
	says err "'made.yaml' is there already"
	echo 'sourcePth: a' >wrong.yaml
	expect 2 sluice datasets versions create --optionsFile wrong.yaml
	says err "wrong.yaml:1: unknown option '--sourcePth': did you mean '--sourcePath'?"
	echo 'message: [a, b]' >wrong.yaml
	expect 2 sluice datasets versions create --optionsFile wrong.yaml
	says err 'wrong.yaml:1: --message is given twice'
	printf 'id: texts\njson: maybe\n' >wrong.yaml
	expect 2 sluice datasets versions list --optionsFile wrong.yaml
	says err 'wrong.yaml:2: true or false is expected here'
	echo 'a: [' >wrong.yaml
	expect 2 sluice datasets list --optionsFile wrong.yaml
	says err 'wrong.yaml:2: '
}
