# Datasets in runs: what goes in, what comes out, and what is refused.

# A workflow that reads `data` and appends a line; its output is a dataset named 'grown'.
grow() {
	{
		echo 'jobs:'
		script_job grow 'inputs: {data: {type: dataset, with: {ref: grown}}}' \
			'outputs: {data: {type: dataset, with: {ref: grown}}}' <<'END'
cp /inputs/data/lines /outputs/data/lines
wc -l < /outputs/data/lines >> /outputs/data/lines
END
	} >grow.yaml
}

# A workflow with one dataset input `data` of the workflow; it lists it.
reader() {
	{
		printf 'inputs: {data: {type: dataset}}\njobs:\n'
		script_job read 'inputs: {data: workflow.inputs.data}' <<'END'
cd /inputs/data && find . -type f | sort | xargs cat
END
	} >reader.yaml
}

writer() { # NAME: makes one version of that dataset, a file `lines` with one line
	{
		echo 'jobs:'
		script_job write "outputs: {data: {type: dataset, with: {ref: $1}}}" <<'END'
echo first > /outputs/data/lines
END
	} >writer.yaml
}

test_second_run_reads_what_the_first_made() {
	writer grown
	ok run writer.yaml
	grow
	ok run grow.yaml
	ok run grow.yaml
	same "$(contents grown lines | tr '\n' ' ')" 'first 1 2 '
	same "$(versions grown)" 3
	nothing_left
}

test_new_dataset_is_made_with_a_notice() {
	writer brand-new
	ok run writer.yaml
	cat out err >both
	matches both 'dataset .?brand-new'
	has_dataset brand-new || fail 'no dataset'
}

test_namespace_is_not_looked_at() {
	writer teamA/model
	ok run writer.yaml --dry-run
	says err "whatever its namespace 'teamA/', this is dataset 'model' of this home"
	says out 'dataset model (will be created)'
	ok run writer.yaml
	has_dataset model || fail 'no dataset'
	expect 2 sluice datasets put teamZ/model writer.yaml
	says err "write 'model' instead of 'teamZ/model'"
	same "$(versions model)" 1
	ok datasets put gradient/model writer.yaml
}

test_no_create_datasets() {
	writer brand-new
	expect 2 sluice run writer.yaml --no-create-datasets
	says err brand-new
	! has_dataset brand-new || fail 'it was made'
	ok datasets create --name brand-new
	ok run writer.yaml --no-create-datasets
	same "$(versions brand-new)" 1
}

test_missing_input_is_an_error() {
	writer grown
	ok run writer.yaml
	sed 's/ref: grown}}}/ref: grwon}}}/' >typo.yaml <<'END'
jobs:
  read:
    inputs: {data: {type: dataset, with: {ref: grown}}}
    uses: script@v1
    with: {image: "bash:5", script: ls}
END
	expect 2 sluice run typo.yaml
	says err grwon
	says err grown
	sed -i 's/grwon/grown:nosuchtag/' typo.yaml
	expect 2 sluice run typo.yaml
	says err nosuchtag
}

test_input_without_a_version() {
	ok datasets create --name empty-one
	cat >read.yaml <<'END'
jobs:
  read:
    inputs: {data: {type: dataset, with: {ref: empty-one}}}
    uses: script@v1
    with: {image: "bash:5", script: ls}
END
	expect 2 sluice run read.yaml
	says err empty-one
}

test_input_from_a_directory() {
	mkdir -p data/sub
	echo one >data/a
	echo two >data/sub/b
	reader
	ok run reader.yaml --input data=./data
	says out 'read | one'
	says out 'read | two'
	# The directory is copied, never taken.
	same "$(cat data/a data/sub/b | tr '\n' ' ')" 'one two '
}

test_input_missing_directory() {
	reader
	expect 2 sluice run reader.yaml --input data=./nothing-here
	says err nothing-here
}

test_input_by_version_and_tag() {
	local first
	writer grown
	ok run writer.yaml
	first=$(made grown)
	grow
	ok run grow.yaml
	reader
	ok run reader.yaml --input data="$first"
	says out 'read | first'
	silent out 'read | 1'
	ok datasets tags set --id "$(dataset_version "$first")" --name best
	ok run reader.yaml --input data=grown:best
	silent out 'read | 1'
	ok run reader.yaml --input data=grown:latest
	says out 'read | 1'
}

