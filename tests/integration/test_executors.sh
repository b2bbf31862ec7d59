# shellcheck shell=bash disable=SC2016 # variables of jobs
# Which executor a run uses, and that it says so.

one() {
	{
		echo 'jobs:'
		script_job a <<<"${1:-echo ran}"
	} >w.yaml
}

test_the_first_that_works() {
	one
	ok run w.yaml
	same "$(grep -c 'jobs run by' err)" 1
	says err 'sluice: jobs run by oci: /'
	ok run w.yaml --quiet
	silent err 'jobs run by'
	ok run w.yaml --json
	same "$(jq -r 'select(.type == "run_started") | .executor' out)" oci
	silent out 'jobs run by'
	ok run w.yaml --dry-run
	silent err 'jobs run by'
}

test_one_that_is_asked_for() {
	one
	ok run w.yaml --executor oci
	expect 2 sluice run w.yaml --executor chroot
	says err "there is no executor 'chroot'; there are: oci"
	printf 'executor: chroot\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml expect 2 sluice run w.yaml
	says err "there is no executor 'chroot'"
	SLUICE_CONFIG=$PWD/config.yaml ok run w.yaml --executor oci
	SLUICE_CONFIG=$PWD/config.yaml ok run w.yaml --runtime crun
	says err 'jobs run by oci: '
	printf 'executor: oci\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml ok run w.yaml
}

test_runtime_that_is_not_there() {
	one
	SLUICE_RUNTIME=/nonexistent/runtime expect 3 sluice run w.yaml
	says err /nonexistent/runtime
}

# The names stand twice: in the table, and as the choices of an option.
test_doctor_has_a_line_for_each() {
	sluice doctor
	matches out '^ok +executor oci +works: /'
	grep -E '^(ok|warn|FAIL) +executor ' out | sed -E 's/^[a-zA-Z]+ +executor ([a-z]+) .*/\1/' >rows
	one
	expect 2 sluice run w.yaml --executor none
	says err "there are: $(paste -sd'|' rows)"
	sluice doctor --json
	same "$(jq -r '.checks[] | select(.name == "executor oci") | .status' out)" ok
}

test_resume_uses_what_it_was_started_with() {
	one 'until [ -e /storage/go ]; do sleep 0.05; done; echo gone on'
	"$SLUICE" run w.yaml --runtime runc >out 2>&1 &
	runner=$!
	wait_for grep -rq pid "$SLUICE_HOME/runs" --include=shim.json
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	same "$(jq -c '[.executor, .runtime]' "$SLUICE_HOME"/runs/*/plan.json)" '["oci","runc"]'
	touch "$SLUICE_HOME/storage/go"
	printf 'executor: chroot\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml ok runs resume w/1
	matches err 'jobs run by oci: .*/runc'
	nothing_left
}

# two_jobs NAME [COMMANDS]: one makes the dataset of that name, the other one changes its view of it,
# prints it and a secret, and then does these.
two_jobs() {
	{
		echo 'jobs:'
		script_job make "outputs: {made: {type: dataset, with: {ref: $1}}}" \
			<<<'echo from a container >/outputs/made/file; echo did it'
		script_job use 'needs: [make]' 'env: {WORD: secret:word}' 'inputs: {got: make.outputs.made}' \
			<<<"echo more >>/inputs/got/file; cat /inputs/got/file; echo \$WORD${2:+; $2}"
	} >w.yaml
}

# A whole run, and one that is killed and goes on.
test_bwrap() {
	two_jobs by-bwrap 'until [ -e /storage/go ]; do sleep 0.05; done; echo gone on'
	"$SLUICE" run w.yaml --executor bwrap --secret word=hunter2 >out 2>err &
	runner=$!
	wait_for grep -q '^use *| more' out
	same "$(grep -rl hunter2 "$SLUICE_HOME" /proc/[0-9]*/cmdline 2>/dev/null)" ''
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	matches err 'jobs run by bwrap: /.*/bwrap'
	silent err 'outputs open: they are copied'
	touch "$SLUICE_HOME/storage/go"
	ok runs resume w/1 --secret word=hunter2
	matches err 'jobs run by bwrap: '
	says out 'gone on'
	same "$(contents by-bwrap file)" 'from a container'
	expect 2 sluice run w.yaml --executor bwrap --runtime crun
	says err "the executor 'bwrap' takes no runtime"
	nothing_left
}

# Root has the kernel's overlays, and can do as those who have none.
test_other_ways_to_make_roots() {
	local way
	. "$REPO/tests/integration/roots.sh"
	for way in fuse-overlayfs copy; do
		printf 'rootfs: %s\n' $way >config.yaml
		export SLUICE_CONFIG=$PWD/config.yaml
		layers_are_seen
		says err "with roots by $way"
		rm -r one lower upper
	done
}

