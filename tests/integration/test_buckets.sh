# shellcheck shell=bash
# Datasets on a storage provider that is a bucket of a real S3 server: what is committed is there,
# and comes from there, whatever dies in between.

start_server() {
	dir=$PWD/s3
	trap '"$REPO/tests/services/s3" stop "$dir"; end' EXIT
	"$REPO/tests/services/s3" start "$dir"
	"$REPO/tests/services/s3" put "$dir" data/some/thing /dev/null
	# shellcheck source=/dev/null
	. "$dir/env"
	export no_proxy=127.0.0.1
	connect
}

# The home that is in force gets the provider.
connect() {
	ok storageProviders create s3 --name bucket --bucket data --prefix team --endpoint "$S3_ENDPOINT" \
		--accessKey "$AWS_ACCESS_KEY_ID" --secretAccessKey - --no-check <<<"$AWS_SECRET_ACCESS_KEY"
}

# other_home NAME: from now on; made where it is not there yet.
other_home() {
	export SLUICE_HOME=$PWD/$1
	[ ! -d "$SLUICE_HOME" ] || return 0
	cp -a "$BASE_HOME" "$SLUICE_HOME"
	connect
}

# Nobody answers, and somebody does again.
cut_off() { ok storageProviders update s3 bucket --endpoint http://127.0.0.1:1 --no-check; }
connected() { ok storageProviders update s3 bucket --endpoint "$S3_ENDPOINT" --no-check; }

forget_bytes() { rm -rf "$SLUICE_HOME"/store/{objects,large,manifests,trees}; }

# What the server keeps of object data.
stored() { find "$dir/disks/one/objects" -name '*.data' -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }

noise() { head -c "$1" /dev/urandom; }

test_a_job_commits_there_and_others_read() {
	start_server
	ok datasets create --name pics --storageProviderId bucket
	{
		echo 'jobs:'
		script_job make 'outputs: {p: {type: dataset, with: {ref: pics}}, near: {type: dataset, with: {ref: near}}}' <<'END'
mkdir /outputs/p/many
for i in 1 2 3 4 5 6 7 8 9; do echo "$i" >/outputs/p/many/$i; done
head -c 20000000 /dev/urandom >/outputs/p/big
truncate -s 30000000 /outputs/p/holes
: >/outputs/p/empty
ln -s big /outputs/p/link
printf '#!/bin/sh\n' >/outputs/p/many/run
chmod +x /outputs/p/many/run
echo near >/outputs/near/file
END
	} >make.yaml
	ok run make.yaml
	first=$(made pics)
	ok datasets files get --id pics --source-path / --target-path here
	ok store verify pics
	ok datasets delete --id near

	# What is missing comes again, and no more than what is asked for.
	forget_bytes
	ok store gc
	ok datasets cat pics many/7
	same "$(cat out)" 7
	same "$(find "$SLUICE_HOME/store/large" -type f | wc -l)" 0

	# Another home knows nothing but the bucket.
	other_home second
	{
		echo 'jobs:'
		script_job read 'inputs: {p: {type: dataset, with: {ref: pics}}}' \
			'outputs: {p: {type: dataset, with: {ref: pics}}}' <<'END'
cat /inputs/p/many/*
cp -a /inputs/p/. /outputs/p
dd if=/dev/urandom of=/outputs/p/big bs=1048576 seek=5 count=10 conv=notrunc 2>/dev/null
echo more >/outputs/p/more
END
	} >read.yaml
	local before
	before=$(stored)
	ok run read.yaml
	[ "$(($(stored) - before))" -le 16777216 ] || fail "10 MiB of a file cost $(($(stored) - before)) bytes"
	ok datasets files get --id "$first" --source-path / --target-path there
	diff -r --no-dereference here there
	same "$(stat -c %a there/many/run)" 755
	[ "$(stat -c %b there/holes)" -lt 20000 ] || fail 'the holes are gone'
	ok datasets tags set --id pics:latest --name best
	ok datasets versions update --id pics:latest --message better

	# ... and its home sees what that did.
	export SLUICE_HOME=$PWD/../home
	ok datasets versions list --id pics
	same "$(versions pics)" 2
	matches out '\| better +\| best +\|'
	same "$(contents pics:best more)" more
	expect 1 sluice datasets diff "$first" pics:best --name-only
	same "$(paste -sd' ' out)" 'big more'
	ok datasets tags delete --id pics --name best
	ok datasets versions delete --id "$first"
	other_home second
	same "$(versions pics)" 1
	expect 2 sluice datasets cat "$first" many/1
	expect 2 sluice datasets cat pics:best more

	# Without the server what is here can be read, and is said to be what it is.
	cut_off
	ok datasets cat pics more
	says err 'what is known here is used'
	connected
	ok datasets delete --id pics
	export SLUICE_HOME=$PWD/../home
	sluice datasets versions list --id pics
	! has_dataset pics || fail 'it was deleted elsewhere'
	nothing_left
}

# upload INSTANT: killed at that many seconds.
upload() {
	timeout --foreground -s KILL "$1" "$SLUICE" datasets versions commit --id "$open" >/dev/null 2>&1 || true
}

test_killed_at_any_instant_it_goes_on() {
	start_server
	ok datasets create --name pics --storageProviderId bucket
	local at open
	mkdir in
	noise 9000000 >in/big
	for at in 1 2 3 4 5 6; do echo "$at" >"in/$at"; done
	ok datasets versions create --id pics
	open=$(sed -nE 's/.*(ds[a-z0-9]{13}:[a-z0-9]{7}).*/\1/p' out)
	ok datasets files put --id "$open" --source-path in/ --target-path /
	for at in 0.2 0.5 1; do upload "$at"; done
	# Either nobody sees it, or it is whole.
	other_home other
	sluice store verify pics
	[ "$status" = 0 ] || matches err "no dataset 'pics'"
	export SLUICE_HOME=$PWD/../home
	sluice datasets versions commit --id "$open"
	[ "$status" = 0 ] || says err 'committed already'
	same "$(versions pics)" 1
	other_home other
	ok datasets files get --id pics --source-path / --target-path there
	diff -r in there
	export SLUICE_HOME=$PWD/../home
	ok store gc
	ok store verify --all

	# A server that is gone: an error, nothing is committed, and later it goes on.
	cut_off
	{
		echo 'jobs:'
		script_job make 'outputs: {p: {type: dataset, with: {ref: pics}}}' <<<'echo kept >/outputs/p/file'
	} >make.yaml
	expect 4 sluice run make.yaml
	says err "storage provider 'bucket'"
	same "$(versions pics)" 1
	connected
	ok run make.yaml
	same "$(versions pics)" 2
	same "$(contents pics file)" kept
	nothing_left
}