dataset_version() { # NAME:VERSION -> DS:VERSION
	"$SLUICE" datasets versions list --id "${1%%:*}" | grep -oE "ds[a-z0-9]{13}:${1##*:}"
}

test_directory_that_did_not_change() {
	mkdir words
	echo hello >words/a
	{
		printf 'inputs: {words: {type: dataset}}\njobs:\n'
		script_job say 'inputs: {words: workflow.inputs.words}' <<<'cat /inputs/words/a'
	} >say.yaml
	ok run say.yaml --input words=./words
	local first
	first=$(grep -oE 'words:[a-z0-9]{7}$' err)
	echo other >words/a
	ok run say.yaml --input words=./words
	same "$(versions words)" 2
	echo hello >words/a
	ok run say.yaml --input words=./words
	says err "./words is as it was: $first"
	says out 'say | hello'
	same "$(versions words)" 2
	ok datasets versions list words --is-committed false
	says out 'No data found'
}

test_inputs_file() {
	writer grown
	ok run writer.yaml
	{
		printf 'inputs: {data: {type: dataset}, word: {type: string}}\njobs:\n'
		script_job read 'inputs: {data: workflow.inputs.data, word: workflow.inputs.word}' <<'END'
cat /inputs/data/lines /inputs/word
END
	} >two.yaml
	printf 'data:\n  ref: grown\nword:\n  value: "a word"\n' >inputs.yaml
	ok run two.yaml --inputs inputs.yaml
	says out 'read | first'
	says out 'read | a word'
	printf '{"inputs": {"data": {"id": "grown"}, "word": {"value": "json"}}}' >inputs.json
	ok run two.yaml --inputs inputs.json
	says out 'read | json'
	# What stands on the command line wins.
	ok run two.yaml --inputs inputs.json --input word=line
	says out 'read | line'
	printf 'data:\n  ref: grown\nwrod:\n  value: x\n' >inputs.yaml
	expect 2 sluice run two.yaml --inputs inputs.yaml
	says err wrod
	says err word
}

test_input_that_must_be_given() {
	reader
	expect 2 sluice run reader.yaml
	says err data
	expect 2 sluice run reader.yaml --input dta=./x
	says err dta
}

test_optional_input_is_not_mounted() {
	{
		printf 'inputs: {data: {type: dataset, optional: true}}\njobs:\n'
		script_job look 'inputs: {data: workflow.inputs.data}' <<'END'
[ -e /inputs/data ] && echo there || echo absent
END
	} >optional.yaml
	ok run optional.yaml
	says out 'look | absent'
}

