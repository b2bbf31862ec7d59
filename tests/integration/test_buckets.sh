# shellcheck shell=bash
# Datasets on a storage provider that is a bucket of a real S3 server: what is committed is there,
# and comes from there, whatever dies in between.

s3() { "$REPO/tests/services/s3" "$1" "$dir" "${@:2}"; }

start_server() { # [DAYS that its clock stands before now]
	dir=$PWD/s3
	trap 's3 stop; end' EXIT
	s3 start "$@"
	s3 put data/some/thing /dev/null
	# shellcheck source=/dev/null
	. "$dir/env"
	export no_proxy=127.0.0.1
	connect
}

# The home that is in force gets the provider, or one of another prefix that it is called by.
connect() { # [PREFIX]
	ok storageProviders create s3 --name "${1:-bucket}" --bucket data --prefix "${1:-team}" --endpoint "$S3_ENDPOINT" \
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
	[ "$status" = 0 ] || matches err "no dataset 'pics'|dataset 'pics' has no committed version"
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

# --- garbage ---------------------------------------------------------------------------------------

# What a collection says is in `out`, as JSON.
collect() { ok store gc --provider "$1" --json "${@:2}"; } # PROVIDER
counted() { jq -r ".$1" out; }

# A whole version in `second` that shares most with one in `first`, which is deleted.
share_and_delete() { # PROVIDER
	local gone
	ok datasets create --name "in-$1" --storageProviderId "$1"
	ok datasets put "in-$1" first/
	gone=$(sed -nE 's/.*(ds[a-z0-9]{13}:[a-z0-9]{7}).*/\1/p' out | head -n 1)
	ok datasets put "in-$1" second/
	ok datasets versions delete --id "$gone"
}

is_whole() { # HOME DATASET DIRECTORY
	other_home "$1"
	rm -rf there
	ok datasets files get --id "$2" --source-path / --target-path there
	diff -r "$3" there
}

# One server for all, which takes a while to start, and that twice.
test_garbage() {
	local i
	start_server 20
	connect busy
	mkdir first
	for i in {1..12}; do noise 20000 >"first/$i"; done
	noise 10000000 >first/large
	cp -a first second
	noise 4194304 | dd of=second/large conv=notrunc status=none
	rm second/1 second/2
	share_and_delete bucket
	share_and_delete busy
	s3 stop
	s3 start
	goes_and_nothing_else
	export SLUICE_HOME=$PWD/../home
	is_collected_beside_commits
}

goes_and_nothing_else() {
	ok datasets create --name young --storageProviderId bucket
	mkdir young
	noise 30000 >young/file
	ok datasets put young young/
	ok datasets versions delete --id young:latest

	# Two small files, a chunk, a chunk list, a segment and a root; and as much of the other stays.
	collect bucket --dry-run
	"$REPO/tests/integration/check-json" commands#store-gc out
	same "$(counted objects)" 6
	same "$(counted youngObjects)" 3
	local bytes before
	bytes=$(counted bytes)
	[ "$bytes" -gt 4234304 ] || fail "$bytes bytes only"
	before=$(stored)
	collect bucket --grace 30d
	same "$(counted objects)" 0
	collect bucket
	same "$(counted objects) $(counted bytes) $(counted youngObjects)" "6 $bytes 3"
	same "$((before - $(stored)))" "$bytes"
	ok store gc --provider bucket --dry-run
	says out 'Would free 0 B'
	says out '3 objects that no version needs, for less than 14d'
	is_whole third in-bucket second

	# What is gone is sent again.
	ok datasets create --name more --storageProviderId bucket
	ok datasets put more first/
	is_whole fourth more first
	ok datasets delete young
	collect bucket --grace 0s
	says err 'safe only while nobody commits'
	is_whole fifth more first
	expect 2 sluice store gc --provider 'Gradient Managed'
	says err "this home's own store"
	expect 2 sluice store gc --grace 1d
}

# A commit of another home needs what is just being removed, and collectors are killed meanwhile.
is_collected_beside_commits() {
	export SLUICE_HOME=$PWD/third
	connect busy
	ok datasets create --name anew --storageProviderId busy
	ok datasets versions create --id anew
	local open at
	open=$(sed -nE 's/.*(ds[a-z0-9]{13}:[a-z0-9]{7}).*/\1/p' out)
	ok datasets files put --id "$open" --source-path first/ --target-path /
	export SLUICE_HOME=$PWD/../home
	for at in 0.3 0.6; do
		timeout --foreground -s KILL $at "$SLUICE" store gc --provider busy >/dev/null 2>&1 || true
	done
	"$SLUICE" store gc --provider busy >gc.out 2>&1 &
	export SLUICE_HOME=$PWD/third
	ok datasets versions commit --id "$open"
	wait $!
	collect busy
	same "$(counted objects)" 0
	other_home sixth
	connect busy
	is_whole sixth anew first
	is_whole sixth in-busy second
}

# --- commits beside collectors ---------------------------------------------------------------------

test_commits_wait_and_are_taken_back() {
	start_server
	waits_for_a_sweep_of_what_it_needs
	export SLUICE_HOME=$PWD/../home
	what_a_bucket_lost_is_named_and_mended
	names_and_messages_reach_others
	export SLUICE_HOME=$PWD/../home
	what_is_taken_back_is_marked
}

waits_for_a_sweep_of_what_it_needs() {
	ok datasets create --name pics --storageProviderId bucket
	mkdir in
	noise 20000 >in/file
	local sum
	sum=$(sha256sum <in/file | cut -c -64)
	echo "f $sum" >names
	s3 put data/team/sweeps/one names
	"$SLUICE" datasets put pics in/ >put.out 2>put.err &
	wait_for grep -q 'waiting for a garbage collection' put.err
	s3 delete "data/team/objects/${sum:0:2}/${sum:2}"
	same "$(versions pics)" 0
	s3 delete data/team/sweeps/one
	wait $!
	# One of what it does not need it does not wait for.
	echo "f ${sum//[0-9]/a}" >names
	s3 put data/team/sweeps/two names
	echo more >in/more
	ok datasets put pics in/
	silent err waiting
	is_whole second pics in
}

what_a_bucket_lost_is_named_and_mended() { # of pics, which is `in`
	local sum
	sum=$(sha256sum <in/file | cut -c -64)
	s3 delete "data/team/objects/${sum:0:2}/${sum:2}"
	expect 4 sluice store verify pics
	says out " file: object 'team/objects/${sum:0:2}/${sum:2}' is missing in bucket 'data'; 'sluice store verify --mend'"
	says out '1 damaged or missing'
	other_home fourth
	expect 4 sluice store verify pics
	says out 'it is not here either'
	expect 4 sluice store verify pics --mend
	export SLUICE_HOME=$PWD/../home
	cut_off
	ok store verify pics
	says err 'only what is here is verified'
	connected
	ok store verify pics --mend
	says out 'all are whole'
	is_whole fourth pics in
}

names_and_messages_reach_others() { # of pics, which the homes `home` and `fourth` know
	export SLUICE_HOME=$PWD/../home
	ok datasets update --id pics --name photos --description 'of cats'
	ok datasets versions update --id photos:latest --message better
	other_home fourth
	ok datasets versions list --id photos
	matches out '\| better +\|'
	ok datasets details photos
	matches out '\| of cats +\|'
	! has_dataset pics || fail 'it has its old name, too'
	ok datasets update --id photos --name pics
	export SLUICE_HOME=$PWD/../home
	ok datasets versions list --id pics
	ok datasets details pics
	matches out '\| of cats +\|'
}

open_version() { # DATASET
	"$SLUICE" datasets versions list --id "$1" --isCommitted false | grep -oE 'ds[a-z0-9]{13}:[a-z0-9]{7}'
}
mark_of() { echo "data/team/datasets/${1%:*}/deleted/${1#*:}"; }
record_of() { echo "data/team/datasets/${1%:*}/versions/${1#*:}.json"; }

# Of two outputs the second cannot be committed: the first is taken back, also from who saw it.
what_is_taken_back_is_marked() {
	ok datasets create --name one --storageProviderId bucket
	ok datasets create --name two --storageProviderId bucket
	{
		echo 'jobs:'
		script_job make 'outputs: {one: {type: dataset, with: {ref: one}}, two: {type: dataset, with: {ref: two}}}' <<'END'
until [ -e /storage/go ]; do sleep 0.05; done
echo 1 >/outputs/one/file
echo 2 >/outputs/two/file
END
	} >make.yaml
	"$SLUICE" run make.yaml >run.out 2>&1 &
	runner=$!
	wait_for open_version two
	local one two
	one=$(open_version one)
	two=$(open_version two)
	echo '{}' >nothing
	s3 put "$(record_of "$two")" nothing
	touch "$SLUICE_HOME/storage/go"
	! wait "$runner" || fail 'it was committed'
	runner=
	cat run.out
	matches <(s3 get "$(mark_of "$one")") '^[0-9a-f]{64}$'
	! s3 get "$(record_of "$one")" || fail 'its record is still there'

	s3 delete "$(record_of "$two")"
	ok run make.yaml
	other_home third
	same "$(contents one file) $(contents two file)" '1 2'
}