# with_engine docker|podman FUNCTION: with a daemon of its own, which has the image bash:5.
with_engine() {
	export -f jobs_by_a_daemon gpu_by_a_daemon jobs_by_tls jobs_by_copies one two_jobs script_job ok expect sluice says same fail matches silent has_dataset contents made versions
	"$REPO/tests/services/engine" "$1" bash -euc "
		sluice images export bash:5 bash.tar --docker-archive
		curl -sf --unix-socket \$ENGINE_SOCKET -H 'Content-Type: application/x-tar' \
			-T bash.tar -X POST http://engine/images/load >/dev/null
		$2"
}

# By a specification of a device, which these daemons do not read themselves.
gpu_by_a_daemon() {
	mkdir cdi
	mknod -m 666 node c 1 5
	cat >cdi/example.yaml <<-END
		cdiVersion: 0.6.0
		kind: example.com/gpu
		devices:
		- name: one
		  containerEdits:
		    env: [MY_GPU=one]
		    deviceNodes: [{path: /dev/gpu, hostPath: $PWD/node}]
		    mounts: [{hostPath: $PWD/w.yaml, containerPath: /opt/w.yaml, options: [ro, bind]}]
	END
	printf 'gpus: {specs: %s/cdi}\n' "$PWD" >gpus.conf
	{
		echo 'jobs:'
		script_job a 'resources: {gpus: 1}' <<<'echo "$MY_GPU $(stat -c %t:%T /dev/gpu) $(grep -c jobs: /opt/w.yaml)"'
	} >gpu.yaml
	SLUICE_CONFIG=$PWD/gpus.conf ok run gpu.yaml --executor docker --network host
	says out 'a | one 1:5 1'
	echo "    hooks: [{hookName: prestart, path: /bin/true}]" >>cdi/example.yaml
	SLUICE_CONFIG=$PWD/gpus.conf expect 4 sluice run gpu.yaml --executor docker --network host
	says out "GPU 'example.com/gpu=one' needs what this Docker cannot be told"
	says out "the hook '/bin/true'"
}

jobs_by_a_daemon() {
	two_jobs by-daemon
	ok run w.yaml --executor docker --network host --secret word=hunter2
	matches err 'jobs run by docker: (Docker|Libpod)/[0-9.]+[^ ]* at unix:///'
	says out 'did it'
	says out 'from a container'
	silent out hunter2
	same "$(contents by-daemon file)" 'from a container'
	"$SLUICE" images export bash:5 layout
	sed 's|bash:5|oci:layout|; s|by-daemon|by-layout|' w.yaml >l.yaml
	ok run l.yaml --executor docker --network host --secret word=hunter2
	same "$(contents by-layout file)" 'from a container'
	gpu_by_a_daemon
	one 'exit 3'
	expect 1 sluice run w.yaml --executor docker --network host
	same "$(curl -sf --unix-socket "$ENGINE_SOCKET" 'http://engine/containers/json?all=1')" '[]'
	sluice doctor
	matches out '^ok +executor docker +works: (Docker|Libpod)/'
}

test_docker() { with_engine docker jobs_by_a_daemon; }
test_podman() { with_engine podman jobs_by_a_daemon; }

