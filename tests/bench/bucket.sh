#!/usr/bin/env bash
# Commits a file of 200 MB to a dataset in a bucket of a real S3 server, and again with 10 MiB
# overwritten in the middle of it; then fetches it into an empty home.  Prints what the bucket grew
# by, how long each took, and the most memory that sluice took.  The bytes come from fixed keys.
# They go to one place, as in large.sh, where they touch three chunks of 4 MiB; at worst they would
# touch four, which is 16 MiB and 4 kB of lists.
#
#	bucket.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
sluice=$1 runs=${3:-5}
begin_bench "${2:-/var/tmp}"
services=$(cd "$(dirname "$0")/../services" && pwd)
trap '"$services/s3" stop "$work/s3"; end_bench' EXIT

"$services/s3" start "$work/s3"
"$services/s3" put "$work/s3" bench/some/thing /dev/null
# shellcheck source=/dev/null
. "$work/s3/env"
export SLUICE_HOME=$work/home no_proxy=127.0.0.1
connect() {
	"$sluice" storageProviders create s3 --name bucket --bucket bench --endpoint "$S3_ENDPOINT" \
		--accessKey "$AWS_ACCESS_KEY_ID" --secretAccessKey - <<<"$AWS_SECRET_ACCESS_KEY" >/dev/null
}
commit() { "$sluice" datasets put large "$work/large/"; }
fetch() { rm -rf "$work/out" && "$sluice" datasets files get --id large --source-path / --target-path "$work/out"; }
kept() { find "$work/s3/disks/one/objects" -name '*.data' -printf '%s\n' | awk '{ n += $1 } END { print n }'; }

mkdir "$work/large"
bytes 401 200000000 >"$work/large/file"
connect
"$sluice" datasets create --name large --storageProviderId bucket >/dev/null
cost commit commit
most=0
for ((run = 1; run <= runs; run++)); do
	bytes "41$run" 10485760 | dd of="$work/large/file" bs=1M seek=100 conv=notrunc status=none
	before=$(kept)
	cost commit_some commit
	grown=$(($(kept) - before))
	[ "$grown" -lt "$most" ] || most=$grown
done
export SLUICE_HOME=$work/other
connect
cost fetch fetch
cmp "$work/large/file" "$work/out/file"

at_most "the bucket grew for 10,485,760 of 200,000,000 at most" "$most" 16777216 B
printf 'to a bucket 200 MB %.2f s, 10 MiB of them again %.2f s, from it %.2f s\n' \
	"$(seconds commit)" "$(seconds commit_some)" "$(seconds fetch)"
peak "a bucket" 64 commit commit_some fetch
