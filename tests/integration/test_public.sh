# shellcheck shell=bash
# Public datasets: fetched by the first use, from a catalog of files of this machine.

# A catalog of `digits` (two files) and `texts` (a directory), which the configuration names.
make_catalog() {
	mkdir -p src/texts
	echo zero >src/0
	echo one >src/1
	echo 'to be' >src/texts/hamlet
	cat >catalog.yaml <<END
namespace: gradient
datasets:
  digits:
    description: Two digits
    files:
    - url: file://$PWD/src/0
      sha256: $(sha256sum <src/0 | cut -d ' ' -f 1)
      size: 5
    - url: file://$PWD/src/1
      path: more/1
      sha256: $(sha256sum <src/1 | cut -d ' ' -f 1)
  texts:
    directory: src/texts
END
	printf 'public:\n  catalog: %s\n' "$PWD/catalog.yaml" >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml
}

reader() {
	{
		echo 'jobs:'
		script_job read 'inputs: {d: {type: dataset, with: {ref: gradient/digits}}}' <<<'cat /inputs/d/0 /inputs/d/more/1'
	} >reader.yaml
}

test_a_run_fetches() {
	make_catalog
	reader
	expect 2 sluice run --dry-run reader.yaml
	says err "public dataset 'gradient/digits' is not here yet, and would be fetched"
	! has_dataset digits || fail 'it was fetched'
	ok run reader.yaml
	says err 'fetching gradient/digits: more/1'
	says out zero
	says out one
	ok run reader.yaml
	silent err fetching
	same "$(versions digits)" 1
	ok run --dry-run reader.yaml
	ok datasets log digits
	says out "public dataset gradient/digits, from file://$PWD/src/0 and others"
	nothing_left
}

test_commands_fetch() {
	make_catalog
	ok datasets public
	matches out '^\| gradient/digits +\| .* \| Two digits +\|$'
	ok datasets cat gradient/texts hamlet
	same "$(cat out)" 'to be'
	ok datasets public --json
	same "$(jq -r '.[] | "\(.name) \(.version != null)"' out | paste -sd ' ')" \
		'gradient/digits false gradient/texts true'
	expect 2 sluice datasets files list gradient/letters
	says err 'the catalog of public datasets has digits, texts'
	expect 2 sluice datasets details --id gradient/digits
	says err "fetched when its files are looked at"
	echo '  typo: {}' >>catalog.yaml
	expect 2 sluice datasets files list gradient/digits
	says err "catalog.yaml:14: dataset 'typo' needs one of"
}

test_damaged_source() {
	make_catalog
	reader
	echo more >>src/1
	expect 4 sluice run reader.yaml
	says err "cannot fetch 'gradient/digits'"
	says err 'the catalog says'
	! has_dataset digits || fail 'it was committed'
	echo one >src/1
	ok run reader.yaml
	silent err 'fetching gradient/digits: 0'
	[ ! -e "$SLUICE_HOME/public/gradient.digits" ] || fail 'something is left'
}

test_several_at_once() {
	make_catalog
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		"$SLUICE" datasets cat gradient/digits more/1 >"out$i" 2>"err$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || fail 'one of them failed'
	done
	same "$(sort -u out?)" one
	same "$(versions digits)" 1
	ok store verify --all
}

# Killed at any instant: the next use has it whole.
test_killed() {
	make_catalog
	local i
	for i in 0 1 2 3 4 5 6 7 8 9; do
		timeout --foreground -s KILL "0.00$i" "$SLUICE" datasets cat gradient/digits more/1 >/dev/null 2>&1 || true
		if [ "$i" = 4 ] || [ "$i" = 9 ]; then
			ok datasets cat gradient/digits more/1
			same "$(cat out)" one
			ok store verify --all
			ok datasets delete --id digits --force
		fi
	done
	ok datasets cat gradient/digits 0
	same "$(cat out)" zero
	same "$(versions digits)" 1
}

test_archives() {
	make_catalog
	mkdir -p pack/top
	echo in >pack/top/file
	ln -s file pack/top/link
	tar -C pack -czf src/pack.tgz top
	python3 -c 'import zipfile
with zipfile.ZipFile("src/pack.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.write("pack/top/file", "top/file")'
	cat >>catalog.yaml <<END
  packed:
    files:
    - {url: "file://$PWD/src/pack.tgz", unpack: true, sha256: $(sha256sum <src/pack.tgz | cut -d ' ' -f 1)}
    - {url: "file://$PWD/src/pack.zip", unpack: true, path: zip, sha256: $(sha256sum <src/pack.zip | cut -d ' ' -f 1)}
END
	ok datasets files list gradient/packed --recursive --json
	same "$(jq -r '.[].name' out | sort | paste -sd ' ')" 'top/file top/link zip/top/file'
	says err 'unpacking pack.zip'
	same "$(contents packed zip/top/file)" in
}

# A real S3 server, whose lists come ten objects at a time.
test_bucket() {
	local i
	dir=$PWD/s3
	trap '"$REPO/tests/services/s3" stop "$dir"; end' EXIT
	"$REPO/tests/services/s3" start "$dir"
	echo deep >deep
	for i in 01 02 03 04 05 06 07 08 09 10 11; do "$REPO/tests/services/s3" put "$dir" "pics/train/$i" deep; done
	"$REPO/tests/services/s3" put "$dir" pics/train/%C3%A4/a%20b%2B%26%3D%25 deep
	"$REPO/tests/services/s3" put "$dir" pics/train/ /dev/null
	"$REPO/tests/services/s3" put "$dir" pics/other /dev/null
	# shellcheck source=/dev/null
	. "$dir/env"
	printf 'namespace: gradient\ndatasets:\n  pics: {s3: "s3://pics/train", endpoint: "%s"}\n' "$S3_ENDPOINT" >catalog.yaml
	printf 'public:\n  catalog: %s\n' "$PWD/catalog.yaml" >config.yaml
	export SLUICE_CONFIG=$PWD/config.yaml AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=wrong no_proxy=127.0.0.1
	expect 4 sluice datasets files list gradient/pics
	says err SignatureDoesNotMatch
	! has_dataset pics || fail 'it was committed'
	. "$dir/env"
	ok datasets files list gradient/pics --recursive --json
	says err 'fetching gradient/pics: 12 objects from s3://pics/train/'
	same "$(jq -r '.[].name' out | paste -sd ' ')" '01 02 03 04 05 06 07 08 09 10 11 ä/a b+&=%'
	same "$(contents pics 'ä/a b+&=%')" deep
	ok store verify --all
}