# A daemon that is spoken to by TCP may be another machine: what jobs read and write goes there and
# back, whatever its names and kinds are.
jobs_by_copies() {
	cat >c.yaml <<-'END'
		jobs:
		  make:
		    uses: script@v1
		    outputs:
		      made: {type: dataset, with: {ref: by-copies}}
		      more: {type: volume}
		      word: {type: string}
		    with:
		      image: bash:5
		      script: |
		        cd /outputs/made
		        mkdir -p 'a b/ü' private && chmod 700 private
		        echo deep >"a b/ü/$(printf 'two\nlines')"
		        head -c 20000000 /dev/urandom >big && ln big same
		        truncate -s 3000000 holes && echo end >>holes
		        printf '#!/bin/bash\necho runs\n' >program && chmod 755 program
		        ln -s ../../../../../etc/passwd out
		        : >empty
		        echo kept >/outputs/more/file
		        printf 'a word' >/outputs/word
		        echo shared >/storage/file
		        sha256sum big holes
		  use:
		    uses: script@v1
		    needs: [make]
		    inputs: {made: make.outputs.made, more: make.outputs.more, word: make.outputs.word}
		    with:
		      image: bash:5
		      script: |
		        cd /inputs/made
		        cat "a b/ü/$(printf 'two\nlines')" /inputs/more/file /inputs/word /storage/file
		        sha256sum big holes
		        ./program && readlink out && [ -e empty ] && cmp big same
		        end=$((SECONDS + 2)); until [ $SECONDS -ge $end ]; do :; done
		        echo changed >>big && mkdir /inputs/made/new
	END
	local begin=$SECONDS
	ok run c.yaml --executor docker --network host
	[ $((SECONDS - begin)) -lt 60 ] || fail 'the copies take their time'
	says out 'use | deep'
	says out 'use | kept'
	says out 'use | a wordshared'
	says out 'use | runs'
	same "$(grep -E '^make . [0-9a-f]{64}' out | cut -c8-)" "$(grep -E '^use . [0-9a-f]{64}' out | cut -c7-)"
	same "$(contents by-copies big | sha256sum | cut -c1-64)" "$(grep -oE '^use . [0-9a-f]{64}  big' out | cut -c7-70)"
	ok runs show --json
	jq -e '.status.jobs.use.usage | .cpuMs > 50 and .peakBytes > 500000' out >/dev/null || fail 'it used more'
	# What stands in the place of the outputs leads nowhere; and a copy cannot be read-only.
	{
		printf 'inputs: {made: {type: dataset, with: {ref: by-copies}}}\njobs:\n'
		script_job hostile 'outputs: {d: {type: dataset, with: {ref: hostile}}}' \
			<<<'cd / && rm -r /outputs && ln -s /etc /outputs'
		script_job strict 'inputs: {made: workflow.inputs.made}' <<<true
	} >h.yaml
	expect 4 sluice run h.yaml --executor docker --network host --strict-inputs
	says out "cannot fetch '/outputs' from the container"
	says out "cannot show '/inputs/made' read-only: run without --strict-inputs"
	sed -i "s/^    with:/    resources: {gpus: 1}\n&/" h.yaml
	expect 3 sluice run h.yaml --executor docker --network host
	says err "this machine has 0 (those here are not Docker's to hand in)"
	expect 3 sluice run h.yaml --executor docker --cpus 10000
	says err 'cores that jobs can have'
	same "$(find "$SLUICE_HOME/runs" -name passwd)" ''
	same "$(versions hostile)" 0
	same "$(curl -sf --unix-socket "$ENGINE_SOCKET" 'http://engine/containers/json?all=1')" '[]'
}

jobs_by_tls() {
	jobs_by_copies
	one 'echo by TLS'
	printf 'docker: {transfer: mounts}\n' >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
	ok run w.yaml --executor docker --network host
	says out 'by TLS'
	DOCKER_CERT_PATH=/nonexistent expect 3 sluice run w.yaml --executor docker
	says err "Docker at $DOCKER_HOST"
	printf 'docker: {transfer: mounts, host: "%s", ca: %s/ca.pem, cert: %s/cert.pem, key: %s/key.pem}\n' \
		"$DOCKER_HOST" "$DOCKER_CERT_PATH" "$DOCKER_CERT_PATH" "$DOCKER_CERT_PATH" >config.yaml
	DOCKER_HOST=unix:///nowhere ok run w.yaml --executor docker --network host
}

test_docker_by_tls() { TLS=1 with_engine docker jobs_by_tls; }

test_no_daemon() {
	one
	DOCKER_HOST=unix:///nowhere/docker.sock expect 3 sluice run w.yaml --executor docker
	says err 'Docker at unix:///nowhere/docker.sock'
	DOCKER_HOST=ssh://box expect 2 sluice run w.yaml --executor docker
	says err 'tcp://HOST:PORT'
}

# The machine's files, writable for the job alone; /tmp and the like are not the machine's.
test_host_shows_the_machine() {
	local mark
	mark=$(mktemp /etc/sluice-test.XXXXXX)
	touch "/tmp/${mark##*/}"
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: d}}}' <<-END
			id -u
			cat $mark && echo changed >$mark && cat $mark
			touch /usr/bin/made-by-the-job
			echo "/tmp: \$(ls -A /tmp)"
			[ ! -e $SLUICE_HOME ] || ls -A $SLUICE_HOME # empty, or covered with /tmp
			echo made >/outputs/d/file
		END
		script_job b 'inputs: {d: a.outputs.d}' <<<'cat /inputs/d/file; echo x >>/inputs/d/file'
	} >w.yaml
	sed -i 's/bash:5/no.such.registry.example:1/' w.yaml
	echo original >"$mark"
	ok run w.yaml --executor host
	says err "jobs run by host: this machine's own files, whatever image a job names"
	same "$(grep '^a | ' out | paste -sd' ')" \
		'a | 0 a | original a | changed a | /tmp: '
	says out 'b | made'
	same "$(cat "$mark")" original
	[ ! -e /usr/bin/made-by-the-job ] || fail 'the job has changed the machine'
	same "$(contents d file)" made
	rm "$mark" "/tmp/${mark##*/}"
	nothing_left
}

test_image_host_only_if_allowed() {
	one
	sed -i 's/bash:5/host/' w.yaml
	expect 2 sluice run w.yaml
	says err "the image 'host' would show this machine's own files to the job"
	printf 'images: {host: true}\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml ok run w.yaml
	says out 'a | ran'
	SLUICE_CONFIG=$PWD/config.yaml ok run w.yaml --dry-run
	nothing_left
}
