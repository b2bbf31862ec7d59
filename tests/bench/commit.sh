#!/usr/bin/env bash
# Commits the files that a job has written (20,000 of 100,000 bytes in 100 directories), which the
# store takes as they are, against the least that anyone must do for it: SHA-256 of each in two
# processes, a tree of hard links, one sync.  Alternates, and prints the medians and their ratio.
#
#	commit.sh BENCH_COMMIT [DIRECTORY [RUNS [COUNT [SIZE]]]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
bench=$1 runs=${3:-5} count=${4:-20000} size=${5:-100000}
begin_bench "${2:-/var/tmp}"
export bench count

# The data is on disk before the clock starts, so that its writing hides nothing.
fresh() {
	rm -rf "${work:?}/data" "${work:?}/home" "${work:?}/links"
	mkdir "$work/home"
	"$bench" make "$work/data" "$count" "$size"
	sync -f "$work"
}

commit() { "$bench" commit "$work/home" "$work/data"; }

least() {
	(cd "$work/data" && find . -type f -print0 |
		xargs -0 -P 2 -s 2000000 -n $(((count + 1) / 2)) openssl dgst -sha256 >"$work/sums")
	cp -al "$work/data" "$work/links"
	sync -f "$work"
}

for ((run = 0; run < runs; run++)); do
	fresh
	cost least least
	fresh
	cost commit commit
done
row "commit $count files of a job : sha256, cp -al, sync" commit least 1.2
peak "files of a job" 64 commit
