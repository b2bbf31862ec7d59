#!/usr/bin/env bash
# Lays versions of 10, 1,000 and 100,000 files out that have been laid out before, as each job but the
# first meets them.  Alternates, and prints the medians of the larger ones against that of the
# smallest.
#
#	later.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1 runs=${3:-5}
begin_bench "${2:-/var/tmp}"
export SLUICE_HOME=$work/home
mkdir "$work/view"

view() { "$sluice" datasets mount "n$1" "$work/view" -- true; }
twenty() { local i; for ((i = 0; i < 20; i++)); do view "$1"; done; }
export -f view

for n in 10 1000 100000; do
	mkdir "$work/in"
	seq "$n" | split -l 1 -a 6 -d - "$work/in/"
	"$sluice" datasets create "n$n" >/dev/null
	"$sluice" datasets put "n$n" "$work/in/" >/dev/null
	rm -rf "$work/in"
	view "$n"
done
sync -f "$work"
for ((run = 0; run < runs; run++)); do
	for n in 10 1000 100000; do cost "later-$n" twenty "$n"; done
done
for n in 1000 100000; do
	row "lay $n files out again, 20 times : 10 files" "later-$n" later-10 1.2
done
