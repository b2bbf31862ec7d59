# shellcheck shell=bash disable=SC2016 # variables of jobs
# GPUs that jobs are given, by specifications of devices that are none.

# specification NAME...: a GPU each, which is /dev/gpu in the container, and in truth like
# /dev/null, the second like /dev/zero.  Also what goes with each of them: a file and a hook.
specification() {
	local minor=3 name
	mkdir -p cdi
	printf 'gpus: {specs: %s/cdi}\n' "$PWD" >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
	echo 'a library' >library
	printf '#!/bin/sh\ncat >/dev/null\necho "$NAME $1" >>%s/hooked\n' "$PWD" >hook
	chmod +x hook
	{
		echo 'cdiVersion: 0.6.0'
		echo 'kind: example.com/gpu'
		echo 'containerEdits:'
		echo "  mounts: [{hostPath: $PWD/library, containerPath: /opt/library, options: [ro, bind]}]"
		echo "  hooks: [{hookName: createRuntime, path: $PWD/hook, args: [hook, ran], env: [NAME=hook]}]"
		echo 'devices:'
		for name; do
			[ -e "node-$name" ] || mknod -m 666 "node-$name" c 1 $minor
			echo "- name: '$name'"
			echo '  containerEdits:'
			echo "    env: [MY_GPU=$name]"
			echo "    deviceNodes: [{path: /dev/gpu, hostPath: $PWD/node-$name}]"
			minor=$((minor + 2))
		done
	} >cdi/example.yaml
}

test_each_job_has_its_own() {
	specification 0 1
	{
		echo 'jobs:'
		for job in a b; do
			script_job $job 'resources: {gpus: 1}' <<'END'
echo "gpu $MY_GPU: $(stat -c %t:%T /dev/gpu) $(head -c 3 /dev/gpu | wc -c) $(cat /opt/library)"
touch /storage/here-$MY_GPU
until [ -e /storage/here-0 ] && [ -e /storage/here-1 ]; do sleep 0.02; done
mkdir /storage/over-$MY_GPU
END
		done
		script_job c 'resources: {gpus: 1}' <<<'ls /storage | grep -c over; [ -c /dev/gpu ]'
		script_job d <<<'[ ! -e /dev/gpu ] && [ ! -e /opt/library ] && [ -z "${MY_GPU:-}" ]'
	} >w.yaml
	ok run w.yaml --jobs 4
	matches out '^[ab] \| gpu 0: 1:3 0 a library'
	matches out '^[ab] \| gpu 1: 1:5 3 a library'
	matches out '^c \| [12]$' # it waited for one of them
	same "$(sort -u hooked)" 'hook ran'
	same "$(wc -l <hooked)" 3
	rm -r "$SLUICE_HOME"/storage/*
	for runtime in crun runc; do
		ok run w.yaml --jobs 4 --runtime $runtime
		matches out '^[ab] \| gpu 1: 1:5 3 a library'
		rm -r "$SLUICE_HOME"/storage/*
	done
	expect 4 sluice run w.yaml --executor bwrap
	says out 'includes hooks, which bwrap does not run'
	sed -i '/hooks/d' cdi/example.yaml
	ok run w.yaml --jobs 4 --executor bwrap
	matches out '^[ab] \| gpu 0: 1:3 0 a library'
	matches out '^[ab] \| gpu 1: 1:5 3 a library'
	nothing_left
}

test_all_of_them() {
	specification 0 1
	{
		echo 'jobs:'
		script_job a 'resources: {instance-type: A100x2}' <<<'echo "last is $MY_GPU"'
	} >w.yaml
	ok run w.yaml
	says out 'a | last is 1'
	sed -i 's/instance-type: A100x2/gpus: 3/' w.yaml
	expect 3 sluice run w.yaml
	says err "job 'a' asks for 3 GPUs, and this machine has 2: it could never start"
	says err 'it could never start'
}

# What a job that outlived its runner has, nobody else gets.
test_resume() {
	specification 0 1
	{
		echo 'jobs:'
		script_job a 'resources: {gpus: 1}' <<<'touch /storage/a; until [ -e /storage/go ]; do sleep 0.02; done; echo "a has $MY_GPU"'
		script_job n <<<'until [ -e /storage/n ]; do sleep 0.02; done'
		script_job b 'needs: [n]' 'resources: {gpus: 1}' <<<'echo "b has $MY_GPU"; touch /storage/go'
	} >w.yaml
	"$SLUICE" run w.yaml --jobs 4 >out 2>&1 &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/a"
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	touch "$SLUICE_HOME/storage/n"
	ok runs resume w/1
	says out 'a | a has 0'
	says out 'b | b has 1'
	nothing_left
}

test_what_is_wrong_is_said() {
	specification 0 1
	{
		echo 'jobs:'
		script_job a 'resources: {gpus: 1}' <<<true
	} >w.yaml
	sluice doctor
	matches out '^ok +GPUs +2, from example.com/gpu=0 on$'
	rm node-0
	expect 4 sluice run w.yaml
	says out "GPU 'example.com/gpu=0' of $PWD/cdi/example.yaml: there is no device '$PWD/node-0'"
	sed -i "s/name: '0'/name: 0/" cdi/example.yaml
	expect 3 sluice run w.yaml
	says err "this machine has 0 ($PWD/cdi/example.yaml: devices[0].name must be"
	sluice doctor
	matches out '^warn +GPUs +0 that jobs can have, and .*/cdi/example.yaml: devices\[0\].name must be'
	printf 'gpus: {kind: other.com/gpu}\n' >config.yaml
	expect 3 sluice run w.yaml
	says err 'this machine has 0:'
}
