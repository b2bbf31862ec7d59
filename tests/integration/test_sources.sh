# Where the files of a version come from, beside files and directories: archives, standard input
# and URLs.

# new_version: the dataset d and an open version of it, $v.
new_version() {
	has_dataset d || ok datasets create --name d
	ok datasets versions create --id d
	v=$(sed -n 's/^Created dataset version: //p' out)
}

listed() { "$SLUICE" datasets files list --id "$1" --recursive true --json | jq -r '.[].name' | paste -sd' '; }

some_files() {
	mkdir -p in/sub
	echo one >in/one
	echo two >in/sub/two
	chmod +x in/sub/two
	ln -s sub/two in/link
}

test_archives_are_unpacked() {
	local kind
	some_files
	tar -C in -cf a.tar .
	tar -C in -czf a.tar.gz .
	tar -C in --zstd -cf a.tar.zst .
	(cd in && python3 -m zipfile -c ../a.zip one sub/)
	new_version
	for kind in tar tar.gz tar.zst; do
		ok datasets files put --id "$v" --source-path a.$kind --unpack --target-path $kind
	done
	ok datasets files put --id "$v" --source-path a.zip --unpack --target-path /zip/deep/
	ok datasets files put --id "$v" --source-path a.tar
	ok datasets versions commit --id "$v"
	same "$(listed "$v")" "a.tar tar.gz/link tar.gz/one tar.gz/sub/two tar.zst/link tar.zst/one \
tar.zst/sub/two tar/link tar/one tar/sub/two zip/deep/one zip/deep/sub/two"
	same "$(contents "$v" tar.zst/sub/two)" two
	ok datasets files get --id "$v" --source-path /tar/ --target-path got
	diff -r in got
	[ -x got/sub/two ] || fail 'it is not executable'
	same "$(find "$SLUICE_HOME/store/datasets" -name '*.part')" ''
}

test_what_leaves_an_archive_is_refused_by_name() {
	local v
	some_files
	mkdir other
	tar -C in -cf a.tar one
	tar -C other --transform 's,^,../,' -P -rf a.tar -C .. in/one
	new_version
	ok datasets files put --id "$v" --source-path in/one
	expect 2 sluice datasets files put --id "$v" --source-path a.tar --unpack
	says err "'a.tar': its entry '../in/one'"
	same "$(listed "$v")" one # what came before the entry is not there
	echo no archive >in/text
	expect 2 sluice datasets files put --id "$v" --source-path in/text --unpack
	says err "cannot unpack 'in/text'"
	expect 2 sluice datasets files put --id "$v" --source-path in --unpack
	says err "'in' is no file"
	expect 2 sluice datasets versions create --id d --source-path in/text --unpack
	says err 'dropped dataset version'
	same "$(versions d)" 0
}

test_an_archive_merges_with_what_is_there() {
	some_files
	tar -C in -cf a.tar .
	new_version
	mkdir -p more/sub
	echo old >more/one
	echo three >more/sub/three
	ok datasets files put --id "$v" --source-path more/ --target-path t
	ok datasets files put --id "$v" --source-path a.tar --unpack --target-path t
	same "$(listed "$v")" 't/link t/one t/sub/three t/sub/two'
	same "$("$SLUICE" datasets cat "$v" t/one)" one
	ok datasets files put --id "$v" --source-path in/one --target-path u/sub/two
	expect 2 sluice datasets files put --id "$v" --source-path a.tar --unpack --target-path u/sub/two/one
	says err 'stands where a directory must be'
}

test_standard_input() {
	local v sum
	some_files
	new_version
	ok datasets files put --id "$v" --source-path - --target-path deep/name.txt < <(echo piped)
	expect 2 sluice datasets files put --id "$v" --source-path -
	says err 'standard input has no name'
	ok datasets files put --id "$v" --source-path - --unpack --target-path t < <(tar -C in -cz .)
	sum=$(printf abc | sha256sum | cut -c1-64)
	ok datasets files put --id "$v" --source-path - --target-path abc --sha256 "$sum" < <(printf abc)
	expect 4 sluice datasets files put --id "$v" --source-path - --target-path abd --sha256 "$sum" \
		< <(printf abd)
	says err "'<stdin>' has the SHA-256"
	expect 2 sluice datasets files put --id "$v" --source-path in/one --sha256 12
	says err "'12' is no SHA-256"
	same "$(listed "$v")" 'abc deep/name.txt t/link t/one t/sub/two'
	same "$("$SLUICE" datasets cat "$v" deep/name.txt)" piped
}

