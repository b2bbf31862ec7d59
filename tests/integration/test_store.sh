# Deleting, and keeping the store healthy.

# version DATASET TEXT: commits a version with the file `lines`, and prints DS:VER.
version() {
	mkdir -p "in-$1"
	echo "$2" >"in-$1/lines"
	"$SLUICE" datasets create --name "$1" >/dev/null 2>&1 || true
	"$SLUICE" datasets versions create --id "$1" --source-path "in-$1/" |
		sed -n 's/^Committed dataset version: //p'
}

test_versions_delete() {
	local one two
	one=$(version texts one)
	two=$(version texts two)
	ok datasets tags set --id "$one" --name golden
	expect 2 sluice datasets versions delete --id "$one"
	says err "the tag 'golden'"
	expect 2 sluice datasets versions delete --id texts
	says err 'missing the version'
	ok datasets versions delete --id "$two"
	same "$(cat out)" "Deleted dataset version: $two"
	expect 2 sluice datasets versions delete --id "$two"
	ok datasets versions delete "$one" --force
	says out "Deleted dataset version: $one"
	says err "lost: 1 file, 4 B, and its tags: golden"
	same "$(versions texts)" 0
}

test_datasets_delete() {
	local one id
	one=$(version texts one)
	id=${one%:*}
	ok datasets tags set --id "$one" --name golden
	expect 2 sluice datasets delete --id texts
	says err "'golden'"
	expect 2 sluice datasets delete --id "$one"
	ok datasets delete --id texts --force
	same "$(cat out)" "Deleted dataset: $id"
	! has_dataset texts || fail 'it is still there'
	same "$(ls -A "$SLUICE_HOME/store/datasets")" ''
	expect 2 sluice datasets delete --id texts
}

# A job that waits for the file `go` in /storage.
waiter() {
	{
		echo 'jobs:'
		script_job wait "inputs: {data: {type: dataset, with: {ref: texts}}}" <<'END'
touch /storage/started
while ! [ -e /storage/go ]; do sleep 0.1; done
cat /inputs/data/lines
END
	} >wait.yaml
}

test_what_a_run_reads_is_held() {
	local one
	one=$(version texts one)
	waiter
	"$SLUICE" run wait.yaml >run.out 2>&1 &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/started"
	expect 2 sluice datasets versions delete --id "$one" --force
	says err "held by job 'wait' of run wait/1, which reads it"
	expect 2 sluice datasets delete --id texts --force
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "the run failed: $(cat run.out)"
	runner=
	says run.out one
	ok datasets versions delete --id "$one"
}

test_gc() {
	local one two
	one=$(version texts one)
	two=$(version texts two)
	ok store gc
	says out 'Freed 0 B: 0 objects'
	ok datasets versions delete --id "$two"
	ok store gc --dry-run
	matches out '^Would free .*: 3 objects$'
	ok store gc --json
	matches out '"objects":[[:space:]]*3,'
	same "$(find "$SLUICE_HOME/store/objects" -type f | wc -l)" 1
	same "$(contents "$one" lines)" one
}

# object TEXT: where the object of these bytes lies.
object() {
	local sum
	sum=$(printf '%s\n' "$1" | sha256sum)
	echo "$SLUICE_HOME/store/objects/${sum:0:2}/${sum:2:62}"
}

test_verify() {
	local one
	one=$(version texts one)
	version other one >/dev/null
	ok store verify --all
	matches out '^Verified 2 versions: [0-9]+ objects, 4 B; all are whole$'
	printf 'onE\n' >bytes
	dd if=bytes of="$(object one)" conv=notrunc status=none
	expect 4 sluice store verify --all
	says out "texts:${one#*:} lines: "
	matches out '^other:.* lines: .*is damaged'
	matches out '^Verified 2 versions: .*; 1 damaged or missing$'
	expect 4 sluice store verify "$one" --json
	same "$(jq -r '.damage[] | "\(.dataset):\(.version) \(.path)"' out)" "$one lines"
	rm -f "$(object one)"
	expect 4 sluice store verify texts
	says out 'is missing'
	expect 2 sluice store verify
	expect 2 sluice store verify texts --all
}

test_recover() {
	local one
	one=$(version texts one)
	printf 'rubbish' | dd of="$SLUICE_HOME/catalog.db" conv=notrunc status=none
	expect 4 sluice datasets list
	says err "'sluice store recover' makes it anew"
	ok store recover
	matches out '^Made the catalog anew: [0-9]+ datasets?, '
	same "$(contents "$one" lines)" one
	rm -f "$SLUICE_HOME"/catalog.db*
	ok store recover --json
	same "$(jq -c '[.oldCatalog, .recordsMovedAside]' out)" '[null,[]]'
	ok store verify --all
}

test_newer_home() {
	version texts one >/dev/null
	echo 'sluice-home 3 root' >"$SLUICE_HOME/format"
	expect 2 sluice datasets list
	says err 'was made by a newer sluice: it has format 3, and this one knows up to 2'
}

# in_read_only ARGUMENT...: sluice in a home whose file system is read-only.
in_read_only() {
	status=0
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' \
		sh "$SLUICE_HOME" "$SLUICE" "$@" >out 2>err || status=$?
}

test_read_only_home() {
	version texts one >/dev/null
	for command in 'datasets list' 'store verify --all' 'store gc' 'runs list'; do
		# shellcheck disable=SC2086
		expect 3 in_read_only $command
		says err 'cannot be written (its file system is read-only)'
	done
}

# kept: "VERSION WHY" of what the last prune --json kept, newest first.
kept() { jq -r '.versions[] | select(.kept) | "\(.version) \(.why)"' out; }

