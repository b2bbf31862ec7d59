# Two jobs run side by side: what one of them hands to the other through a socket in /storage
# outlives it.  Once it has ended its outputs belong to the store.

# hands MODE PATH SCRIPT [EXECUTOR]: job `giver` hands PATH over and ends; `taker` runs the script with it as
# descriptor 3 when the giver's version is committed.
hands() {
	cc -static -o "$SLUICE_HOME/storage/hand-over" "$REPO/tests/support/hand_over.c"
	{
		echo 'jobs:'
		script_job giver 'outputs: {o: {type: dataset, with: {ref: data}}}' <<-END
			mkdir /outputs/o/sub
			echo good > /outputs/o/file
			echo good > /outputs/o/sub/file
			/storage/hand-over give /storage/socket $1 $2
		END
		script_job taker <<-END
			cat >/tmp/then <<'SCRIPT'
			until [ -e /storage/go ]; do sleep 0.05; done
			$3
			echo done
			SCRIPT
			/storage/hand-over take /storage/socket bash /tmp/then
		END
	} >hand.yaml
	"$SLUICE" run hand.yaml --jobs 2 ${4:+--executor "$4"} >out 2>&1 &
	runner=$!
	wait_for grep -q 'giver : succeeded' out
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "the run failed: $(cat out)"
	runner=
	cat out
	cp out said
	ok store verify --all
	same "$(contents data file) $(contents data sub/file)" 'good good'
	same "$("$SLUICE" datasets files list --id data --json | jq length)" 2
}

test_a_directory_that_was_handed_over_is_closed() {
	hands r /outputs/o '
		cd /proc/self/fd/3
		cat file
		echo evil >file || echo refused 1
		echo evil >new || echo refused 2
		rm -f sub/file || echo refused 3
		mv sub/file file || echo refused 4
		chmod 666 file || echo refused 5
		ln file link || echo refused 6
		cd sub && truncate -s 0 ../file || echo refused 7'
	says said 'taker | good'
	same "$(grep -c 'taker | refused' said)" 7
	says said 'taker | done'
	silent said 'they are copied'
}

test_a_file_that_was_handed_over_is_closed() {
	hands r /outputs/o/file 'echo evil >/proc/self/fd/3 || echo refused'
	says said 'taker | refused'
	silent said 'they are copied'
}

# A descriptor that can write stays so: the version's file is another one.
test_what_is_open_for_writing_is_copied() {
	hands w /outputs/o/file 'echo evil >&3 && echo written' "$@"
	says said 'taker | written'
	says said "job 'giver': a process outside of it may have its outputs open: they are copied"
}

test_on_the_machines_own_files_what_is_open_for_writing_is_copied() {
	test_what_is_open_for_writing_is_copied host
}

test_with_bwrap_what_is_open_for_writing_is_copied() {
	test_what_is_open_for_writing_is_copied bwrap
}

# Who enters a container's namespace stands at the machine's root, where its paths are others.
test_in_a_chroot_outputs_are_sealed_all_the_same() {
	[ "$(id -u)" -eq 0 ] || { echo "only root has a chroot"; exit 77; }
	mkdir root
	cat >in-chroot <<-END
		#!/bin/sh
		exec unshare -m sh -ec 'mount --rbind / root
			exec chroot root env -C "\$PWD" "$SLUICE" "\$@"' sh "\$@"
	END
	chmod +x in-chroot
	SLUICE=$PWD/in-chroot hands r /outputs/o '
		cd /proc/self/fd/3
		echo evil >file || echo refused 1
		echo evil >new || echo refused 2'
	same "$(grep -c 'taker | refused' said)" 2
	silent said 'they are copied'
}
