# shellcheck shell=bash
# The manual and what the shells complete: made from the same tables as --help.

# The build directory of the program, if it was built here.
install_here() {
	cmake --install "$(dirname "$SLUICE")" --prefix "$PWD/prefix" >install.log ||
		{ cat install.log; fail 'cmake --install'; }
}

test_manual_pages() {
	install_here
	local page count=0
	for page in prefix/share/man/man1/*.1; do
		mandoc -T lint -W warning "$page"
		groff -man -ww -z "$page" >warnings 2>&1
		[ ! -s warnings ] || { cat warnings; fail "$page"; }
		man -l "$page" >text
		[ "$(wc -l <text)" -gt 20 ] || fail "$page says little"
		count=$((count + 1))
	done
	[ $count -gt 25 ] || fail "only $count pages"
	man -M "$PWD/prefix/share/man" sluice-datasets-versions-create >text
	says text '--source-path, --sourcePath PATH'
}

# What the program reads of the environment is in its manual.
test_manual_tells_the_environment() {
	install_here
	local name
	for name in $(grep -rhoE '(getenv|variable)\("[A-Z_]+"\)' "$REPO/runner" | grep -oE '[A-Z_]{2,}' | sort -u); do
		grep -qxF "\\fB$name\\fR" prefix/share/man/man1/sluice.1 || fail "the manual lacks $name"
	done
}

# --- completion ----------------------------------------------------------------------------------

# A home with something of everything to complete.
fill_home() {
	mkdir -p texts/deep other.d
	echo a >texts/a.txt
	echo b >texts/deep/b.txt
	ok datasets create texts
	ok datasets versions create texts --source-path texts/ --message 'the first'
	committed=$("$SLUICE" datasets versions list texts --json | jq -r '.[0].version')
	ok datasets tags set "texts:$committed" --name golden
	ok datasets versions create texts
	open=$("$SLUICE" datasets versions list texts --is-committed false --json | jq -r '.[0].version')
	cat >flow.yaml <<-'END'
		inputs:
		  corpus: {type: dataset}
		  words: {type: string}
		jobs:
		  count: {uses: container@v1, with: {image: "bash:5", args: ["true"]}}
	END
	cat >small.yaml <<-'END'
		jobs:
		  count: {uses: container@v1, with: {image: "bash:5", args: ["true"]}}
	END
	ok run small.yaml
}

# candidates WORD...: what the program offers, without remarks.
candidates() { "$SLUICE" complete -- "$@" | cut -f1 | paste -sd' '; }

test_candidates() {
	same "$(candidates ru)" 'run runs'
	same "$(candidates datasets versions c)" 'create commit'
	same "$(candidates datasets nothing '')" ''
	same "$(candidates help run)" 'run runs'
	same "$(candidates run --net)" '--network'
	same "$(candidates run --inputP)" '--inputPath'
	same "$(candidates run --network '')" 'private host none'
	same "$(candidates run --bad --network '')" ''
	same "$(candidates run --network=n)" '--network=none'
	same "$(candidates run -n --dr)" ''
	same "$(candidates run '')" ':files 0'
	same "$(candidates run --event=x)" ':files 8'
	same "$(candidates run -- --n)" ':files 0'
	same "$(candidates completion f)" 'fish'
	same "$(candidates datasets list --is)" ''
	same "$(candidates runs logs a b '')" '--follow --timestamps --help --quiet'
	fill_home
	same "$(candidates datasets details '')" 'texts'
	same "$(candidates datasets versions list --id te)" 'texts'
	same "$(candidates datasets files list texts:)" "texts:golden texts:$committed"
	same "$(candidates datasets files put t)" 'texts:'
	same "$(candidates datasets files put --id texts:)" "texts:$open"
	same "$(candidates datasets tags delete texts:)" 'texts:golden'
	same "$(candidates datasets files list texts --path '')" "$(printf '%s\n' deep/ a.txt | sort | paste -sd' ')"
	same "$(candidates datasets files get texts:golden --source-path deep/)" 'deep/b.txt'
	same "$(candidates datasets files get texts --source-path ../)" ''
	same "$(candidates runs show '')" 'latest small/1'
	same "$(candidates runs cancel '')" '--help --quiet'
	same "$(candidates runs logs small/1 '')" 'count'
	same "$(candidates runs list --workflow s)" 'small'
	same "$(candidates images delete b)" 'bash:5'
	same "$(candidates run flow.yaml --input '')" 'corpus= words='
	same "$(candidates run flow.yaml --input corpus=t)" 'corpus=texts'
	same "$(candidates run flow.yaml --input=corpus=texts:gold)" '--input=corpus=texts:golden'
	same "$(candidates run flow.yaml -i corpus=./)" ':directories 7'
	same "$(candidates run flow.yaml -i words=)" ''
}

# Completing neither makes a home nor changes one, and never fails.
test_completing_only_looks() {
	SLUICE_HOME=$PWD/none ok complete -- datasets details ''
	[ ! -e none ] || fail 'a home was made'
	mkdir odd
	echo other >odd/file
	SLUICE_HOME=$PWD/odd ok complete -- runs show ''
	same "$(ls odd)" file
	ok complete
	ok complete --
	ok complete -- no such command ''
	fill_home
	find "$SLUICE_HOME" -type f ! -name '*-shm' ! -name '*-wal' -exec sha256sum {} + | sort >before
	candidates datasets files list texts:
	candidates images delete ''
	find "$SLUICE_HOME" -type f ! -name '*-shm' ! -name '*-wal' -exec sha256sum {} + | sort >after
	diff before after
	head -c 4096 /dev/urandom >"$SLUICE_HOME/catalog.db"
	ok complete -- datasets details t
	[ ! -s out ] && [ ! -s err ] || fail 'something was said'
}

# Where the three shells find the program and its script.
prepare_shells() {
	install_here
	fill_home
	export PATH=$PWD/prefix/bin:$PATH XDG_CONFIG_HOME=$PWD/config XDG_CACHE_HOME=$PWD/cache HOME=$PWD
}

# in_bash LINE: what bash would put in place of the last word's last piece, by words as readline
# breaks them.
in_bash() {
	bash --norc --noprofile -c '
		. prefix/share/bash-completion/completions/sluice
		compopt() { :; } # only readline has options to set
		COMP_LINE=$1 COMP_POINT=${#1}
		read -ra COMP_WORDS < <(sed -E "s/([:=]+)/ \1 /g; s/ +/ /g" <<<"$1")
		[[ $1 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_sluice sluice
		printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd" "' bash "$1"
}

test_bash_completes() {
	prepare_shells
	same "$(in_bash 'sluice ru')" 'run runs'
	same "$(in_bash 'sluice datasets versions cr')" 'create'
	same "$(in_bash 'sluice datasets files list te')" 'texts'
	same "$(in_bash 'sluice datasets files list texts:')" "$(printf '%s\n' golden "$committed" | sort | paste -sd' ')"
	same "$(in_bash 'sluice datasets files list --id=texts:gol')" 'golden'
	same "$(in_bash 'sluice run --network=')" 'host none private'
	same "$(in_bash 'sluice run sma')" 'small.yaml'
	same "$(in_bash 'sluice run --inputs=sma')" 'small.yaml'
	same "$(in_bash 'sluice run flow.yaml --input corpus=./te')" './texts'
	same "$(in_bash 'sluice images delete ba')" 'bash:5'
	same "$(in_bash 'sluice runs logs  small/1 c')" 'count'
}

# What readline itself makes of it, in a terminal: LINE with a tab.
test_bash_in_a_terminal() {
	prepare_shells
	cat >init <<-'END'
		. prefix/share/bash-completion/completions/sluice
		PS1='ready> '
		dump() { printf '%s\n' "$READLINE_LINE" >>result; READLINE_LINE=; READLINE_POINT=0; }
		bind -x '"\C-t": dump'
	END
	in_terminal bash 'bash --noprofile --rcfile init -i'
}

# zsh and bash with a terminal: each line, a tab, and the key that writes down what it has become.
in_terminal() { # SHELL COMMAND
	: >result
	zsh -f -c '
		zmodload zsh/zpty
		zpty shell $1
		zpty -r shell got "*ready>*"
		for line in "${(@)argv[2,-1]}"; do zpty -w -n shell "$line"$'"'"'\t\x14'"'"'; done
		for ((i = 0; i < 600; i++)); do
			zpty -r -t shell got
			(( $(wc -l <result) < $# - 1 )) || break
			sleep 0.05
		done
		zpty -d shell' "$1" "$2" 'sluice run sma' 'sluice datasets files list --id te' \
		'sluice datasets files list texts:gol' 'sluice run --netw' 'sluice datasets files put te' \
		'sluice run --inputs=flo' 'sluice run flow.yaml --input cor' >terminal.log 2>&1
	diff result - <<-'END'
		sluice run small.yaml 
		sluice datasets files list --id texts 
		sluice datasets files list texts:golden 
		sluice run --network 
		sluice datasets files put texts:
		sluice run --inputs=flow.yaml 
		sluice run flow.yaml --input corpus=
	END
}

test_zsh_completes() {
	prepare_shells
	mkdir zdot
	cat >zdot/.zshrc <<-'END'
		fpath=($OLDPWD/prefix/share/zsh/site-functions $PWD/prefix/share/zsh/site-functions $fpath)
		autoload -Uz compinit && compinit -D -u
		PROMPT='ready> '
		dump() { print -r -- "$BUFFER" >>result; BUFFER=; }
		zle -N dump
		bindkey '^T' dump
	END
	ZDOTDIR=$PWD/zdot in_terminal zsh 'zsh -d -i'
}

test_fish_completes() {
	prepare_shells
	in_fish() {
		fish --no-config -c 'source prefix/share/fish/vendor_completions.d/sluice.fish
			complete -C $argv[1]' "$1" | cut -f1 | sort | paste -sd' '
	}
	same "$(in_fish 'sluice ru')" 'run runs'
	same "$(in_fish 'sluice datasets versions ')" 'commit create delete details list update'
	same "$(in_fish 'sluice datasets files list te')" 'texts'
	same "$(in_fish 'sluice datasets files list texts:gol')" 'texts:golden'
	same "$(in_fish 'sluice run --netw')" '--network'
	same "$(in_fish 'sluice run --network=n')" '--network=none'
	same "$(in_fish 'sluice run sma')" 'small.yaml'
	same "$(in_fish 'sluice run --inputs=sma')" '--inputs=small.yaml'
	same "$(in_fish 'sluice run flow.yaml --input corpus=./te')" 'corpus=./texts/'
	same "$(in_fish 'sluice images delete ')" 'bash:5'
}

# What a script is for, without doing it.
test_scripts_help() {
	local script
	for script in "$REPO"/scripts/* "$REPO/tests/integration/run"; do
		[ "$(head -n 1 "$script")" = '#!/usr/bin/env bash' ] || continue
		"$script" --help >text || fail "$script --help"
		says text "$(basename "$script")"
		[ "$(wc -l <text)" -le 25 ] || fail "$script --help says more than its head"
	done
}

test_word_without_a_test() {
	status=0
	"$REPO/tests/integration/run" no-such-test >out 2>err || status=$?
	same "$status" 2
	says err '  help.word_without_a_test'
}