test_inputs_are_private_views() {
	writer grown
	ok run writer.yaml
	{
		echo 'jobs:'
		script_job scribble 'inputs: {data: {type: dataset, with: {ref: grown}}}' <<'END'
set -e
echo changed > /inputs/data/lines
touch /inputs/data/new /inputs/sibling
cat /inputs/data/lines
END
		script_job second 'needs: [scribble]' 'inputs: {data: {type: dataset, with: {ref: grown}}}' <<'END'
cat /inputs/data/*
END
	} >scribble.yaml
	ok run scribble.yaml
	says out 'scribble | changed'
	says out 'second | first'
	same "$(contents grown lines)" first
	expect 1 sluice run scribble.yaml --strict-inputs
	same "$(contents grown lines)" first
}

test_new_version_starts_empty() {
	writer grown
	ok run writer.yaml
	{
		echo 'jobs:'
		script_job other 'outputs: {data: {type: dataset, with: {ref: grown}}}' <<'END'
ls -A /outputs/data | wc -l
echo x > /outputs/data/other
END
	} >other.yaml
	ok run other.yaml
	says out 'other | 0'
	"$SLUICE" datasets files list --id grown >files
	says files other
	silent files lines
}

test_two_jobs_one_dataset() {
	{
		echo 'jobs:'
		local i
		for i in 1 2 3 4 5 6; do
			script_job "job-$i" "outputs: {data: {type: dataset, with: {ref: shared}}}" <<END
echo $i > /outputs/data/number
END
		done
	} >many.yaml
	ok run many.yaml --jobs 6
	same "$(versions shared)" 6
}

test_two_runs_at_once() {
	writer shared
	"$SLUICE" run writer.yaml >out.1 2>&1 &
	local first=$!
	ok run writer.yaml
	wait $first || fail "the other run failed: $(cat out.1)"
	same "$(versions shared)" 2
}

test_reads_of_an_ancestors_output() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: chain}}}' <<<'echo fresh > /outputs/d/x'
		script_job b 'needs: [a]' 'inputs: {d: a.outputs.d}' <<<'cat /inputs/d/x'
	} >chain.yaml
	ok run chain.yaml
	says out 'b | fresh'
}

test_pinned_when_the_run_starts() {
	# An inline reference does not see what an earlier job of the same run made.
	writer grown
	ok run writer.yaml
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: grown}}}' <<<'echo second > /outputs/d/lines'
		script_job b 'needs: [a]' 'inputs: {d: {type: dataset, with: {ref: grown}}}' <<<'cat /inputs/d/lines'
	} >pinned.yaml
	ok run pinned.yaml
	says out 'b | first'
	same "$(contents grown lines)" second
}

test_modes_links_and_empty_directories() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: tree}}}' <<'END'
cd /outputs/d
echo '#!/bin/sh' > tool && chmod 755 tool
echo plain > plain && ln -s plain link && ln -s /etc/passwd outside && mkdir empty
mkfifo pipe
END
		script_job b 'needs: [a]' 'inputs: {d: a.outputs.d}' <<'END'
cd /inputs/d
[ -x tool ] && echo executable
[ ! -x plain ] && echo not executable
readlink link outside
[ -d empty ] && echo empty
[ -e pipe ] || echo no pipe
END
	} >tree.yaml
	ok run tree.yaml
	local line
	for line in executable 'not executable' plain /etc/passwd empty 'no pipe'; do
		says out "b | $line"
	done
	cat out err >both
	says both pipe
}

test_weird_file_names() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: weird}}}' <<'END'
cd /outputs/d
touch -- ' leading' 'trailing ' 'a b%20c' $'new\nline' $'tab\there' $'bytes\xff\xfe' 'ümläut' '-dash' '*' "it's" '"quoted"' '\back'
mkdir $'dir\nname' && echo deep > $'dir\nname/.hidden'
END
		script_job b 'needs: [a]' 'inputs: {d: a.outputs.d}' <<'END'
cd /inputs/d
for f in ' leading' 'trailing ' 'a b%20c' $'new\nline' $'tab\there' $'bytes\xff\xfe' 'ümläut' '-dash' '*' "it's" '"quoted"' '\back'; do
  [ -f "$f" ] || echo "missing: $f"
done
cat $'dir\nname/.hidden'
find . -mindepth 1 -print0 | tr -dc '\0' | wc -c
END
	} >weird.yaml
	ok run weird.yaml
	silent out missing
	says out 'b | deep'
	says out 'b | 14'
	ok datasets files get --id weird --target-path back
	[ -f $'back/new\nline' ] || fail 'the name is not whole'
	[ -f $'back/bytes\xff\xfe' ] || fail 'the bytes are not whole'
}

test_big_file() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: big}}}' <<'END'
head -c 300000000 /dev/urandom > /outputs/d/big
sha256sum < /outputs/d/big
END
		script_job b 'needs: [a]' 'inputs: {d: a.outputs.d}' <<'END'
sha256sum < /inputs/d/big
stat -c %s /inputs/d/big
END
	} >big.yaml
	ok run big.yaml
	says out 'b | 300000000'
	same "$(sed -n 's/^a | //p' out)" "$(sed -n 's/^b | \(.*-\)$/\1/p' out)"
	same "$(contents big big | sha256sum)" "$(sed -n 's/^a | //p' out)"
}

test_many_files() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: many}}}' <<'END'
cd /outputs/d
for d in $(seq 40); do mkdir $d; for f in $(seq 100); do echo "$d $f" > $d/$f; done; done
END
		script_job b 'needs: [a]' 'inputs: {d: a.outputs.d}' <<'END'
find /inputs/d -type f | wc -l
cat /inputs/d/40/100
END
	} >many.yaml
	ok run many.yaml
	says out 'b | 4000'
	says out 'b | 40 100'
}