test_prune() {
	local one two three four
	one=$(version texts one)
	two=$(version texts two)
	three=$(version texts three)
	four=$(version texts four)
	ok datasets tags set --id "$one" --name golden
	ok datasets prune texts --keep-last 2 --dry-run
	matches out "$two.*would go"
	matches out "$one.*kept .*tag 'golden'"
	says out 'Would delete 1 version, kept 3'
	same "$(versions texts)" 4
	ok datasets prune --all --keep-last 2 --json
	same "$(kept)" "$four the newest
$three one of the last 2
$one tag 'golden'"
	same "$(jq -c '[.dryRun, .kept, .deleted]' out)" '[false,3,1]'
	ok datasets prune texts --keep-within 1d
	says out 'Deleted 0 versions, kept 3'
	ok datasets prune texts --keep-tagged
	same "$(versions texts)" 2
	ok datasets prune texts --keep-last 1 --force
	same "$(versions texts)" 1
	same "$(contents "$four" lines)" four
	expect 2 sluice datasets prune texts
	says err 'say what to keep'
	expect 2 sluice datasets prune --keep-last 1
	expect 2 sluice datasets prune texts --keep-last 0
	expect 2 sluice datasets prune texts --keep-within soon
}

test_prune_keeps_what_a_run_reads() {
	local one
	one=$(version texts one)
	waiter
	"$SLUICE" run wait.yaml >run.out 2>&1 &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/started"
	version texts two >/dev/null
	ok datasets prune texts --keep-last 1 --json
	same "$(kept | tail -n 1)" "$one run wait/1 reads it"
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "the run failed: $(cat run.out)"
	runner=
	ok datasets prune texts --keep-last 1
	same "$(versions texts)" 1
}

test_stats() {
	version texts one >/dev/null
	version other one >/dev/null
	same "$(contents texts lines)" one # it is laid out for that
	ok store stats --json
	same "$(jq -c '[.datasets, .versions, .openVersions, .files, .bytes]' out)" '[2,2,0,2,8]'
	same "$(jq -c '[.objects.count, .manifests.count, .trees.count]' out)" '[1,2,1]'
	echo note >"$SLUICE_HOME/tmp/that-works"
	ok store stats
	matches out '^\| Objects +\| 1 '
	matches out '^\| Being made +\| 0 '
}

reader() {
	{
		echo 'jobs:'
		script_job read "inputs: {data: {type: dataset, with: {ref: texts}}}" <<'END'
cat /inputs/data/lines | tee -a /storage/seen
END
	} >read.yaml
}

test_damaged_inputs_are_refused_when_asked() {
	local one
	one=$(version texts one)
	reader
	ok run read.yaml --verify-inputs
	printf 'onE\n' | dd of="$(object one)" conv=notrunc status=none
	ok run read.yaml
	says out onE
	expect 4 sluice run read.yaml --verify-inputs
	matches out "^error: read: file 'lines': .* is damaged"
	echo 'inputs: {verify: true}' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml expect 4 sluice run read.yaml
}

test_storage_lies_where_the_configuration_says() {
	version texts one >/dev/null
	reader
	printf 'storage:\n  path: %s/team\n' "$PWD" >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
	expect 4 sluice run read.yaml
	says out "storage.path '$PWD/team' is no directory here"
	mkdir -m 1777 team
	ok run read.yaml
	same "$(cat team/seen)" one
	printf 'storage:\n  pth: /\n' >config.yaml
	expect 2 sluice run read.yaml
	says err "config.yaml:2: there is no key 'storage.pth': did you mean 'storage.path'?"
	SLUICE_CONFIG=$PWD/none expect 2 sluice run read.yaml
	says err 'cannot read the configuration'
}

trees() { find "$SLUICE_HOME/store/trees" -mindepth 1 -maxdepth 1 | wc -l; }

layers() { find "$SLUICE_HOME/layers" -mindepth 1 -maxdepth 1 -type d | wc -l; }

test_cache_size() {
	version texts one >/dev/null
	same "$(contents texts lines)" one # it is laid out for that
	version texts two >/dev/null
	waiter
	"$SLUICE" run wait.yaml >run.out 2>&1 &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/started"
	same "$(trees)" 2
	printf 'cache:\n  size: 1GiB\n' >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
	ok store gc --json
	same "$(jq .cachedTrees out)" 0
	same "$(cat err)" ''
	printf 'cache:\n  size: 0\n' >config.yaml
	ok store gc --dry-run
	matches out '^  1 tree over the configuration'
	says err 'image layers are in use: all of them stay'
	same "$(trees)" 2
	ok store gc --json # the job reads the other one
	same "$(jq .cachedTrees out)" 1
	same "$(jq .cachedLayers out)" 0
	same "$(trees)" 1
	touch "$SLUICE_HOME/storage/go"
	wait "$runner" || fail "the run failed: $(cat run.out)"
	runner=
	says run.out two
	ok store gc --dry-run
	matches out '^  3 unpacked layers over the configuration'
	same "$(layers)" 3
	ok store gc
	same "$(trees)" 0
	same "$(layers)" 0
	ok run wait.yaml
	says out two
	same "$(trees)" 1
	ok store verify --all
}

test_cache_size_spares_the_layers_of_a_killed_runner() {
	version texts one >/dev/null
	waiter
	"$SLUICE" run wait.yaml >run.out 2>&1 &
	runner=$!
	wait_for test -e "$SLUICE_HOME/storage/started"
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	printf 'cache:\n  size: 0\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml ok store gc
	says err 'image layers are in use: all of them stay'
	same "$(layers)" 3
	touch "$SLUICE_HOME/storage/go"
	ok runs resume wait/1
	says out one
	SLUICE_CONFIG=$PWD/config.yaml ok store gc
	same "$(layers)" 0
}
