# shellcheck shell=bash
# Storage providers: where datasets are, what is told of a bucket, and what never is.

secret=Zq9-not-to-be-seen

# connect NAME [OPTION...]: without asking anybody; leaves its id in $sp.
connect() {
	ok storageProviders create s3 --name "$1" --bucket team-data --accessKey key --secretAccessKey - \
		--noCheck "${@:2}" <<<"$secret"
	sp=$(sed -n 's/^Created new storage provider with id: //p' out)
	[[ $sp =~ ^sp[a-z0-9]{13}$ ]] || fail "no id: $sp"
}

provider() { "$SLUICE" storageProviders details "$1" --json | jq -r "$2"; }

test_life() {
	# An older sluice would take what lies in a bucket for its own.
	matches "$SLUICE_HOME/format" '^sluice-home 1 '
	ok datasets list
	expect 2 sluice storageProviders create s3 none --accessKey k --secretAccessKey s --no-check
	matches "$SLUICE_HOME/format" '^sluice-home 1 '
	connect ours --endpoint http://127.0.0.1:1/ --prefix /a/b --region eu-west-1 --signatureVersion v4
	matches "$SLUICE_HOME/format" '^sluice-home 2 '
	ok storageProviders list
	matches out '^\| Name +\| ID +\| Type +\| Config +\|$'
	matches out '^\| Gradient Managed +\| splocal00000000 +\| managed +\| +\|$'
	matches out "^\| ours +\| $sp +\| s3 +\| accessKey: key +\|$"
	matches out '^\| +\| +\| +\| prefix: a/b/ +\|$'
	matches out '^\| +\| +\| +\| \.\.\. +\|$'
	ok storageProviders details --id ours
	matches out '^\| Config +\| accessKey: key +\|$'
	matches out '^\| +\| secretAccessKey: \*{8} +\|$'
	ok storageProviders update s3 --id "$sp" --name 'their data' --prefix '' --no-check
	same "$(cat out)" 'Updated storage provider'
	says err 'is not moved'
	same "$(provider "$sp" '[.name, .config.prefix, .config.endpoint, .config.region] | @csv')" \
		'"their data",,"http://127.0.0.1:1","eu-west-1"'
	expect 2 sluice storageProviders update s3 ours --name x
	says err "no storage provider 'ours': there is 'Gradient Managed' (splocal00000000), 'their data'"
	expect 2 sluice storageProviders update s3 "$sp"
	says err 'there is nothing to change'
	ok storageProviders delete --id 'their data'
	same "$(cat out)" "Deleted storage provider: $sp"
	expect 2 sluice storageProviders details "$sp"
	expect 2 sluice storageProviders delete splocal00000000
	says err 'cannot be deleted'
}

test_what_cannot_be() {
	connect ours
	expect 2 sluice storageProviders create s3 ours --bucket abc --accessKey k --secretAccessKey s --no-check
	says err "there is a storage provider 'ours' already"
	expect 2 sluice storageProviders create s3 new --bucket abc --accessKey k --secretAccessKey s \
		--signature-version v2
	says err 'signed by v4 alone'
	expect 2 sluice storageProviders create s3 new --bucket abc --accessKey k --secretAccessKey s --endpoint minio
	says err 'the endpoint is no address'
	expect 2 sluice storageProviders create s3 new --accessKey k --secretAccessKey s
	says err 'needs a name, a bucket'
	expect 2 sluice storageProviders create gcs new
	says err "unknown command 'storageProviders create gcs'"
	# Nobody answers there: said at once, and nothing is made.
	expect 4 sluice storageProviders create s3 new --bucket abc --accessKey k --secretAccessKey s \
		--endpoint http://127.0.0.1:1
	says err '127.0.0.1:1'
	expect 2 sluice storageProviders details new
}

