#!/usr/bin/env bash
# `datasets list` in a home with 1,000 datasets of 100 versions each, against the same in an empty
# home.  Alternates; prints the medians and their ratio, and the same for one dataset's versions.
#
#	list.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1 runs=${3:-5}
begin_bench "${2:-/var/tmp}"

# The records are the truth: copies of one version's, from which the catalog is made.
export SLUICE_HOME=$work/full
"$sluice" datasets create first >/dev/null
"$sluice" datasets put first "$0" >/dev/null
python3 - "$work/full/store/datasets" <<'END'
import json, os, sys
root = sys.argv[1]
ds, = [d for d in os.listdir(root) if d.startswith('ds')]
dataset = json.load(open(f'{root}/{ds}/dataset.json'))
name, = os.listdir(f'{root}/{ds}/versions')
version = json.load(open(f'{root}/{ds}/versions/{name}'))
for i in range(999):
    id = f'ds{i:013}'
    os.makedirs(f'{root}/{id}/versions')
    for folder in 'tags', 'open': os.mkdir(f'{root}/{id}/{folder}')
    json.dump(dict(dataset, id=id, name=f'dataset-{i}'), open(f'{root}/{id}/dataset.json', 'w'))
    for k in range(100):
        ver = f'v{k:06}'
        record = dict(version, dataset=id, version=ver, seq=k + 1)
        json.dump(record, open(f'{root}/{id}/versions/{ver}.json', 'w'))
END
"$sluice" store recover >/dev/null
"$sluice" datasets list --json | jq length

in_full() { SLUICE_HOME=$work/full "$sluice" datasets list; }
in_empty() { SLUICE_HOME=$work/empty "$sluice" datasets list; }
ten() { for _ in 1 2 3 4 5 6 7 8 9 10; do "$@"; done; }
export -f in_full in_empty ten
full() { ten in_full; }
empty() { ten in_empty; }

in_empty >/dev/null
for ((run = 0; run < runs; run++)); do
	cost full full
	cost empty empty
done
row 'datasets list, 1,000 with 100,000 versions : empty, 10 times' full empty 3
