# shellcheck disable=SC2016 # variables of jobs
# What an ordinary user can do: one is made for the test, with a home of his own.

. "$REPO/tests/integration/roots.sh"

# ordinary [ID...]: from here on `sluice` is run by an ordinary user, who has subordinate ids from
# that one on, and the test stands in a directory of his.
ordinary() {
	[ "$(id -u)" -eq 0 ] || { echo 'only root can make an ordinary user'; exit 77; }
	account=sluice$BASHPID
	trap 'end; pkill -KILL -u "$account" || true; userdel -r "$account" 2>/dev/null' EXIT
	useradd -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 -m -d "/var/tmp/$account" "$account"
	if [ $# -gt 0 ]; then
		command -v newuidmap >/dev/null || { echo 'there is no newuidmap: install uidmap'; exit 77; }
		usermod --add-subuids "$1-$(($1 + 65535))" --add-subgids "$1-$(($1 + 65535))" "$account"
	fi
	cd "/var/tmp/$account" || exit
	cp "$SLUICE" "$(dirname "$SLUICE")"/sluice-{shim,init} .
	mkdir work image
	cp -a "$BASE_HOME/images/." image
	chown -R "$account:" work image
	export SLUICE_HOME=$PWD/home
	printf '#!/bin/sh\nexec setpriv --reuid %s --regid %s --init-groups --reset-env env %s %s %s "$@"\n' \
		"$account" "$account" "SLUICE_HOME=$SLUICE_HOME" "PATH=$PATH" "$PWD/sluice" >as-user
	chmod +x as-user
	SLUICE=$PWD/as-user
	cd work || exit
	ok images import ../image
	setpriv --reuid "$account" --regid "$account" --clear-groups unshare --user true || {
		echo 'this machine gives an ordinary user no user namespace'
		exit 77
	}
}

foreign() { find "$SLUICE_HOME" ! -user "$account" ! -path '*/layers/*'; }

# One job writes as several users, another one reads it, and so does another run.
workflow() {
	{
		echo 'jobs:'
		script_job make 'outputs: {d: {type: dataset, with: {ref: made}}, v: {type: volume}}' <<'END'
mkdir -p /outputs/d/sub/private
echo of root >/outputs/d/root
echo of another >/outputs/d/sub/private/file
chmod 700 /outputs/d/sub/private
chmod 600 /outputs/d/sub/private/file
chown -R 1000:1000 /outputs/d/sub || echo there is one user
echo kept >/outputs/v/file
chown 1000 /outputs/v/file || true
echo shared >/storage/file
END
		script_job look 'needs: [make]' 'inputs: {d: make.outputs.d, v: make.outputs.v}' <<'END'
cat /inputs/d/root /inputs/d/sub/private/file /inputs/v/file /storage/file
echo more >>/inputs/d/root && tail -n 1 /inputs/d/root
END
	} >w.yaml
	{
		echo 'inputs: {d: {type: dataset, with: {ref: made}}}'
		echo 'jobs:'
		script_job again 'inputs: {d: workflow.inputs.d}' 'outputs: {e: {type: dataset, with: {ref: again}}}' <<'END'
cat /inputs/d/root /inputs/d/sub/private/file
cp -a /inputs/d/. /outputs/e
END
	} >again.yaml
}

runs_it() {
	workflow
	ok run w.yaml
	cp out w.out
	cp err w.err
	for text in 'of root' 'of another' kept shared more; do
		says out "look | $text"
	done
	nothing_left
	ok run again.yaml
	says out 'again | of another'
	same "$("$SLUICE" datasets cat again sub/private/file)" 'of another'
	same "$(versions made)" 1
	ok store verify --all
	ok runs delete w/1
	ok store gc
	nothing_left
	same "$(foreign)" ''
}

test_workflow_with_subordinate_ids() {
	ordinary 1000000
	runs_it
	silent w.out 'there is one user'
	says "$SLUICE_HOME/format" rootless
	silent w.err 'all users of a container are root'
	ok doctor
	says out "a job's container has 65536 users beside root"
}

test_workflow_without_subordinate_ids() {
	ordinary
	runs_it
	same "$(grep -c 'all users of a container are root' w.err)" 1
	ok doctor
	says out 'this user has no subordinate ids'
	says out 'usermod --add-subuids'
}

# roots_by WAY: from here on the configuration wants that.
roots_by() {
	mkdir -p ../.config/sluice
	echo "rootfs: $1" >../.config/sluice/config.yaml
}

# A device that everybody may open, as udev makes it: $SLUICE sees it.
with_fuse() {
	[ -e /dev/fuse ] || { echo 'there is no /dev/fuse'; exit 77; }
	command -v fuse-overlayfs >/dev/null || { echo 'there is no fuse-overlayfs'; exit 77; }
	printf '#!/bin/sh\nexec unshare --mount sh -c '"'"'mount -t tmpfs fuse /mnt && mknod -m 666 /mnt/fuse c 10 229 &&
mount --bind /mnt/fuse /dev/fuse && exec %s "$@"'"'"' sh "$@"\n' "$SLUICE" >../with-fuse
	chmod +x ../with-fuse
	SLUICE=$PWD/../with-fuse
}

test_roots_by_overlay() {
	ordinary 1000000
	ok doctor
	matches out '^ok +container roots +by overlay$'
	layers_are_seen
}

test_roots_by_fuse_overlayfs() {
	ordinary 1000000
	roots_by fuse-overlayfs
	with_fuse
	layers_are_seen
	matches err 'jobs run by oci: /.*, with roots by fuse-overlayfs'
	runs_it
	ok doctor
	matches out '^ok +container roots +by fuse-overlayfs$'
}

test_roots_by_copy() {
	ordinary
	roots_by copy
	layers_are_seen
	matches err 'jobs run by oci: /.*, with roots by copy'
	runs_it
}

# What the kernel can is looked at once: after that only another boot may change it.
test_kernel_without_overlays_of_users() {
	local with
	ordinary 1000000
	with=$SLUICE
	cc -o ../no-overlay "$REPO/tests/support/no_overlay.c" -lseccomp
	printf '#!/bin/sh\nexec %s/no-overlay %s "$@"\n' "$(realpath ..)" "$with" >../without
	chmod +x ../without
	SLUICE=$PWD/../without
	ok doctor
	matches out '^warn +container roots +by (fuse-overlayfs|copy), which is slow: the kernel lets'
	runs_it
	matches w.err 'jobs run by oci: /.*, with roots by (fuse-overlayfs|copy)'
	SLUICE=$with ok run again.yaml
	silent err 'with roots by'
	expect 4 sluice run again.yaml
	says out 'cannot mount an overlay: Operation not permitted'
	echo 'another boot' >"$SLUICE_HOME/tmp/overlay-works"
	ok run again.yaml
	matches err 'with roots by (fuse-overlayfs|copy)'
}

# One that does not work here is said before any job starts.
test_roots_that_cannot_be() {
	ordinary
	workflow
	roots_by fuse-overlayfs
	printf '#!/bin/sh\nexec unshare --mount sh -c '"'"'mount --bind /dev/null "$(command -v fuse-overlayfs || echo /mnt)"; exec %s "$@"'"'"' sh "$@"\n' \
		"$SLUICE" >../without
	chmod +x ../without
	SLUICE=$PWD/../without
	expect 3 sluice run w.yaml
	says err "the configuration wants roots by fuse-overlayfs: "
	expect 3 sluice doctor
	roots_by links
	expect 2 sluice run w.yaml
	says err "'rootfs' must be overlay, fuse-overlayfs or copy"
}

# What of a failed job belongs to subordinate ids goes with its run.
test_failed_job_leaves_nothing_of_others() {
	ordinary 1000000
	{
		echo 'jobs:'
		script_job fails 'outputs: {d: {type: dataset, with: {ref: none}}}' <<'END'
mkdir -m 700 /outputs/d/x
echo secret >/outputs/d/x/y
chown -R 77:77 /outputs/d/x
exit 3
END
	} >w.yaml
	expect 1 sluice run w.yaml
	same "$(versions none)" 0
	ok runs delete w/1
	same "$(foreign)" ''
	nothing_left
}

waiter() {
	{
		echo 'jobs:'
		script_job wait 'outputs: {d: {type: dataset, with: {ref: waited}}}' <<'END'
trap 'echo stopping; exit 3' TERM
echo started
until [ -e /storage/go ]; do sleep 0.05; done
echo one >/outputs/d/file
chown 5:5 /outputs/d/file /outputs/d
END
	} >w.yaml
	"$SLUICE" run w.yaml >out 2>err &
	runner=$!
	wait_for grep -rq started "$SLUICE_HOME/runs" --include=log
}

test_cancel_ends_what_another_process_runs() {
	ordinary 1000000
	waiter
	ok runs cancel w/1
	wait "$runner" || true
	runner=
	same "$("$SLUICE" runs show w/1 --json | jq -r .status.phase)" CANCELED
	same "$(versions waited)" 0
	nothing_left
}

test_killed_runner_is_resumed() {
	ordinary 1000000
	waiter
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	touch "$SLUICE_HOME/storage/go"
	ok runs resume w/1
	same "$(versions waited)" 1
	same "$("$SLUICE" datasets cat waited file)" one
	nothing_left
}

test_killed_runner_is_canceled() {
	ordinary
	waiter
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	ok runs cancel w/1
	same "$(versions waited)" 0
	nothing_left
}

test_limits_are_said_to_be_none() {
	ordinary
	{
		echo 'jobs:'
		script_job a 'resources: {memory: 64MiB}' <<<'echo a'
		script_job b 'resources: {memory: 64MiB}' <<<'echo b'
	} >w.yaml
	ok run w.yaml
	same "$(grep -c 'an ordinary user has no cgroups' err)" 1
}

# A device that everybody may open, as udev makes it.
test_private_network() {
	ordinary 1000000
	command -v slirp4netns >/dev/null || { echo 'there is no slirp4netns'; exit 77; }
	printf '#!/bin/sh\nexec unshare --mount sh -c '"'"'mount -t tmpfs tun /mnt && mknod -m 666 /mnt/tun c 10 200 &&
mount --bind /mnt/tun /dev/net/tun && exec %s "$@"'"'"' sh "$@"\n' "$SLUICE" >../with-tun
	chmod +x ../with-tun
	SLUICE=$PWD/../with-tun
	[ -e /dev/net/tun ] || { echo 'there is no /dev/net/tun'; exit 77; }
	{
		echo 'jobs:'
		script_job look <<<'ls /sys/class/net; cat /etc/resolv.conf'
	} >w.yaml
	ok run w.yaml --network private
	says out 'look | tap0'
	says out 'look | nameserver 198.18.0.3'
	nothing_left
}

# What has no way out of his is said once, and is an error if it was asked for.
test_network_that_cannot_be_private() {
	ordinary
	printf '#!/bin/sh\nexec unshare --mount sh -c '"'"'mount --bind /dev/null "$(command -v slirp4netns)" && exec %s "$@"'"'"' sh "$@"\n' \
		"$SLUICE" >../without
	chmod +x ../without
	SLUICE=$PWD/../without
	{
		echo 'jobs:'
		script_job look <<<'ls /sys/class/net'
	} >w.yaml
	ok run w.yaml
	same "$(grep -c "jobs see this machine's network" err)" 1
	says out 'look | lo'
	expect 3 sluice run w.yaml --network private
	ok run w.yaml --network none
}

test_home_of_root_is_refused() {
	local of_root=$SLUICE_HOME
	ordinary
	cp -a "$of_root/format" ../format
	"$SLUICE" datasets list >/dev/null
	cp ../format "$SLUICE_HOME/format"
	expect 2 sluice datasets list
	says err 'was made by root, and now an ordinary user runs this'
}

# A node that the user may open is shown to the container, since he can make none.
test_gpu() {
	ordinary 300000
	mkdir -p ../.config/sluice ../cdi
	mknod -m 666 ../node c 1 5
	printf 'gpus: {specs: %s}\n' "$(realpath ../cdi)" >../.config/sluice/config.yaml
	cat >../cdi/example.yaml <<-END
		cdiVersion: 0.6.0
		kind: example.com/gpu
		devices:
		- {name: one, containerEdits: {deviceNodes: [{path: /dev/gpu, hostPath: $(realpath ../node)}]}}
	END
	{
		echo 'jobs:'
		script_job a 'resources: {gpus: 1}' <<<'stat -c %t:%T /dev/gpu; head -c 3 /dev/gpu | wc -c'
	} >w.yaml
	ok run w.yaml
	says out 'a | 1:5'
	says out 'a | 3'
}
