#!/usr/bin/env bash
# Commits 4 files of 1 GB to a home on FILESYSTEM (xfs, btrfs), lays them out, and commits again with
# 10 MiB overwritten in the middle of one: against `openssl sha256` of that file, and `ostree checkout`.
# Then a sparse file of 50 GB.  Prints the medians, what the store grew by, and the most memory that
# sluice took.  The bytes come from fixed keys.
#
#	large.sh SLUICE [DIRECTORY [RUNS [FILESYSTEM]]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1 runs=${3:-5} fs=${4:-xfs}
begin_bench "${2:-/var/tmp}"

truncate -s 40G "$work/disk"
"mkfs.$fs" -q "$work/disk" >/dev/null
mkdir "$work/mnt" "$work/view" "$work/large"
mount -o loop "$work/disk" "$work/mnt"
export SLUICE_HOME=$work/mnt/home
for i in 1 2 3 4; do
	bytes "20$i" 1000000000 >"$work/large/$i"
done
sync -f "$work"

commit() { "$sluice" datasets put large "$work/large/"; }
hash() { openssl dgst -sha256 "$work/large/2"; }
view() { "$sluice" datasets mount large "$work/view" -- true; }
checkout() { ostree --repo="$work/mnt/ostree" checkout -H -U large "$work/mnt/out"; }
sparse() { "$sluice" datasets put sparse "$work/sparse/"; }
used() { sync -f "$work/mnt" && df --output=used -B1 "$work/mnt" | tail -n 1; }

"$sluice" datasets create large >/dev/null
cost commit commit
cost view view
ostree --repo="$work/mnt/ostree" init --mode=bare-user
ostree --repo="$work/mnt/ostree" commit -b large --tree=dir="$work/large" >/dev/null
cost checkout checkout
rm -rf "$work/mnt/ostree" "$work/mnt/out"
sleep 2.1 # what was written just before is looked at again
cost settle commit
most=0
for ((run = 1; run <= runs; run++)); do
	bytes "30$run" 10485760 | dd of="$work/large/2" bs=1M seek=500 conv=notrunc status=none
	sync -f "$work"
	cost hash hash
	before=$(used)
	cost commit_some commit
	grown=$(($(used) - before))
	[ "$grown" -lt "$most" ] || most=$grown
done
rm -rf "$work/large"
mkdir "$work/sparse"
truncate -s 50G "$work/sparse/file"
printf far | dd of="$work/sparse/file" bs=1 seek=30000000000 conv=notrunc status=none
"$sluice" datasets create sparse >/dev/null
cost sparse sparse

row "lay L out, first time, on $fs : ostree checkout -H" view checkout 1
row "commit L, 10 MiB of one file overwritten, on $fs : openssl" commit_some hash 1.3
at_most "the store on $fs grew for 10,485,760 at most" "$most" 16777216 B
printf 'a sparse file of 50 GB: %.2f s\n' "$(seconds sparse)"
peak "L and a sparse file of 50 GB, on $fs" 64 commit commit_some view sparse
