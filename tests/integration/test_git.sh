# git-checkout@v1 from repositories of this machine.

repository() { # two commits, a branch and a tag
	git init -q -b main repo
	git -C repo config user.name a
	git -C repo config user.email a@example.com
	echo one >repo/file
	git -C repo add file
	git -C repo commit -q -m first
	git -C repo tag v1
	git -C repo checkout -q -b side
	echo side >repo/file
	git -C repo commit -q -a -m side
	git -C repo checkout -q main
	echo two >repo/file
	git -C repo commit -q -a -m second
}

clone() { # [REF]
	{
		printf 'jobs:\n  clone:\n    uses: git-checkout@v1\n    with:\n'
		printf '      url: file://%s\n' "$PWD/repo"
		[ $# -eq 0 ] || printf '      ref: %s\n' "$1"
		printf '    outputs: {repo: {type: volume}}\n'
		script_job look 'needs: [clone]' 'inputs: {repo: clone.outputs.repo}' <<<'cat /inputs/repo/file; [ -d /inputs/repo/.git ]'
	} >clone.yaml
}

test_default_branch() {
	repository
	clone
	ok run clone.yaml
	says out "clone | Cloning into '/outputs/repo'..."
	says out 'look | two'
	nothing_left
}

test_refs() {
	repository
	local ref
	for ref in v1 "$(git -C repo rev-parse v1)" "$(git -C repo rev-parse --short=12 v1)"; do
		clone "\"$ref\""
		ok run clone.yaml
		says out 'look | one'
	done
	clone side
	ok run clone.yaml
	says out 'look | side'
}

test_ref_that_is_not_there() {
	repository
	clone nowhere
	expect 1 sluice run clone.yaml
	cat out err >both
	says both nowhere
	silent out 'look |'
}

test_repository_that_is_not_there() {
	repository
	clone
	mv repo gone
	expect 1 sluice run clone.yaml
	nothing_left
}

test_commit_to_a_dataset() {
	repository
	clone v1
	sed -i 's/{type: volume}/{type: dataset, with: {ref: code}}/' clone.yaml
	ok run clone.yaml
	same "$(contents "$(made code)" file)" one
}

test_event_of_the_checkout() {
	# Without --event, context.event.github.* is the checkout in which the file lies.
	repository
	clone
	sed -i 's|url: .*|url: context.event.github.url\n      ref: context.event.github.ref|' clone.yaml
	mkdir repo/.gradient
	cp clone.yaml repo/.gradient/
	ok run repo/.gradient/clone.yaml
	says out 'look | two'
	says err "the checkout $(realpath repo) has changes that are not committed"
}

test_no_event() {
	repository
	clone
	sed -i 's|url: .*|url: context.event.github.url|' clone.yaml
	expect 2 sluice run clone.yaml
	says err event
}
