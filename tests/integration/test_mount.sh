# shellcheck shell=bash
# Versions mounted without a job.  Each test has mounts of its own: others neither see nor keep them.

# apart FUNCTION: runs it as root of a mount namespace.
apart() {
	unshare -m true 2>err || exit 77
	unshare -m bash -c "$(declare -f); set -Eeuo pipefail
		trap 'echo \"stopped at line \$LINENO of $1: \$BASH_COMMAND\" >&2' ERR
		$1"
}

commit_data() { # a version of `data` with three files; its id goes into $version
	mkdir -p files/sub empty
	echo one >files/a
	echo two >files/sub/b
	ln -sf a files/link
	ok datasets create --name data
	ok datasets versions create --id data --source-path ./files/
	version=$(sed -nE 's/^Committed dataset version: //p' out)
}

mounted() { grep -cF " $PWD/$1 " /proc/self/mountinfo || true; }

claims() { find "$SLUICE_HOME/mounts" -type f 2>/dev/null | wc -l; }

test_read_only_until_unmounted() { apart read_only_until_unmounted; }
read_only_until_unmounted() {
	commit_data
	ok datasets mount data empty
	says out "Mounted dataset version: $version"
	same "$(cat empty/a empty/sub/b empty/link | tr '\n' ' ')" 'one two one '
	! touch empty/new 2>err || fail 'it can be written to'
	says err 'Read-only file system'
	! rm -f empty/a 2>/dev/null || fail 'it can be removed from'
	same "$(cat empty/a)" one
	ok datasets unmount ./empty/
	says out "Unmounted dataset version: $version"
	same "$(ls -A empty)" ''
	same "$(claims)" 0
	nothing_left
}

test_where_it_cannot_be() { apart where_it_cannot_be; }
where_it_cannot_be() {
	commit_data
	expect 2 sluice datasets mount data nowhere
	says err "there is no directory 'nowhere'"
	expect 2 sluice datasets mount data files/a
	says err "files/a' is not a directory"
	expect 2 sluice datasets mount data files/a/b
	says err "'files/a/b' is not a directory"
	expect 2 sluice datasets mount data files
	says err 'is not empty'
	expect 2 sluice datasets mount data "$SLUICE_HOME/tmp"
	says err 'lies in the home'
	ok datasets mount data empty
	expect 2 sluice datasets mount data empty
	says err 'something is mounted'
	ok datasets unmount empty
	expect 2 sluice datasets unmount empty
	says err 'no version of this home is mounted'
	expect 2 sluice datasets unmount nowhere
	says err "nothing is mounted at 'nowhere'"
	mount -t tmpfs none empty
	expect 2 sluice datasets unmount empty
	same "$(mounted empty)" 1
	umount empty
	ok datasets versions create --id data
	expect 2 sluice datasets mount "$(sed -nE 's/^Created dataset version: //p' out)" empty
	says err 'is not committed yet'
	same "$(claims)" 0
}

test_in_use() { apart in_use; }
in_use() {
	commit_data
	ok datasets mount data empty
	exec 5<empty/a
	expect 2 sluice datasets unmount empty
	says err 'in use'
	same "$(claims)" 1
	exec 5<&-
	ok datasets unmount empty
}

test_holds_its_version() { apart holds_its_version; }
holds_its_version() {
	commit_data
	ok datasets mount data empty
	expect 2 sluice datasets versions delete --id "$version" --force
	says err "is mounted at '$PWD/empty'"
	expect 2 sluice datasets delete --id data --force
	says err "is mounted at '$PWD/empty'"
	echo more >files/a
	ok datasets versions create --id data --source-path ./files/
	ok datasets prune data --keep-last 1
	says out "mounted at '$PWD/empty'"
	ok store gc
	same "$(cat empty/a)" one
	umount empty # also without us
	ok store gc
	same "$(claims)" 0
	ok datasets versions delete --id "$version"
	ok store gc --json
	[ "$(jq .objects out)" -gt 0 ] || fail 'nothing was freed'
}

