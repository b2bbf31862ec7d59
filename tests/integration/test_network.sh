# shellcheck disable=SC2016 # variables of jobs
# Private networks.  Each test makes a machine of its own, which is two network namespaces: one is
# the machine, with this test's mounts, and the other is all that lies outside of it.

spawn() { # PID-VARIABLE COMMAND...
	local name=$1
	shift
	"$@" </dev/null >/dev/null 2>&1 &
	printf -v "$name" %s $!
	servers+=($!)
}

# Has it gone into namespaces of its own?
is_apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

machine() {
	servers=()
	trap 'kill -KILL "${servers[@]}" 2>/dev/null; end' EXIT
	spawn machine unshare --net --mount sleep 600
	spawn outside unshare --net sleep 600
	wait_for is_apart "$machine"
	wait_for is_apart "$outside"
	in_outside=(nsenter --net="/proc/$outside/ns/net")
	in_machine=(nsenter --net="/proc/$machine/ns/net" --mount="/proc/$machine/ns/mnt" --wd="$PWD")
	"${in_outside[@]}" ip link set lo up 2>/dev/null || exit 77 # no nsenter or no ip for us
	"${in_machine[@]}" ip link set lo up
	"${in_machine[@]}" ip link add out type veth peer name in netns "$outside" || exit 77
	"${in_machine[@]}" ip addr add 10.9.8.2/24 dev out
	"${in_machine[@]}" ip link set out up
	"${in_outside[@]}" ip addr add 10.9.8.1/24 dev in
	"${in_outside[@]}" ip addr add 169.254.169.254/32 dev in
	"${in_outside[@]}" ip link set in up
	"${in_machine[@]}" ip route add default via 10.9.8.1
	"${in_machine[@]}" ip route add unreachable 198.18.0.0/24
	echo 'nameserver 10.9.8.1' >resolv.conf
	"${in_machine[@]}" mount --bind "$PWD/resolv.conf" "$(realpath /etc/resolv.conf)"
	local say="$REPO/tests/support/outside.py" server
	spawn server "${in_outside[@]}" "$say" tcp 10.9.8.1 8000 'hello from outside'
	spawn server "${in_outside[@]}" "$say" tcp 169.254.169.254 80 credentials
	spawn server "${in_outside[@]}" "$say" dns 10.9.8.1 10.9.8.1
	spawn server "${in_machine[@]}" "$say" tcp 127.0.0.1 8001 'loopback of the machine'
	spawn server "${in_machine[@]}" "$say" abstract of-the-machine abstract
	wait_for "${in_outside[@]}" bash -c ': </dev/tcp/10.9.8.1/8000 && : </dev/tcp/169.254.169.254/80'
	wait_for "${in_machine[@]}" bash -c ': </dev/tcp/127.0.0.1/8001 && grep -q @of-the-machine /proc/net/unix'
	# From here on `sluice` runs on that machine.
	printf '#!/bin/sh\nexec %s %s "$@"\n' "${in_machine[*]}" "$SLUICE" >on-machine
	chmod +x on-machine
	SLUICE=$PWD/on-machine
}

# The processes of slirp4netns on this machine: one in each namespace is its helper's own child, so
# only those that see the machine's network are counted.
helpers() {
	local pid here
	here=$(readlink "/proc/$machine/ns/net")
	for pid in $(pgrep -x slirp4netns); do
		[ "$(readlink "/proc/$pid/ns/net" 2>/dev/null)" != "$here" ] || echo "$pid"
	done
}

no_helper() { [ -z "$(helpers)" ]; }

# look: a job that tells what it can reach.
look() {
	{
		echo 'jobs:'
		script_job look <<'END'
ask() { (exec 3<>"/dev/tcp/$1" && cat <&3) 2>/dev/null || echo "not $1"; }
ask 10.9.8.1/8000
ask some.name.example/8000
ask 127.0.0.1/8001
ask 198.18.0.2/8001
ask 169.254.169.254/80
grep -c @of-the-machine /proc/net/unix
ping -c 1 -W 5 10.9.8.1 >/dev/null 2>&1 || [ $? = 127 ] && echo "ping works, if it is there"
END
	} >look.yaml
}

heard() { # LINE...: what it told
	sed -n 's/^look | //p' out >heard
	printf '%s\n' "$@" | diff - heard || fail 'it reached something else'
}

test_private_is_the_default() {
	machine
	look
	ok run look.yaml
	heard 'hello from outside' 'hello from outside' 'not 127.0.0.1/8001' 'not 198.18.0.2/8001' \
		'not 169.254.169.254/80' 0 'ping works, if it is there'
	silent err network
	wait_for no_helper
	nothing_left
}

