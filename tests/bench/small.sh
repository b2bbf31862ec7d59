#!/usr/bin/env bash
# Commits 20,000 files of 100,000 bytes in 100 directories from a directory, and again with nothing
# and with 100 files changed, and lays them out: against borg, restic, ostree and `cp -a`.  The bytes
# come from fixed keys.  Alternates, and prints a line for each comparison: the medians in seconds
# and their ratio; then the most memory that sluice took, and by how much its store grew.
#
#	small.sh SLUICE [DIRECTORY [RUNS [FOLDERS]]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1 runs=${3:-5} folders=${4:-100}
begin_bench "${2:-/var/tmp}"
export SLUICE_HOME=$work/home

for ((i = 0; i < folders; i++)); do
	mkdir -p "$work/small/$i"
	bytes "$i" 20000000 | split -b 100000 -a 3 -d - "$work/small/$i/"
done
sync -f "$work"

commit() { "$sluice" datasets versions create --id small --source-path "$work/small/"; }
copy() { cp -a "$work/small" "$work/copy" && sync -f "$work"; }
borg_create() { borg create --files-cache ctime,size,inode "$BORG_REPO::v$1" "$work/small" && sync -f "$work"; }
restic_backup() { restic -q backup --repo "$work/restic" "$work/small" && sync -f "$work"; }
ostree_commit() { ostree --repo="$work/ostree" commit -b small --tree=dir="$work/small"; }

fresh() {
	rm -rf "${work:?}/home" "$work/copy" "$BORG_REPO" "$work/restic" "$work/ostree" "$work/cache" "$work/borg-home"
	"$sluice" datasets create --name small
	borg init -e none
	restic -q init --repo "$work/restic"
	ostree --repo="$work/ostree" init --mode=bare-user
	sync -f "$work"
}

rewrite() { # ROUND: 100 files get other bytes
	local i
	for ((i = 0; i < 100; i++)); do
		bytes "9$1$i" 100000 >"$work/small/$((i % folders))/$(printf %03d $((i + 50)))"
	done
	sync -f "$work"
}

view() { mkdir -p "$work/view" && "$sluice" datasets mount small "$work/view" -- true; }
checkout() { rm -rf "$work/out" && ostree --repo="$work/ostree" checkout -H -U small "$work/out"; }

for ((run = 1; run <= runs; run++)); do
	fresh >"$work/log" 2>&1
	cost copy copy
	rm -rf "$work/copy" && sync -f "$work"
	cost commit commit
	cost borg borg_create 1
	cost restic restic_backup
	ostree_commit >"$work/log"
	sync -f "$work"
	before=$(stored)
	cost commit_same commit
	cost restic_same restic_backup
	cost borg_same borg_create 2
	rewrite "$run"
	cost commit_some commit
	grown=$(($(stored) - before))
	cost restic_some restic_backup
	cost view_first view
	cost checkout checkout
	rm -rf "$work/out"
done

row 'commit S from a directory : borg' commit borg 1
row 'commit S from a directory : cp -a and sync' commit copy 1.2
row 'commit S, nothing changed : restic' commit_same restic_same 0.25
row 'commit S, 100 files rewritten : restic' commit_some restic_some 0.4
at_most 'the store grew for 100 rewritten files of 100,000' "$grown" 11000000 B
row 'lay S out, first time : ostree checkout -H' view_first checkout 1
peak S 64 commit commit_same commit_some view_first
