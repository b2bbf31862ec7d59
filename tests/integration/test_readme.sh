# What README.md says to type is typed here, each block in a fresh home.  A block below a comment
# "<!-- not run: WHY -->" is left out; a YAML block below "`FILE`:" becomes that file.

# Writes block/NUMBER for each block of commands, named by the line where it begins.
take_blocks() {
	mkdir block
	awk '
		/^```/ && inside { inside = 0; if (into) close(into); into = ""; next }
		/^```/ {
			inside = 1
			kind = substr($0, 4)
			if ((kind == "sh" || kind == "console") && above !~ /^<!-- not run: /)
				into = sprintf("block/%04d", NR)
			else if (kind == "yaml" && match(above, /^`[^`]*`:$/))
				into = substr(above, 2, length(above) - 3)
			next
		}
		inside && into && kind == "console" && !/^\$ / { next }
		inside && into { sub(/^\$ /, ""); print > into; next }
		/./ { above = $0 }' "$REPO/README.md"
}

# The files that the commands speak of, as a reader would have them.
prepare_world() {
	mkdir bin my-texts
	ln -s "$SLUICE" bin/sluice
	ln -s "$REPO/examples" "$REPO/scripts" .
	# An archive like docker save's, of the image that is at hand.
	printf '#!/bin/sh\nexec tar -C "%s/images" -cf - .\n' "$BASE_HOME" >bin/docker
	chmod +x bin/docker
	echo 'to be or not to be' >my-texts/hamlet.txt
	{
		printf 'inputs:\n  word: {type: string, with: {value: none}}\njobs:\n'
		script_job say 'inputs: {word: workflow.inputs.word}' <<<'cat /inputs/word'
	} >workflow.yaml
	prepare_repository
}

# A repository whose checkout this is, and an event that names it.
prepare_repository() {
	git init -q -b main origin
	echo 'echo from the repository' >origin/run.sh
	git -C origin add run.sh
	git -C origin -c user.name=a -c user.email=a@example.com commit -q -m first
	printf '{"github": {"url": "file://%s/origin", "ref": "main"}}' "$PWD" >event.json
	git init -q -b main .
	git remote add origin "file://$PWD/origin"
	git fetch -q origin main
	git reset -q FETCH_HEAD
	mkdir -p .gradient/workflows
	sed '/^on:/,/^defaults:/{/^defaults:/!d}' examples/workflows/clone-and-run.yaml \
		>.gradient/workflows/main.yaml
}

# One block, in a fresh home, with files of its own.
run_block() { # FILE
	cp -a world "$1.world"
	cp -a home-as-made "$1.home"
	(
		cd "$1.world"
		export PATH=$PWD/bin:$PATH SLUICE_HOME=$1.home API_TOKEN=t0ken
		bash -euo pipefail "$1"
	) >"$1.log" 2>&1 </dev/null || {
		cat "$1" "$1.log"
		fail "README.md, line ${1##*/}: a command of this block fails"
	}
}

test_commands_of_the_readme() {
	mkdir world
	cd world || return
	prepare_world
	take_blocks
	mv block ..
	cd ..
	cp -a "$SLUICE_HOME" home-as-made
	local block count=0
	for block in "$PWD"/block/????; do
		run_block "$block"
		count=$((count + 1))
	done
	[ $count -ge 5 ] || fail "only $count blocks were found"
}
