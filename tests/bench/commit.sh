#!/bin/sh
# Commits many small files, against the least that anyone must do for it: SHA-256 of each in two
# processes, a tree of hard links, one sync.  Alternates, and prints the ratio of the medians.
#
#	commit.sh BENCH_COMMIT [DIRECTORY [RUNS [COUNT [SIZE]]]]
set -eu
bench=$1 base=${2:-/var/tmp} runs=${3:-5} count=${4:-50000} size=${5:-8192}
work=$(mktemp -d "$base/sluice-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT

now() { date +%s.%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# The data is on disk before the clock starts, so that its writing hides nothing.
fresh() {
	rm -rf "${work:?}/data" "${work:?}/home" "${work:?}/links"
	mkdir "$work/home"
	"$bench" make "$work/data" "$count" "$size"
	sync -f "$work"
}

peer() {
	start=$(now)
	(cd "$work/data" && find . -type f -print0 |
		xargs -0 -P 2 -s 2000000 -n $(((count + 1) / 2)) openssl dgst -sha256 >"$work/sums")
	hashed=$(now)
	cp -al "$work/data" "$work/links"
	linked=$(now)
	sync -f "$work"
	now | awk -v a="$start" -v b="$hashed" -v c="$linked" \
		'{ printf "%.3f (hash %.3f, link %.3f, sync %.3f)\n", $1 - a, b - a, c - b, $1 - c }'
}

run=0
while [ "$run" -lt "$runs" ]; do
	run=$((run + 1))
	fresh
	peer | tee -a "$work/peer" | sed "s/^/peer   /"
	fresh
	"$bench" commit "$work/home" "$work/data" | tee -a "$work/ours" | sed "s/^/sluice /"
done
ours=$(median <"$work/ours") peer=$(cut -d' ' -f1 "$work/peer" | median)
echo "$count files of $size bytes, median of $runs: sluice $ours s, peer $peer s, ratio" \
	"$(echo "$ours $peer" | awk '{ printf "%.2f", $1 / $2 }')"