# What comes slowly says on a terminal how much there is, and how fast it comes.
test_a_terminal_shows_how_far_it_is() {
	mkfifo slowly
	new_version
	(for _ in 1 2 3 4 5 6; do head -c 100000 /dev/zero && sleep 0.3; done >slowly) &
	script -qec "'$SLUICE' datasets files put --id '$v' --source-path - --target-path f <slowly" \
		screen >/dev/null </dev/null || fail "status $?"
	matches screen 'KiB, [0-9.]+ KiB/s'
	same "$("$SLUICE" datasets cat "$v" f | wc -c)" 600000
}

# serve FILE: a server that has it as /data.bin; of the first answer only a part comes, and each
# request is noted in `asked`, as the range that it asks for.
serve() {
	cat >server.py <<-'END'
		import http.server, re, sys
		data = open(sys.argv[1], 'rb').read()
		class Handler(http.server.BaseHTTPRequestHandler):
		    def log_message(self, *args): pass
		    def do_GET(self):
		        asked = self.headers.get('Range')
		        with open('asked', 'a') as f: print(asked, file=f)
		        first = int(re.match(r'bytes=(\d+)-', asked).group(1)) if asked else 0
		        self.send_response(206 if asked else 200)
		        if asked: self.send_header('Content-Range', f'bytes {first}-{len(data) - 1}/{len(data)}')
		        self.send_header('ETag', '"one"')
		        self.send_header('Content-Length', len(data) - first)
		        self.end_headers()
		        self.wfile.write(data[first:] if asked else data[:len(data) // 2])
		        self.close_connection = True
		server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
		with open('port.new', 'w') as f: print(server.server_port, file=f)
		import os
		os.rename('port.new', 'port')
		server.serve_forever()
	END
	python3 server.py "$1" &
	runner=$! # ended with the test
	wait_for test -e port
	url=http://127.0.0.1:$(cat port)/some/data.bin
}

test_urls_are_gone_on_with_and_verified() {
	local v url sum
	head -c 3000000 /dev/urandom >data
	sum=$(sha256sum data | cut -c1-64)
	serve data
	new_version
	ok datasets files put --id "$v" --source-path "$url?secret=1" --sha256 "$sum"
	same "$(paste -sd' ' asked)" 'None bytes=1500000-'
	"$SLUICE" datasets cat "$v" data.bin | cmp - data
	rm asked
	expect 4 sluice datasets files put --id "$v" --source-path "$url?secret=2" --target-path x \
		--sha256 "${sum//[0-7]/8}"
	silent err secret=2
	same "$(listed "$v")" data.bin
	tar -czf data.tgz data
	ok datasets put d "$url" --message 'from afar'
	same "$("$SLUICE" datasets cat d data.bin | sha256sum | cut -c1-64)" "$sum"
}

test_put_makes_a_version_at_once() {
	some_files
	expect 2 sluice datasets put d in/
	says err "no dataset 'd'"
	ok datasets create --name d
	ok datasets put d in/ --message 'the first'
	says out 'Committed dataset version: '
	same "$(listed d)" 'link one sub/two'
	ok datasets put d in in/one
	same "$(listed d)" 'in/link in/one in/sub/two one'
	expect 2 sluice datasets put d nowhere
	says err 'Source path not found: nowhere'
	same "$(versions d)" 2
}

test_no_source_overwrites_another() {
	mkdir -p x/sub/deep y/sub z
	echo x | tee x/a x/sub/a >x/sub/deep/a
	echo y | tee y/a >y/sub/b
	echo z >z/b
	ok datasets create --name d
	local sources
	for sources in 'x/a y/a' 'x/ y/' 'x/ y/a' 'y/a x/' 'x/a z y/a' 'x x' 'x/sub/ y/a' '- -' \
		'http://127.0.0.1:1/a?b x/a'; do
		# shellcheck disable=SC2086 # several words
		expect 2 sluice datasets put d $sources --target-path t <<<piped
	done
	same "$(versions d)" 0
	expect 2 sluice datasets put d x/a y/a
	says err "will not overwrite just-put 'a' with 'y/a'"
	ok datasets put d x y x/sub/ y/sub/
	same "$(listed d)" 'a b deep/a x/a x/sub/a x/sub/deep/a y/a y/sub/b'
	new_version
	expect 2 sluice datasets files put --id "$v" --source-path x/a --source-path y/a
	same "$(listed "$v")" ''
}
