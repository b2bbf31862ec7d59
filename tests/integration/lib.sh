#!/usr/bin/env bash
# lib.sh FILE FUNCTION: one test, in the current directory.  Started by tests/integration/run.
# Here stand the words that the tests are written in.
set -Eeuo pipefail
trap 'echo "stopped at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR

export SLUICE_HOME=$PWD/home
mkdir -m "$(stat -c %a "$BASE_HOME")" "$SLUICE_HOME"
for part in "$BASE_HOME"/*; do
	# Unpacked layers never change, so links do; but a linked lock would be every test's at once.
	if [ "${part##*/}" = layers ]; then cp -al "$part" "$SLUICE_HOME/"; else cp -a "$part" "$SLUICE_HOME/"; fi
done
find "$SLUICE_HOME/layers" -maxdepth 1 -type f -delete
mkdir work
cd work

EXAMPLES=$REPO/examples/workflows

fail() {
	echo "$*"
	exit 1
}

# sluice ARGUMENT...: runs the program; what it prints goes to `out` and `err`, both are shown when
# the test fails, and its exit status is in $status.
sluice() {
	status=0
	echo "\$ sluice $*"
	"$SLUICE" "$@" >out 2>err || status=$?
	# Job names are padded to the longest one.
	sed -E -i 's/^([A-Za-z0-9_.-]+) +([|:]) /\1 \2 /' out
	sed -n '1,60s/^/  out: /p' out
	sed -n '1,60s/^/  err: /p' err
	echo "  status: $status"
}

# expect STATUS sluice ARGUMENT...
expect() {
	local want=$1
	shift
	"$@"
	[ "$status" -eq "$want" ] || fail "expected status $want, got $status"
}

ok() { expect 0 sluice "$@"; }

# says FILE TEXT: the text stands in it; `silent FILE TEXT`: it does not.
says() { grep -qF -- "$2" "$1" || fail "$1 does not say: $2"; }
silent() { ! grep -qF -- "$2" "$1" || fail "$1 must not say: $2"; }
matches() { grep -qE -- "$2" "$1" || fail "$1 does not match: $2"; }
same() { [ "$1" = "$2" ] || fail "expected '$2', got '$1'"; }

# The one version of dataset NAME that the last run's closing summary lists, as NAME:VERSION.
made() {
	local found
	found=$(cat out err | grep -oE "(^|[^A-Za-z0-9._-])$1:[a-z0-9]{7}\b" | grep -oE "$1:[a-z0-9]{7}" | sort -u)
	[ "$(wc -l <<<"$found")" -eq 1 ] && [ -n "$found" ] || fail "not one version of $1: '$found'" >&2
	echo "$found"
}

# contents DATASET[:POINT] PATH: the bytes of one file of a version.
contents() {
	local target
	target=$(mktemp -d)
	"$SLUICE" datasets files get --id "$1" --source-path "$2" --target-path "$target/file" \
		>/dev/null || fail "cannot read $2 of $1" >&2
	cat "$target/file"
	rm -rf "$target"
}

# versions DATASET: how many are committed.
versions() {
	"$SLUICE" datasets versions list --id "$1" | grep -cE '^\| ds[a-z0-9]{13}:[a-z0-9]{7} ' || true
}

# has_dataset NAME
has_dataset() { "$SLUICE" datasets list | grep -qE "^\| $1 +\|"; }

# job ID [KEY...]: a script@v1 job as text; the script comes on standard input.
script_job() {
	local id=$1
	shift
	printf '  %s:\n    uses: script@v1\n' "$id"
	[ $# -eq 0 ] || printf '    %s\n' "$@"
	printf '    with:\n      image: bash:5\n      script: |\n'
	sed 's/^/        /'
}

# As long as anything may take on a machine that is busy: nothing that goes well waits for it.
export PATIENCE=60

# wait_for COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + PATIENCE))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "waited in vain for: $*"
		sleep 0.05
	done
}

# What the program may leave nowhere when it has ended: processes that have files of this home
# open, its mounts, its cgroups (which live as long as a process in them) and its scratch.
processes_here() {
	find /proc/[0-9]*/fd -lname "$SLUICE_HOME/*" -printf '%p -> %l\n' 2>/dev/null || true
}

mounts_here() { grep -F "$SLUICE_HOME/" /proc/self/mountinfo || true; }

cgroups_here() { # those of this home's attempts are named after the run's first eight digits
	local run
	for run in "$SLUICE_HOME"/runs/*/; do
		[ -d "$run" ] || continue # there is none
		run=$(basename "$run")
		find /sys/fs/cgroup -maxdepth 5 -path "*/sluice/${run:0:8}-*" 2>/dev/null
	done
}

scratch_here() { # overlay work directories and unfinished things
	find "$SLUICE_HOME/tmp" -mindepth 1 -maxdepth 1 ! -name '*-works' 2>/dev/null || true
	find "$SLUICE_HOME/runs" -mindepth 3 \( -name scratch -o -name work -o -name upper -o -name views \) \
		-type d 2>/dev/null || true
}

leftovers() {
	processes_here
	mounts_here
	cgroups_here
	scratch_here
}

nothing_left() {
	local left end=$((SECONDS + PATIENCE))
	while left=$(leftovers) && [ -n "$left" ]; do
		[ $SECONDS -lt $end ] || fail "left behind: $left"
		sleep 0.1
	done
}

# A test that fails half way must not leave its runner behind.
runner=
end() {
	if [ -n "$runner" ] && kill -TERM "$runner" 2>/dev/null; then
		wait "$runner" || true
	fi
}
trap end EXIT

# shellcheck source=/dev/null
. "$1"
"$2"