test_claim_of_another_boot_holds_nothing() { apart claim_of_another_boot; }
claim_of_another_boot() {
	commit_data
	ok datasets mount data empty
	sed -i -E 's/"boot":"[0-9a-f]{8}/"boot":"00000000/' "$SLUICE_HOME"/mounts/*
	ok datasets versions delete --id "$version"
	echo '{"dataset":' >"$SLUICE_HOME/mounts/abcdefg.json" # torn by a power cut
	ok store gc
	same "$(claims)" 0
}

# Who cannot see the processes of the one that mounted cannot know, and leaves it.
test_seen_from_a_container() { apart seen_from_a_container; }
seen_from_a_container() {
	commit_data
	ok datasets mount data empty
	unshare -m --propagation private -pf --mount-proc "$SLUICE" datasets versions delete --id "$version" 2>err &&
		fail 'it was deleted'
	says err 'was mounted at'
	ok datasets unmount empty
	ok datasets versions delete --id "$version"
}

test_cache_size_spares_what_is_mounted() { apart cache_size_spares; }
cache_size_spares() {
	commit_data
	printf 'cache:\n  size: 0\n' >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
	ok datasets mount data empty
	ok store gc --json
	same "$(jq .cachedTrees out)" 0
	same "$(cat empty/sub/b)" two
	ok datasets unmount empty
	ok store gc --json
	same "$(jq .cachedTrees out)" 1
	ok datasets mount data empty
	same "$(cat empty/sub/b)" two
	ok datasets unmount empty
}

test_for_a_command_alone() { apart for_a_command_alone; }
for_a_command_alone() {
	commit_data
	expect 7 sluice datasets mount data empty -- sh -c 'cat empty/a; exit 7'
	same "$(cat out)" one
	same "$(ls -A empty)" ''
	same "$(mounted empty)" 0
	expect 2 sluice datasets mount data empty -- no-such-command
	says err "there is no command 'no-such-command'"
	mkfifo begun end
	"$SLUICE" datasets mount data empty -- sh -c 'echo >begun; read -r line <end; cat empty/a' >said &
	read -r _ <begun
	same "$(mounted empty)" 0
	expect 2 sluice datasets versions delete --id "$version"
	says err "is mounted at '$PWD/empty' for process $!"
	ok store gc
	same "$(claims)" 1
	echo >end
	wait $!
	same "$(cat said)" one
	ok store gc
	same "$(claims)" 0
	ok datasets versions delete --id "$version"
}

# Killed at any instant: it is mounted, and held; or it is not, and nothing is.
test_killed() { apart killed; }
killed() {
	local i
	commit_data
	for i in 0 1 2 3 4 5 6 7 8 9; do
		timeout --foreground -s KILL "0.00$i" "$SLUICE" datasets mount data empty || true
		if [ "$(mounted empty)" = 1 ]; then
			same "$(cat empty/a)" one
			expect 2 sluice datasets versions delete --id "$version"
			ok datasets unmount empty
		fi
		ok store gc
		same "$(claims)" 0
	done
	ok datasets versions delete --id "$version"
	nothing_left
}

# Trees go as fast as they come, but none that somebody looks at.
test_beside_gc() { apart beside_gc; }
beside_gc() {
	local i pids=()
	commit_data
	printf 'cache:\n  size: 0\n' >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
	for i in 1 2 3 4; do
		mkdir "at$i"
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			"$SLUICE" datasets mount data "at$i" -- cat "at$i/a" "at$i/sub/b" || exit
		done >"said$i" &
		pids+=($!)
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		ok store gc
	done
	wait "${pids[@]}"
	for i in 1 2 3 4; do
		same "$(sort "said$i" | uniq -c | tr -s ' \n' ' ')" ' 10 one 10 two '
	done
}

# A user who may not mount: by a user namespace, or by a copy.
test_without_the_right_to_mount() {
	local dir status=0
	dir=$(mktemp -d)
	cp "$SLUICE" "$dir/sluice"
	cat >"$dir/do" <<'END'
set -eu
cd "$(dirname "$0")"
export HOME=$PWD SLUICE_HOME=$PWD/home XDG_CONFIG_HOME=$PWD
mkdir files empty
echo one >files/a
./sluice datasets create --name data
./sluice datasets versions create --id data --source-path ./files/
! ./sluice datasets mount data empty 2>err || exit 1
grep -F -e 'this user may not mount' err
./sluice datasets mount data mine --copy
./sluice datasets mount data mine --copy
echo changed >mine/a
./sluice store verify --all
unshare -rm true || exit 77
./sluice datasets mount data empty -- sh -c 'id -u; cat empty/a; ! echo two >empty/a' >said
[ "$(tr '\n' ' ' <said)" = "$(id -u) one " ]
[ -z "$(ls -A empty)" ]
END
	if [ "$(id -u)" -eq 0 ]; then
		chown -R 4711:4711 "$dir"
		setpriv --reuid 4711 --regid 4711 --clear-groups bash "$dir/do" || status=$?
	else
		bash "$dir/do" || status=$?
	fi
	rm -rf "$dir"
	[ $status -ne 77 ] || exit 77
	same $status 0
}

# One of the two is first: either there is no version to mount any more, or it stays while it is.
test_beside_delete() { apart beside_delete; }
beside_delete() {
	local i mounting at
	commit_data
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		echo "$i" >files/a
		ok datasets versions create --id data --source-path ./files/
		version=$(sed -nE 's/^Committed dataset version: //p' out)
		"$SLUICE" datasets mount "$version" empty -- cat empty/a >said 2>said.err &
		mounting=$!
		at=0
		wait_for "$SLUICE" datasets versions delete --id "$version" # refused while it is mounted
		wait "$mounting" || at=$?
		if [ $at -eq 0 ]; then
			same "$(cat said)" "$i"
		else
			same "$(cat said)" ''
			matches said.err "no version|there is no version .* any more"
		fi
	done
	ok store gc
	same "$(claims)" 0
	ok store verify --all
}
