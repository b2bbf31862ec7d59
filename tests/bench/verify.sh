#!/usr/bin/env bash
# Verification against `restic check --read-data` of the same files, and hashing one file of 4 GB
# against `openssl sha256`.  The bytes come from fixed keys.  Alternates, and prints a line for
# each: the medians in seconds, their ratio, and the most memory that sluice took.
#
#	verify.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
sluice=$1 runs=${3:-5}
work=$(mktemp -d "${2:-/var/tmp}/sluice-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
export SLUICE_HOME=$work/home RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$work/cache

# bytes KEY COUNT: always the same for a key.
bytes() {
	openssl enc -aes-128-ctr -nosalt -K "$(printf %032x "$1")" -iv 0 -in /dev/zero 2>/dev/null |
		head -c "$2" || true
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# cost FILE COMMAND...: adds seconds and peak KiB as a line.
cost() {
	local file=$1
	shift
	/usr/bin/time -a -o "$file" -f '%e %M' "$@" >"$work/output" 2>&1 ||
		{ cat "$work/output" >&2; exit 1; }
}

# compare TEXT NAME COMMAND...: `sluice store verify NAME` and the command in turn.
compare() {
	local text=$1 name=$2 run
	shift 2
	rm -f "$work/ours" "$work/theirs"
	for ((run = 0; run < runs; run++)); do
		cost "$work/ours" "$sluice" store verify "$name"
		cost "$work/theirs" "$@"
	done
	awk -v text="$text" -v a="$(median <"$work/ours")" -v b="$(median <"$work/theirs")" \
		'$2 > most { most = $2 }
		END { printf "%-46s %7.2f %7.2f s  %5.2f  %d MB\n", text, a, b, a / b, most / 1000 }' \
		"$work/ours"
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
	compare "verify 20,000 files of 100 kB : restic check" small \
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
	compare "verify 4 files of 1 GB : restic check" large \
		restic -q check --read-data --repo "$work/large.restic"
	rm -rf "$work/large.restic" "$work/cache"
}

one_huge() {
	mkdir -p "$work/huge"
	bytes 300 4000000000 >"$work/huge/file"
	"$sluice" datasets create --name huge >/dev/null
	"$sluice" datasets versions create --id huge --source-path "$work/huge/" >/dev/null
	sync -f "$work"
	compare "hash a file of 4 GB : openssl sha256" huge openssl sha256 "$work/huge/file"
}

many_small
few_large
rm -rf "${work:?}/home"
one_huge
