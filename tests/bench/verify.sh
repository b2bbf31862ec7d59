#!/usr/bin/env bash
# Verification against `restic check --read-data` of the same files, and hashing one file of 4 GB
# against `openssl sha256`.  The bytes come from fixed keys.  Alternates, and prints a line for
# each: the medians in seconds, their ratio, and the most memory that sluice took.
#
#	verify.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1 runs=${3:-5}
begin_bench "${2:-/var/tmp}"
export SLUICE_HOME=$work/home

# compare TEXT LIMIT NAME COMMAND...: `sluice store verify NAME` and the command in turn.
compare() {
	local text=$1 limit=$2 name=$3 run
	shift 3
	for ((run = 0; run < runs; run++)); do
		cost "verify-$name" "$sluice" store verify "$name"
		cost "other-$name" "$@"
	done
	row "$text" "verify-$name" "other-$name" "$limit"
	peak "$name" 64 "verify-$name"
}

keep() { # NAME: its files become a dataset and a repository, and go
	"$sluice" datasets create --name "$1" >/dev/null
	"$sluice" datasets versions create --id "$1" --source-path "$work/$1/" >/dev/null
	restic -q init --repo "$work/$1.restic"
	restic -q backup --repo "$work/$1.restic" "$work/$1"
	rm -rf "${work:?}/$1"
	sync -f "$work"
}

many_small() {
	local i
	for ((i = 0; i < 100; i++)); do
		mkdir -p "$work/small/$i"
		bytes "$i" 20000000 | split -b 100000 -a 3 -d - "$work/small/$i/"
	done
	keep small
	compare "verify 20,000 files of 100 kB : restic check" 1 small \
		restic -q check --read-data --repo "$work/small.restic"
	rm -rf "$work/small.restic" "$work/cache"
}

few_large() {
	local i
	mkdir -p "$work/large"
	for i in 1 2 3 4; do
		bytes "20$i" 1000000000 >"$work/large/$i"
	done
	keep large
	compare "verify 4 files of 1 GB : restic check" 1 large \
		restic -q check --read-data --repo "$work/large.restic"
	rm -rf "$work/large.restic" "$work/cache"
}

one_huge() {
	mkdir -p "$work/huge"
	bytes 300 4000000000 >"$work/huge/file"
	"$sluice" datasets create --name huge >/dev/null
	"$sluice" datasets versions create --id huge --source-path "$work/huge/" >/dev/null
	sync -f "$work"
	compare "hash a file of 4 GB : openssl sha256" 0.625 huge openssl sha256 "$work/huge/file"
}

many_small
few_large
rm -rf "${work:?}/home"
one_huge
