#!/usr/bin/env bash
# Versions of many files: commit, list, compare and mount 10,000, 100,000 and 1,000,000 of them.
# Prints for each step the seconds of each size, and how much the last takes of ten times the one
# before (1 is linear); then the most memory that any step took.  Each file has its own content.
#
#	many.sh SLUICE [DIRECTORY [SIZE...]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1
sizes=("${@:3}")
[ ${#sizes[@]} -gt 0 ] || sizes=(10000 100000 1000000)
begin_bench "${2:-/var/tmp}"
export SLUICE_HOME=$work/home

make_files() { # N: a thousand in each directory
	python3 - "$work/many" "$1" <<-'END'
		import os, sys
		for i in range(int(sys.argv[2])):
		    folder = f'{sys.argv[1]}/{i // 1000:04}'
		    if i % 1000 == 0: os.makedirs(folder)
		    with open(f'{folder}/file-{i:07}', 'w') as f: f.write(f'{i}\n')
	END
	sync -f "$work"
}

commit() { "$sluice" datasets put many "$work/many/"; }
list() { "$sluice" datasets files list many --recursive true; }
list_json() { "$sluice" datasets files list many --recursive true --json; }
compare() { "$sluice" datasets diff "many:$first" "many:$second" || [ $? = 1 ]; }
view() { "$sluice" datasets mount many "$work/view" -- true; }

version() { "$sluice" datasets versions list many --json | jq -r '.[0].version'; }

mkdir "$work/view"
steps=()
for n in "${sizes[@]}"; do
	rm -rf "${work:?}/home" "$work/many"
	make_files "$n"
	"$sluice" datasets create many >/dev/null
	cost "commit-$n" commit
	first=$(version)
	for ((i = 0; i < 10; i++)); do echo other >"$work/many/000$i/new"; done
	cost "again-$n" commit
	second=$(version)
	export first second
	cost "list-$n" list
	cost "list_json-$n" list_json
	cost "compare-$n" compare
	cost "view-$n" view
	cost "view_later-$n" view
done

for step in commit again list list_json compare view view_later; do
	steps+=("$step-${sizes[-1]}")
	for n in "${sizes[@]}"; do
		printf '%s %s %s\n' "$n" "$(seconds "$step-$n")" "$(cut -d' ' -f4 "$work/cost-$step-$n")"
	done | awk -v step="$step" '
		{ line = line sprintf("  %d: %.2f s", $1, $2); ratio = before > 0 ? $2 / before * size / $1 : 0
		  before = $2; size = $1; most = $3 }
		END { printf "%-11s%s   of linear: %.2f   %d MB\n", step, line, ratio, most / 1000 }'
done
peak "a version of ${sizes[-1]} files" 600 "${steps[@]}"