test_datasets_say_where_they_are() {
	connect ours
	ok datasets create --name far --storageProviderId ours
	ok datasets create --name near
	ok datasets list
	matches out "^\| far +\| ds[a-z0-9]{13} \| ours \($sp\) "
	matches out '^\| near +\| ds[a-z0-9]{13} \| Gradient Managed \(splocal00000000\) '
	ok datasets details far
	matches out "^\| StorageProvider +\| ours \($sp\) +\|$"
	ok datasets list --json
	same "$(jq -c 'map(.storageProvider.name)' out)" '["ours","Gradient Managed"]'
	expect 2 sluice storageProviders delete ours
	says err "'far'"
	# Without the record a dataset is still told of.
	mv "$SLUICE_HOME/store/datasets/providers/$sp.json" kept
	ok datasets list
	matches out "^\| far +\| ds[a-z0-9]{13} \| \? \($sp\) "
	ok datasets details far --json
	same "$(jq -c .storageProvider.name out)" null
	expect 2 sluice datasets create --name more --storageProviderId "$sp"
	mv kept "$SLUICE_HOME/store/datasets/providers/$sp.json"
	ok datasets delete far
	ok storageProviders delete ours
}

hides() { tr '\0' ' ' <"/proc/$1/cmdline" | grep -F -- '--secretAccessKey **'; }

# It stands in its record, which is the owner's alone, and nowhere else.
test_the_secret_is_seen_nowhere() {
	connect ours
	ok storageProviders list --json
	ok storageProviders details ours
	ok storageProviders details ours --json
	ok storageProviders update s3 ours --secretAccessKey "$secret" --no-check
	expect 2 sluice storageProviders update s3 ours --secretAccessKey "$secret $secret" --no-check
	silent err "$secret"
	ok storageProviders update s3 ours --secretAccessKey "$secret" --createOptionsFile options.yaml
	silent options.yaml "$secret"
	same "$(grep -rlF -- "$secret" "$SLUICE_HOME" . | sed 's|.*/providers/||')" "$sp.json"
	same "$(stat -c %a "$SLUICE_HOME/store/datasets/providers/$sp.json")" 600
	# While a server that never answers is waited for, it is not in the command line either.
	python3 -c 'import socket, time
with socket.create_server(("127.0.0.1", 0)) as s:
    print(s.getsockname()[1], flush=True)
    time.sleep(60)' >port &
	local server=$! waiting
	wait_for test -s port
	"$SLUICE" storageProviders update s3 ours --secretAccessKey "$secret" \
		--endpoint "http://127.0.0.1:$(cat port)" 2>err &
	waiting=$!
	wait_for hides "$waiting"
	kill $waiting $server
	wait $waiting $server || true
	same "$(provider ours .config.endpoint)" null
}

test_where_keys_come_from() {
	local create=(storageProviders create s3 --bucket team-data --no-check)
	expect 2 sluice "${create[@]}" --name a </dev/null
	says err 'the access key is missing'
	expect 2 sluice "${create[@]}" --name a --access-key k </dev/null
	says err 'the secret access key is missing'
	expect 2 sluice "${create[@]}" --name a --access-key k --secret-access-key - </dev/null
	says err 'the secret access key is empty'
	export AWS_ACCESS_KEY_ID=env AWS_SECRET_ACCESS_KEY=$secret
	ok "${create[@]}" --name a </dev/null
	same "$(provider a .config.accessKey)" env
	expect 2 sluice "${create[@]}" --name b --access-key k </dev/null
	AWS_SESSION_TOKEN=t expect 2 sluice "${create[@]}" --name b </dev/null
	says err 'those of a session'
	# At a terminal it is asked for, and not shown; Ctrl-C leaves the terminal as it was.
	cat >typed.py <<-'END'
		import os, pty, sys, termios, time
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp(sys.argv[2], sys.argv[2:])
		said = b""
		while b"secret access key: " not in said:
		    said += os.read(fd, 1000)
		while termios.tcgetattr(fd)[3] & termios.ECHO:
		    time.sleep(0.01)
		os.write(fd, sys.argv[1].encode().decode("unicode_escape").encode())
		try:
		    while piece := os.read(fd, 1000):
		        said += piece
		except OSError:
		    pass
		print(said.decode())
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	python3 typed.py "$secret\\n" "$SLUICE" "${create[@]}" --name b --access-key k >said
	silent said "$secret"
	says said 'Created new storage provider'
	grep -qF -- "$secret" "$SLUICE_HOME/store/datasets/providers/$(provider b .id).json" || fail 'it was not kept'
	! python3 typed.py 'half\x03' "$SLUICE" "${create[@]}" --name c --access-key k >said || fail 'it went on'
	says said canceled
}

