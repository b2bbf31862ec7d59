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

# small_memory: the home, with its image, moves to a tmpfs that has about 24 MB left.
small_memory() {
	mkdir mnt
	mount -t tmpfs -o "size=$(($(du -sm "$SLUICE_HOME" | cut -f1) + 24))M" none mnt || exit 77
	trap 'umount -l "$PWD/mnt"; end' EXIT
	cp -a "$SLUICE_HOME" mnt/home
	export SLUICE_HOME=$PWD/mnt/home
	ok datasets list # sets the reserve aside
	[ -d "$SLUICE_HOME/reserve" ] || fail 'there is no reserve'
}

# is_told STATUS: the run is in the history as it ended, and can be deleted.
is_told() {
	ok runs show w/1
	says out "$1"
	silent out 'its runner died'
	silent out '| running '
	silent out '| waiting '
	ok runs delete w/1
	ok store gc
}

test_a_job_that_fills_the_disk() {
	small_memory
	{
		echo 'jobs:'
		script_job fill 'outputs: {o: {type: dataset, with: {ref: filled}}}' \
			<<<'head -c 400M /dev/zero >/outputs/o/x 2>/dev/null'
		script_job next 'needs: [fill]' <<<'echo two'
	} >w.yaml
	expect 1 sluice run w.yaml
	says out 'fill : failed'
	says out 'exit code 1'
	silent err 'incomplete'
	silent err 'cannot drop'
	is_told FAILED
}

test_a_log_that_fills_the_disk() {
	small_memory
	{
		echo 'jobs:'
		script_job fill <<<'yes "$(printf "%0200d" 0)" | head -c 60M'
	} >w.yaml
	expect 4 sluice run w.yaml --quiet
	says err 'cannot write the log: No space left on device'
	is_told ERROR
}

test_a_job_that_ends_well_on_a_full_disk() {
	small_memory
	mkdir -p "$SLUICE_HOME/storage"
	chmod 1777 "$SLUICE_HOME/storage"
	touch "$SLUICE_HOME/storage/wait"
	{
		echo 'jobs:'
		script_job make 'outputs: {o: {type: dataset, with: {ref: made}}}' \
			<<<'echo well >/outputs/o/x; echo started; while [ -e /storage/wait ]; do sleep 0.05; done'
	} >w.yaml
	"$SLUICE" run w.yaml >out 2>err &
	runner=$!
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
	fill_blocks
	rm "$SLUICE_HOME/storage/wait"
	wait "$runner" || fail "the run ended with $?: $(cat out err)"
	runner=
	same "$(contents made x)" well
	rm mnt/fill
	ok store verify --all
	is_told SUCCEEDED
}
