# shellcheck disable=SC2016 # variables of jobs
# What jobs may use of the machine, and how they wait for it.

# The one number that both versions of cgroups have.
MEMORY='cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true'

test_limits_reach_the_container() {
	{
		echo 'jobs:'
		script_job a 'resources: {cpus: 0.5, memory: 64MiB, shm-size: 5MiB}' <<-END
			$MEMORY
			cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null
			df -k /dev/shm | tail -n 1
		END
	} >w.yaml
	ok run w.yaml
	says out 'a | 67108864'
	matches out '^a \| 50000'
	matches out '^a \| shm +5120 '
	nothing_left
}

test_defaults_and_own() {
	{
		echo 'defaults: {resources: {memory: 64MiB}}'
		echo 'jobs:'
		script_job a <<<"$MEMORY"
		script_job b 'resources: {memory: 65MiB}' <<<"$MEMORY"
	} >w.yaml
	ok run w.yaml
	says out 'a | 67108864'
	says out 'b | 68157440'
}

test_out_of_memory() {
	{
		echo 'jobs:'
		script_job big 'resources: {memory: 32MiB}' <<<'head -c 300000000 /dev/zero | tail >/dev/null'
	} >w.yaml
	expect 1 sluice run w.yaml
	says out 'out of memory: the kernel killed it'
	nothing_left
}

# Four jobs that want more than half of the run's memory each: one after the other, in the order of
# the file, though there are places for all.
test_jobs_wait_for_memory() {
	local i
	{
		echo 'jobs:'
		for i in 1 2 3 4; do
			script_job "big$i" 'resources: {memory: 600MiB}' <<'END'
mkdir /storage/only-one || exit 1
echo "$HOSTNAME" >>/storage/order
sleep 0.2
rmdir /storage/only-one
END
		done
	} >w.yaml
	ok run w.yaml --jobs 8 --memory 1GiB
	sed -E 's/.*-([0-9]+)-1$/\1/' "$SLUICE_HOME/storage/order" >order
	same "$(paste -sd' ' order)" '0 1 2 3'
}

test_more_than_there_is() {
	{
		echo 'jobs:'
		script_job a 'resources: {memory: 900TiB}' <<<true
	} >w.yaml
	expect 3 sluice run w.yaml
	says err "job 'a' asks for 943718400 MiB of memory, and the run has"
	expect 3 sluice run --dry-run w.yaml
	sed -i 's/memory: 900TiB/cpus: 60000/' w.yaml
	expect 3 sluice run w.yaml
	says err "job 'a' asks for 60000 cores, and the run has"
	sed -i 's/cpus: 60000/gpus: 1000/' w.yaml
	expect 3 sluice run w.yaml
	says err "job 'a' asks for 1000 GPUs, and this machine has"
	expect 3 sluice run w.yaml --cpus 9999
	expect 2 sluice run w.yaml --cpus many
	expect 2 sluice run w.yaml --memory 0
	ok runs list
	silent out 'w/'
}

# A workflow for machines that are not here runs, and what is different is said.
test_instance_types() {
	{
		echo 'jobs:'
		script_job a 'resources: {instance-type: A100-80Gx8}' <<<"$MEMORY"
		script_job b 'resources: {instance-type: of-nobody}' <<<true
		script_job c 'resources: {instance-type: tiny}' <<<"$MEMORY"
	} >w.yaml
	printf 'instances:\n  tiny: 1 96MiB\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml ok run w.yaml --memory 512MiB
	says out 'a | 536870912'
	says out 'c | 100663296'
	says err "instance type 'A100-80Gx8' is larger than this machine"
	says err "instance type 'A100-80Gx8' has more GPUs than this machine"
	says err "instance type 'of-nobody' is not known here"
	silent err tiny
	printf 'instances:\n  tiny: small\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml expect 2 sluice run w.yaml
	says err "'instances.tiny' must be cores, memory and maybe GPUs"
}

# What a run may use is shared by those who say nothing.
test_caps() {
	{
		echo 'jobs:'
		script_job a <<<"$MEMORY"
		script_job b <<<'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null || true'
	} >w.yaml
	ok run w.yaml --jobs 2 --memory 256MiB --cpus 1
	says out 'a | 134217728'
	matches out '^b \| 50000'
}

test_job_without_network() {
	{
		echo 'jobs:'
		script_job a 'network: none' <<<'grep -c : /proc/net/dev'
	} >w.yaml
	ok run w.yaml
	says out 'a | 1'
}

# What the last attempt used stands in the history.
test_usage_is_recorded() {
	{
		echo 'jobs:'
		script_job a <<-'END'
			end=$((SECONDS + 1))
			until [ $SECONDS -gt $end ]; do :; done
			head -c 30000000 /dev/zero | tail >/dev/null
			dd if=/dev/zero of=/file bs=1M count=8 conv=fsync
			exit 3
		END
	} >w.yaml
	expect 1 sluice run w.yaml
	ok runs show --json
	jq -e '.status.jobs.a.usage | .cpuMs > 50 and .peakBytes > 20000000 and
		.writtenBytes >= 8388608' out >/dev/null || fail 'it used more'
	ok runs show
	matches out '^\| a +\| failed +\| 1 +\| 3 +\| .*s +\| .*s +\| [0-9.]+ MiB '
	nothing_left
}

# What may have gone wrong in a job that succeeded is said.
test_doubtful_success_is_noticed() {
	{
		echo 'jobs:'
		script_job a 'outputs: {d: {type: dataset, with: {ref: empty}}}' \
			'resources: {memory: 64MiB}' <<<'head -c 300000000 /dev/zero | tail | wc -c; echo done'
	} >w.yaml
	ok run w.yaml
	says err "job 'a' wrote no file to /outputs/d: its version is empty"
	says err "job 'a': out of memory: the kernel killed a process of it, though it ended with 0"
}