test_completion() {
	connect 'Our data'
	same "$("$SLUICE" complete -- storageProviders create '' | cut -f1)" s3
	same "$("$SLUICE" complete -- datasets create x --storageProviderId O | cut -f1)" 'Our data'
	same "$("$SLUICE" complete -- storageProviders delete '' | cut -f1 | paste -sd,)" 'Gradient Managed,Our data'
}

# One server for both: it takes a while to start.
test_a_real_server() {
	dir=$PWD/s3
	trap '"$REPO/tests/services/s3" stop "$dir"; end' EXIT
	"$REPO/tests/services/s3" start "$dir"
	"$REPO/tests/services/s3" put "$dir" team-data/some/thing /dev/null
	# shellcheck source=/dev/null
	. "$dir/env"
	export no_proxy=127.0.0.1
	check_is_made
	left_to_others
}

# A real S3 server says what is wrong with a bucket.
check_is_made() {
	local create=(storageProviders create s3 --name real --endpoint "$S3_ENDPOINT" --accessKey)
	expect 2 sluice "${create[@]}" "$AWS_ACCESS_KEY_ID" --secretAccessKey wrong --bucket team-data
	says err "does not take this secret access key from access key '$AWS_ACCESS_KEY_ID'"
	expect 2 sluice "${create[@]}" nobody --secretAccessKey wrong --bucket team-data
	says err "from access key 'nobody'"
	expect 2 sluice "${create[@]}" "$AWS_ACCESS_KEY_ID" --secretAccessKey - --bucket other <<<"$AWS_SECRET_ACCESS_KEY"
	says err "there is no bucket 'other'"
	silent err "$AWS_SECRET_ACCESS_KEY"
	same "$("$SLUICE" storageProviders list --json | jq length)" 1
	ok "${create[@]}" "$AWS_ACCESS_KEY_ID" --secretAccessKey - --bucket team-data <<<"$AWS_SECRET_ACCESS_KEY"
	expect 2 sluice storageProviders update s3 real --bucket other
	same "$(provider real .config.bucket)" team-data
	mkdir pages
	(cd pages && exec python3 -m http.server --bind 127.0.0.1 0) >port 2>&1 &
	local web=$!
	wait_for grep -q 'port [0-9]' port
	expect 2 sluice storageProviders update s3 real --endpoint "http://127.0.0.1:$(grep -oE 'port [0-9]+' port | cut -d ' ' -f 2)"
	kill $web
	matches err 'no S3 server|answers'
}

# What others have in a bucket is known when it is connected, and left to them when that ends.
left_to_others() {
	"$REPO/tests/services/s3" put "$dir" second/some/thing /dev/null
	local create=(storageProviders create s3 --name shared --endpoint "$S3_ENDPOINT" --bucket team-data)
	mkdir one
	echo one >one/file
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	ok "${create[@]}"
	ok datasets create pics --storageProviderId shared
	ok datasets put pics one/
	# In another bucket numbers begin anew, and yet what comes last is the latest.
	ok datasets put pics one/ --message before
	ok storageProviders update s3 shared --bucket second
	ok datasets put pics one/ --message after
	ok datasets versions list pics --json
	same "$(jq -r '.[0].message' out)" after

	local first=$SLUICE_HOME
	export SLUICE_HOME=$PWD/other
	cp -a "$BASE_HOME" "$SLUICE_HOME"
	ok "${create[@]}"
	says err '1 dataset is there already'
	has_dataset pics || fail 'it is not known'
	ok store verify --all
	says out '2 more lie in buckets alone'
	expect 2 sluice storageProviders delete shared
	says err "'pics'"
	ok datasets versions create pics
	local open
	open=$(sed -n 's/^Created dataset version: //p' out)
	expect 2 sluice storageProviders delete shared --forget-datasets
	says err 'is open, and nowhere but here'
	ok datasets versions delete "$open"
	ok storageProviders delete shared --forget-datasets
	! has_dataset pics || fail 'it is still known'
	ok "${create[@]}"
	same "$(contents pics file)" one
	export SLUICE_HOME=$first
	ok storageProviders update s3 shared --bucket team-data
	ok datasets versions list pics --json
	same "$(jq length out)" 3
}
