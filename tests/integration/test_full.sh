# The disk is full, or its inodes are used up: nothing is lost, and when some are freed all goes on.

# small_disk: the home moves to an ext4 of 40 MB and 400 inodes.
small_disk() {
	truncate -s 40M disk
	mkfs.ext4 -q -N 400 -m 0 disk || exit 77
	mkdir mnt
	mount -o loop disk mnt || exit 77
	trap 'umount -l "$PWD/mnt"; end' EXIT
	export SLUICE_HOME=$PWD/mnt/home
	mkdir "$SLUICE_HOME"
	mkdir in
	echo one >in/lines
	ok datasets create --name texts
	ok datasets versions create --id texts --source-path in/
}

fill_blocks() { dd if=/dev/zero of=mnt/fill bs=4k 2>/dev/null || true; }
fill_inodes() {
	mkdir mnt/fill
	(for i in {1..400}; do : >"mnt/fill/$i"; done) 2>/dev/null || true
}

# still_whole: what was committed before is, and everything works.
still_whole() {
	ok store gc
	ok store verify --all
	same "$(contents texts lines)" one
	ok datasets tags set --id texts:latest --name golden
	same "$(versions texts)" 1
	same "$(find "$SLUICE_HOME/tmp" -type f)" ''
}

test_too_much_for_the_disk() {
	small_disk
	mkdir big many
	head -c 60000000 /dev/zero | tr '\0' x >big/file
	expect 4 sluice datasets versions create --id texts --source-path big/
	says err 'No space left on device (blocks or inodes); free some there and do it again'
	says err 'dropped dataset version'
	still_whole
	(cd many && seq 500 | while read -r i; do echo "$i" >"$i"; done)
	expect 4 sluice datasets versions create --id texts --source-path many/
	says err 'No space left on device (blocks or inodes); free some there and do it again'
	still_whole
}

# nothing_fits COMMAND...: it says so, and what to do.
nothing_fits() {
	expect 4 sluice "$@"
	matches err '(disk is full|No space left on device) \(blocks or inodes\); free some there'
}

# can_look_and_delete: who must make room sees what there is, and can free it.
can_look_and_delete() {
	ok datasets list
	says out texts
	ok datasets versions list --id texts
	ok datasets details --id texts
	ok datasets log texts
	ok runs list
	ok store gc --dry-run
	ok datasets versions delete --id big:latest
	ok store gc
}

full_at_each_step() { # FILL
	local v
	small_disk
	mkdir big
	head -c 100000 /dev/urandom >big/file
	ok datasets create --name big
	ok datasets versions create --id big --source-path big/
	ok datasets versions create --id texts
	v=$(sed -n 's/^Created dataset version: //p' out)
	ok datasets files put --id "$v" --source-path in/ --target-path /
	rm -rf "$SLUICE_HOME"/store/trees/*
	"$1"
	nothing_fits datasets tags set --id texts:latest --name best
	nothing_fits datasets versions create --id texts --source-path in/
	nothing_fits datasets versions commit --id "$v"
	nothing_fits datasets files get --id texts --source-path / --target-path away
	can_look_and_delete
	rm -rf mnt/fill
	still_whole
	ok datasets files get --id texts --source-path / --target-path away
	ok datasets versions commit --id "$v"
	same "$(versions texts)" 2
	ok store verify --all
}

test_no_block_left_at_each_step() { full_at_each_step fill_blocks; }
test_no_inode_left_at_each_step() { full_at_each_step fill_inodes; }
