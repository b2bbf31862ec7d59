# Versions as archives.

sample() {
	mkdir -p in/sub "in/empty"
	echo one >in/one
	echo two >in/sub/two
	chmod +x in/sub/two
	ln -s sub/two in/link
	head -c 5000000 /dev/zero >in/large
	echo odd >"in/$(printf 'caf\xe9 \x01')"
	echo long >"in/sub/$(printf 'n%.0s' {1..200})"
	ok datasets create --name d
	ok datasets put d in/
}

test_exports_are_what_was_put() {
	local format
	sample
	for format in tar tar.gz tar.zst; do
		ok datasets export d out.$format
		mkdir "got-$format"
		tar -C "got-$format" -xf out.$format
		diff -r --no-dereference in "got-$format"
		[ -x "got-$format/sub/two" ] || fail 'it is not executable'
	done
	ok datasets export d out.zip
	python3 -m zipfile -e out.zip got-zip
	cmp in/large got-zip/large
	"$SLUICE" datasets export d --format tar | tar -t >/dev/null
	ok datasets export d --path sub/ - --format tar
	same "$(tar -tf out | wc -l)" 2
	ok datasets put d out.tar.zst --unpack
	ok datasets diff d:latest "$("$SLUICE" datasets versions list d --json | jq -r '"d:" + .[1].version')"
}

test_exports_are_the_same_bytes_anywhere() {
	local format first
	sample
	for format in tar tar.gz tar.zst zip; do
		TZ=Asia/Tokyo ok datasets export d one.$format
	done
	export SLUICE_HOME=$PWD/other
	sleep 1.1
	touch in/one
	ok datasets create --name another
	ok datasets put another in/
	for format in tar tar.gz tar.zst zip; do
		TZ=America/New_York LC_ALL=C.UTF-8 ok datasets export another two.$format
		cmp one.$format two.$format
	done
	# What it is, in the words of somebody else.
	tar --numeric-owner -tvf one.tar >listed
	matches listed '^-rwxr-xr-x 0/0 +4 1980-01-01 00:00 sub/two$'
}

test_exports_that_fail_leave_nothing() {
	sample
	mkdir odd
	touch 'odd/back\slash'
	ok datasets create odd
	ok datasets put odd odd/
	expect 2 sluice datasets export odd odd.zip
	says err 'which has a backslash: take a tar'
	[ ! -e odd.zip ] || fail 'it is there'
	ok datasets export odd --format tar
	expect 2 sluice datasets export d file.txt
	says err 'give --format'
	expect 2 sluice datasets export d
	says err 'give --format'
	expect 2 sluice datasets export d out.tar --path nowhere
	says err "has no file or folder 'nowhere'"
	ok datasets versions create --id d
	expect 2 sluice datasets export "$(sed -n 's/^Created dataset version: //p' out)" out.tar
	says err 'commit it first'
	same "$(find . -maxdepth 1 -name '*.tar*')" ''
	rm -rf "$SLUICE_HOME"/store/large/*
	expect 4 sluice datasets export d out.tar
	says err missing
	same "$(find . -maxdepth 1 -name '*.tar*')" ''
}

test_du_tells_own_and_shared_bytes() {
	mkdir in
	echo 1234567 >in/both
	echo 1234567 >in/same
	ok datasets create --name d
	ok datasets put d in/
	ok datasets du d --json
	same "$(jq -c '[.versions, .files, .bytes, .ownBytes, .sharedBytes]' out)" '[1,2,16,8,0]'
	echo 123 >in/own
	ok datasets create --name other
	ok datasets put other in/
	ok datasets put other in/
	ok datasets du other --json # its two versions are one to it
	same "$(jq -c '[.versions, .files, .bytes, .ownBytes, .sharedBytes]' out)" '[2,6,40,4,8]'
	ok datasets du other:latest --json
	same "$(jq -c '[.versions, .bytes, .ownBytes, .sharedBytes]' out)" '[1,20,0,12]'
	ok datasets du d:latest
	matches out '^\| Shared +\| 8 B'
}

test_files_are_listed_in_pages() {
	mkdir in
	touch in/{a,b,c,d,e}
	ok datasets create --name d
	ok datasets put d in/
	ok datasets files list d --limit 2 --json
	same "$(jq -r '.[].name' out | paste -sd' ')" 'a b'
	ok datasets files list d --limit 2 --skip 3 --json
	same "$(jq -r '.[].name' out | paste -sd' ')" 'd e'
	ok datasets files list d --skip 5 --json
	same "$(jq length out)" 0
	expect 2 sluice datasets files list d --limit few
}
