# A large file that is changed a little takes little, where the file system can share blocks.

# on_shared FILESYSTEM: the home moves to a file system of its own that shares blocks.
on_shared() {
	grep -qw "$1" /proc/filesystems || modprobe -q "$1" || { echo "no $1"; exit 77; }
	truncate -s 2G disk
	"mkfs.$1" -q disk >/dev/null || exit 77
	mkdir mnt
	mount -o loop disk mnt || exit 77
	trap 'umount -l "$PWD/mnt"; end' EXIT
	cp -a "$SLUICE_HOME" mnt/home
	export SLUICE_HOME=$PWD/mnt/home
}

used() { sync -f mnt && df --output=used -B1 mnt | tail -n 1; }

# grows COMMAND...: by less than 16 MiB, or $limit bytes.
grows() {
	local before
	before=$(used)
	"$@"
	[ $(($(used) - before)) -lt "${limit:-16777216}" ] || fail "it grew by $(($(used) - before)) bytes"
}

overwrite() { head -c 10000000 /dev/urandom | dd of="$1" bs=1M seek=30 conv=notrunc status=none; }

share() { # FILESYSTEM
	local sum
	on_shared "$1"
	mkdir in
	head -c 100000000 /dev/urandom >in/file
	ok datasets create --name d
	ok datasets put d in/
	overwrite in/file
	grows ok datasets put d in/ # from another file system
	echo longer >>in/file
	grows ok datasets put d in/
	truncate -s 90000000 in/file
	grows ok datasets put d in/
	sum=$(sha256sum <in/file)
	ok store verify --all
	same "$("$SLUICE" datasets cat d file | sha256sum)" "$sum"
	# What a job writes is taken without a copy.
	{
		printf 'jobs:\n'
		script_job a 'inputs: {d: {type: dataset, with: {ref: d}}}' \
			'outputs: {d: {type: dataset, with: {ref: d}}}' <<-'END'
				set -e
				truncate -s 90000000 /outputs/d/file # xfs keeps room behind a file that grows
				dd if=/inputs/d/file of=/outputs/d/file bs=1M conv=notrunc
				head -c 10000000 /dev/urandom | dd of=/outputs/d/file bs=1M seek=30 conv=notrunc
			END
	} >job.yaml
	grows ok run job.yaml
	same "$(versions d)" 5
	# Most of it is other bytes: on xfs the rest is shared all the same.
	if [ "$1" = xfs ]; then
		sed -i 's/head -c 10000000/head -c 58000000/' job.yaml
		limit=70000000 grows ok run job.yaml
	fi
	ok store verify --all
}

test_large_files_share_blocks_on_xfs() { share xfs; }
test_large_files_share_blocks_on_btrfs() { share btrfs; }

large_file_put() {
	on_shared xfs
	mkdir in
	head -c 50000000 /dev/urandom >in/file
	ok datasets create --name d
	ok datasets put d in/
	large=$(find "$SLUICE_HOME/store/large" -type f)
	overwrite in/file
}

flip() { printf X | dd of="$large" bs=1 seek=9000000 conv=notrunc status=none; }

# What can be seen of the base without reading it is looked at.
test_a_base_that_was_written_to_is_not_shared() {
	large_file_put
	flip
	ok datasets put d in/
	ok store verify d:latest
	expect 4 sluice store verify --all
}

test_a_base_that_was_cut_is_not_shared() {
	large_file_put
	touch -r "$large" was
	truncate -s 12000000 "$large"
	touch -r was "$large"
	ok datasets put d in/
	ok store verify d:latest
	expect 4 sluice store verify --all
}

# Damage that only reading shows is shared, as by a file that did not change; verification names all.
test_what_is_made_of_a_damaged_base_is_named_too() {
	large_file_put
	touch -r "$large" was
	flip
	touch -r was "$large"
	ok datasets put d in/
	expect 4 sluice store verify --all
	same "$(grep -c '^d:.* file: ' out)" 2
}