# What the test above shows as unreachable is there.
test_host() {
	machine
	look
	ok run look.yaml --network host
	says out 'look | loopback of the machine'
	says out 'look | credentials'
	says out 'look | hello from outside'
	same "$(helpers)" ''
	printf 'network: host\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml ok run look.yaml
	says out 'look | loopback of the machine'
	SLUICE_CONFIG=$PWD/config.yaml ok run look.yaml --network private
	says out 'look | not 127.0.0.1/8001'
}

test_no_helper_on_the_machine() {
	machine
	look
	"${in_machine[@]}" mount --bind /dev/null "$(command -v slirp4netns)"
	ok run look.yaml
	says err "jobs see this machine's network, since they can have none of their own"
	says err 'apt-get install slirp4netns'
	says out 'look | loopback of the machine'
	expect 3 sluice run look.yaml --network private
	says err 'slirp4netns is not installed'
	expect 2 sluice run look.yaml --network bridge
	says err "--network takes private, host or none, not 'bridge'"
	sluice doctor
	matches out '^warn +network .*slirp4netns is not installed'
}

# Says why, where slirp4netns is there and cannot do it.
test_helper_that_does_not_work() {
	machine
	look
	printf '#!/bin/sh\necho "open(\\"/dev/net/tun\\"): No such file" >&2\nexit 1\n' >broken
	chmod +x broken
	"${in_machine[@]}" mount --bind "$PWD/broken" "$(command -v slirp4netns)"
	ok run look.yaml
	says err 'slirp4netns does not work here: open("/dev/net/tun"): No such file'
}

test_one_helper_for_all_jobs() {
	machine
	{
		echo 'jobs:'
		for i in 1 2 3; do
			script_job "j$i" <<<'touch /storage/$HOSTNAME; until [ -e /storage/go ]; do sleep 0.05; done; cat </dev/tcp/10.9.8.1/8000'
		done
	} >w.yaml
	"$SLUICE" run --jobs 3 w.yaml >out 2>err &
	runner=$!
	three() { [ "$(find "$SLUICE_HOME/storage" -type f | wc -l)" = 3 ]; }
	wait_for three
	same "$(helpers | wc -l)" 1
	touch "$SLUICE_HOME/storage/go"
	wait "$runner"
	runner=
	same "$(grep -c 'hello from outside' out)" 3
	wait_for no_helper
	nothing_left
}

# One that was killed is replaced for who comes later.
test_helper_dies() {
	machine
	{
		echo 'jobs:'
		script_job first <<<'touch /storage/started; until [ -e /storage/go ]; do sleep 0.05; done; (: </dev/tcp/10.9.8.1/8000) 2>/dev/null || echo alone'
		script_job second 'needs: [first]' <<<'cat </dev/tcp/10.9.8.1/8000'
	} >w.yaml
	"$SLUICE" run w.yaml >out 2>err &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/started"
	kill -KILL "$(helpers)"
	wait_for no_helper
	touch "$SLUICE_HOME/storage/go"
	wait "$runner"
	runner=
	matches out '^first +\| alone'
	matches out '^second +\| hello from outside'
	wait_for no_helper
	nothing_left
}

# The network outlives the runner as long as a job does, and ends with it.
test_runner_dies() {
	machine
	{
		echo 'jobs:'
		script_job first 'outputs: {s: {type: string}}' <<<'touch /storage/started; until [ -e /storage/go ]; do sleep 0.05; done; cat </dev/tcp/10.9.8.1/8000 | tee /outputs/s'
		script_job second 'inputs: {s: first.outputs.s}' <<<'cat /inputs/s - </dev/tcp/10.9.8.1/8000'
	} >w.yaml
	"$SLUICE" run w.yaml >out 2>err &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/started"
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	same "$(helpers | wc -l)" 1
	touch "$SLUICE_HOME/storage/go"
	wait_for grep -rq exited "$SLUICE_HOME/runs" --include=exit.json
	wait_for no_helper
	ok runs resume w/1
	matches out '^first +\| hello from outside'
	same "$(grep -cE '^second +\| hello from outside' out)" 2
	wait_for no_helper
	nothing_left
}

test_checkout_from_outside() {
	machine
	git init -q -b main repo
	git -C repo -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m first
	git -C repo update-server-info
	spawn server "${in_outside[@]}" python3 -m http.server --bind 10.9.8.1 8080
	wait_for "${in_outside[@]}" bash -c ': </dev/tcp/10.9.8.1/8080'
	{
		printf 'jobs:\n  clone:\n    uses: git-checkout@v1\n    with:\n'
		printf '      url: http://a.name.example:8080/repo/.git\n'
		printf '    outputs: {repo: {type: volume}}\n'
		script_job see 'inputs: {repo: clone.outputs.repo}' <<<'ls -a /inputs/repo'
	} >clone.yaml
	ok run clone.yaml
	matches out '^see +\| \.git'
	wait_for no_helper
	nothing_left
}
