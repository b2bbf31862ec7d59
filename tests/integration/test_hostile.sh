# Trees that nobody should make.  ENTRIES=50000 in one directory.

# put NAME DIRECTORY: commits a version with what lies in the directory.
put() {
	ok datasets create --name "$1"
	ok datasets versions create --id "$1" --source-path "$2/"
}

# get NAME: all files of the last version, into the directory `out-NAME`.
get() { ok datasets files get --id "$1" --source-path / --target-path "out-$1"; }

# on_ext4 SIZE INODES: the home moves to an ext4 of its own, where a file can have 65,000 names.
on_ext4() {
	truncate -s "$1" disk
	mkfs.ext4 -q -N "$2" -m 0 disk || exit 77
	mkdir mnt
	mount -o loop disk mnt || exit 77
	trap 'umount -l "$PWD/mnt"; end' EXIT
	export SLUICE_HOME=$PWD/mnt/home
	mkdir "$SLUICE_HOME"
}

test_very_many_entries() {
	local n=${ENTRIES:-50000}
	mkdir many
	(cd many && seq "$n" | xargs touch)
	on_ext4 8G $((n * 3))
	put many many
	get many
	same "$(find out-many -type f | wc -l)" "$n"
	same "$("$SLUICE" datasets files list --id many --json | jq length)" "$n"
	ok datasets delete many --force
	ok store gc
	same "$(find "$SLUICE_HOME/store/trees" "$SLUICE_HOME/store/objects" -type f | wc -l)" 0
}

test_more_equal_files_than_a_file_has_names() {
	mkdir equal
	# shellcheck disable=SC2016
	seq 70000 | xargs sh -c 'cd equal && for i; do echo same >"$i"; done' sh
	on_ext4 2G 400000
	put equal equal
	get equal
	same "$(find out-equal -type f | wc -l)" 70000
	rm -rf "$SLUICE_HOME"/store/trees/*
	ok store verify --all
	get equal
	same "$(find "$SLUICE_HOME/store/objects" -type f | wc -l)" 1
	same "$(cat out-equal/* | sort | uniq -c | sed 's/^ *//')" '70000 same'
}

test_every_byte_in_a_name() {
	local i byte
	mkdir names
	for i in {1..46} {48..255}; do
		printf -v byte '%b' "\\x$(printf %02x "$i")"
		echo "$i" >"names/a${byte}z"
	done
	echo long >"names/$(printf 'n%.0s' {1..255})"
	put names names
	get names
	diff -r names out-names
	ok datasets files list --id names
	! LC_ALL=C grep -q $'[\001-\011\013-\037\177]' out || fail 'a control character is printed'
	iconv -f UTF-8 -t UTF-8 out >/dev/null
	"$SLUICE" datasets files list --id names --json >json
	same "$(jq length json)" 255
	iconv -f UTF-8 -t UTF-8 json >/dev/null
	ok datasets delete names --force
}

test_a_path_that_is_too_long_is_named() {
	local part i
	part=$(printf 'd%.0s' {1..200})
	mkdir deep
	(
		cd deep || exit
		for ((i = 0; i < 25; i++)); do
			mkdir "$part"
			cd -P "./$part" || exit
		done
		echo deep >file
	)
	ok datasets create --name deep
	expect 2 sluice datasets versions create --id deep --source-path deep/
	says err 'longer than the 4,095 bytes that a version can hold'
	same "$(versions deep)" 0
	ok store gc
	ok store verify --all
}

# That is its doing, as when it removes its output.
test_a_job_that_makes_a_path_too_long_has_failed() {
	{
		echo 'jobs:'
		script_job deep 'outputs: {d: {type: dataset, with: {ref: deep}}}' <<'END'
part=$(printf 'd%.0s' {1..200})
cd /outputs/d
for ((i = 0; i < 25; i++)); do mkdir "$part" && cd -P "./$part"; done
echo deep >file
END
	} >deep.yaml
	expect 1 sluice run deep.yaml
	says out 'longer than the 4,095 bytes that a version can hold'
	same "$(versions deep)" 0
	ok store gc
}

test_what_is_no_file_is_refused_by_name() {
	mkdir odd
	mkfifo odd/pipe
	ok datasets create --name odd
	expect 2 sluice datasets versions create --id odd --source-path odd/
	says err "'pipe' is a FIFO, which a version cannot hold"
	rm odd/pipe
	mknod odd/device c 1 3 || exit 77
	expect 2 sluice datasets versions create --id odd --source-path odd/
	says err "'device' is a device, which a version cannot hold"
	rm odd/device
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("odd/socket")'
	expect 2 sluice datasets versions create --id odd --source-path odd/
	says err "'socket' is a socket, which a version cannot hold"
	rm odd/socket
	same "$(versions odd)" 0
}

test_links_and_setuid_files() {
	mkdir odd
	echo bytes >odd/one
	ln odd/one odd/two
	chmod 4755 odd/two
	ln -s /etc/passwd odd/outside
	ln -s ../../.. odd/above
	put odd odd
	get odd
	same "$(readlink out-odd/outside out-odd/above | paste -sd' ')" '/etc/passwd ../../..'
	same "$(stat -c '%A %h' out-odd/one out-odd/two | sort -u)" '-rwxr-xr-x 1'
	same "$(find "$SLUICE_HOME/store" -perm /6000)" ''
	# What a link points to is nobody's business.
	expect 2 sluice datasets files get --id odd --source-path above/etc --target-path away
}

blocks() { find "$1" -type f -printf '%b\n' | sort -n | tail -n 1; }

test_holes_stay_holes() {
	mkdir sparse
	truncate -s 1G sparse/file
	printf far | dd of=sparse/file bs=1 seek=500000000 conv=notrunc status=none
	put sparse sparse
	get sparse
	[ "$(blocks "$SLUICE_HOME/store")" -lt 1000 ] || fail 'the store filled the holes'
	[ "$(blocks out-sparse)" -lt 1000 ] || fail 'the copy filled the holes'
	cmp sparse/file out-sparse/file
}

# The writer never rests, and the copy takes longer than a clock tick of the file system; a copy
# before which or after which it was not run is repeated.
test_a_file_that_changes_is_refused_by_name() {
	local refused=
	mkdir changing tmpfs
	mount -t tmpfs none tmpfs || exit 77 # from which nothing is cloned
	trap 'kill $writer; umount -l "$PWD/tmpfs"; end' EXIT
	tester=$BASHPID
	head -c 100000000 /dev/zero | tr '\0' x >tmpfs/file
	(while kill -0 "$tester"; do printf y 1<>tmpfs/file; done) &
	writer=$!
	ok datasets create --name changing
	for _ in {1..50}; do
		sluice datasets versions create --id changing --source-path tmpfs/
		if [ "$status" -ne 0 ]; then refused=1 && break; fi
	done
	[ -n "$refused" ] || fail 'it was never refused'
	same "$status" 2
	says err "file 'file': it changed while it was copied"
	ok store gc
	ok store verify --all
}
