# shellcheck shell=bash
# Images that leave the home, are looked at, and go.

test_export_an_oci_layout() {
	ok images export bash:5 dir
	ok images export bash:5 file.tar
	ok images export bash:5 -
	cmp out file.tar
	mkdir unpacked
	tar -xf file.tar -C unpacked
	diff -r dir unpacked
	# skopeo reads both, and they are the image that the home has.
	local digest
	digest=$("$SLUICE" images list --json | jq -r '.[0].digest')
	same "$(skopeo inspect --format '{{.Digest}}' oci:dir:docker.io/library/bash:5)" "$digest"
	same "$(skopeo inspect --format '{{.Digest}}' oci-archive:file.tar)" "$digest"
	skopeo --insecure-policy copy -q oci-archive:file.tar docker-archive:by-skopeo.tar:bash:6
	# What was exported comes in again, under its name, and what skopeo made of it runs.
	SLUICE_HOME=$PWD/other ok images import dir
	says out "Imported image: docker.io/library/bash:5 ($digest)"
	ok images import by-skopeo.tar
	printf 'jobs: {a: {uses: container@v1, with: {image: "bash:6", args: [echo, it runs]}}}' >w.yaml
	ok run w.yaml
	says out 'it runs'
	nothing_left
}

test_export_a_docker_archive() {
	ok images export bash:5 file.tar --docker-archive
	ok images export bash:5 again.tar --docker-archive
	cmp file.tar again.tar
	same "$(tar -xOf file.tar manifest.json | jq -r '.[0].RepoTags[0]')" docker.io/library/bash:5
	local layer
	for layer in $(tar -xOf file.tar manifest.json | jq -r '.[0].Layers[]'); do
		same "$(tar -xOf file.tar "$layer" | sha256sum | cut -d ' ' -f 1)" "${layer%.tar}"
	done
	same "$(skopeo inspect --config docker-archive:file.tar | jq -c .rootfs)" \
		"$(skopeo inspect --config "oci:$SLUICE_HOME/images:docker.io/library/bash:5" | jq -c .rootfs)"
	ok images import file.tar --name bash:6
	printf 'jobs: {a: {uses: container@v1, with: {image: "bash:6", args: [echo, it runs]}}}' >w.yaml
	ok run w.yaml
	says out 'it runs'
	ok images import file.tar --name bash:6
	silent err 'lost that name'
	ok images import file.tar --name bash:5
	says err 'docker.io/library/bash:5 was sha256:'
	nothing_left
}

test_export_leaves_nothing_half() {
	expect 3 sluice images export none:1 dir
	says err "cannot export image 'none:1': no image 'none:1' in this home"
	mkdir taken && touch taken/file
	expect 2 sluice images export bash:5 taken
	says err "'taken' is there already"
	local layer
	layer=$(skopeo inspect --raw "oci:$SLUICE_HOME/images:docker.io/library/bash:5" | jq -r '.layers[0].digest')
	printf x | dd of="$SLUICE_HOME/images/blobs/sha256/${layer#sha256:}" seek=100 bs=1 conv=notrunc status=none
	expect 4 sluice images export bash:5 dir
	says err "'blobs/sha256/${layer#sha256:}' is not what its digest says"
	expect 4 sluice images export bash:5 file.tar --docker-archive
	says err "layer $layer (1 of 3)"
	same "$(echo ./*)" './err ./out ./taken'
	nothing_left
}

test_inspect() {
	ok images inspect bash:5 --json
	cp out inspected
	local manifest="oci:$SLUICE_HOME/images:docker.io/library/bash:5"
	same "$(jq -r .name inspected)" docker.io/library/bash:5
	same "$(jq -r .digest inspected)" "$(skopeo inspect --format '{{.Digest}}' "$manifest")"
	same "$(jq -c '[.layers[] | [.digest, .bytes]]' inspected)" \
		"$(skopeo inspect --raw "$manifest" | jq -c '[.layers[] | [.digest, .size]]')"
	same "$(jq -c '[.layers[].diffId]' inspected)" \
		"$(skopeo inspect --config "$manifest" | jq -c .rootfs.diff_ids)"
	same "$(jq -c '[.command, .env, .architecture, .layers[0].unpacked]' inspected)" \
		"$(skopeo inspect --config "$manifest" | jq -c '[.config.Cmd, .config.Env, .architecture, true]')"
	ok images inspect bash:5
	matches out '^\| Platform +\| linux/'
	matches out "Layer 3 +\| $(jq -r '.layers[2].digest' inspected), .*, unpacked"
	expect 3 sluice images inspect bash:6
	says err 'nearest: bash:5'
}

# age NAME TIME: as if the image had been used at that time last.
age() {
	local digest
	digest=$("$SLUICE" images inspect "$1" --json | jq -r .digest)
	touch -d "$2" "$SLUICE_HOME/images/blobs/sha256/${digest#sha256:}"
}

contents_of_images() { (cd "$SLUICE_HOME" && find images/blobs layers -maxdepth 2 | sort); }

test_prune() {
	ok images export bash:5 file.tar --docker-archive
	mkdir saved && tar -xf file.tar -C saved
	local config
	config=$(jq -r '.[0].Config' saved/manifest.json)
	jq -c '.config.Env = ["OTHER=1"]' "saved/$config" >config.new && mv config.new "saved/$config"
	tar -C saved -cf other.tar .
	ok images import other.tar --name other:1
	# Nothing is old.
	ok images prune
	matches out '^Freed 0 B of images, 0 B of unfinished pulls$'
	# A dry run says what would go, and nothing goes.
	age other:1 '31 days ago'
	head -c 100000 /dev/zero >"$SLUICE_HOME/tmp/pull-$(printf '0%.0s' {1..64})"
	contents_of_images >before
	ok images prune --dry-run
	says out 'Would delete image: docker.io/library/other:1'
	silent out bash:5
	matches out '^Would free [1-9].* of images, 100.0 KiB of unfinished pulls$'
	contents_of_images | diff before -
	# Being used makes it young again.
	printf 'jobs: {a: {uses: container@v1, with: {image: "other:1", args: ["true"]}}}' >w.yaml
	ok run w.yaml
	ok images prune --json
	same "$(jq -c '[.images, .partBytes > 0]' out)" '[[],true]'
	# What only it needs goes with it.
	age other:1 '31 days ago'
	ok images prune --json
	same "$(jq -r '.images[].name' out)" docker.io/library/other:1
	ok images list --json
	same "$(jq -r '.[].name' out)" docker.io/library/bash:5
	age bash:5 '2 hours ago'
	ok images prune --keep-within 1s
	says out 'Deleted image: docker.io/library/bash:5'
	same "$(contents_of_images | grep -cE "/[0-9a-f]{64}$")" 0
	expect 2 sluice images prune --keep-within soon
	nothing_left
}

running() { "$SLUICE" runs list | grep RUNNING; }

# What a run needs that has not ended stays, whether its runner lives or not.
test_prune_beside_a_run() {
	printf 'jobs: {a: {uses: container@v1, with: {image: "bash:5", args: [sleep, "60"]}}}' >w.yaml
	"$SLUICE" run w.yaml >run.out 2>&1 &
	runner=$!
	wait_for running
	age bash:5 '90 days ago'
	ok images prune
	silent out bash:5
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	ok images prune
	silent out bash:5
	ok runs cancel latest
	age bash:5 '90 days ago'
	ok images prune
	says out 'Deleted image: docker.io/library/bash:5'
	nothing_left
}


local_job() { # IMAGE FILE
	printf 'jobs: {a: {uses: container@v1, with: {image: "%s", args: [echo, it runs]}}}' "$1" >"$2"
}

# What another program made is used where it lies, and taken in once.
test_an_image_beside_the_workflow() {
	mkdir flow
	skopeo --insecure-policy copy -q "oci:$SLUICE_HOME/images:docker.io/library/bash:5" oci:flow/dir:first
	skopeo --insecure-policy copy -q oci:flow/dir:first oci:flow/dir:second
	skopeo --insecure-policy copy -q oci:flow/dir:first docker-archive:flow/saved.tar:some/name:1
	local digest kind
	digest=$(skopeo inspect --format '{{.Digest}}' oci:flow/dir:first)
	local_job oci:dir:second flow/oci.yaml
	local_job docker-archive:saved.tar flow/docker-archive.yaml
	ok run --dry-run flow/oci.yaml
	says out "oci:dir:second@${digest:0:19}"
	ok run --dry-run flow/docker-archive.yaml
	says out 'docker-archive:saved.tar'
	ok images list --json
	same "$(jq length out)" 1
	for kind in oci docker-archive; do
		ok run "flow/$kind.yaml"
		says out 'it runs'
		ok images list
		says out "localhost/$kind@sha256:"
		# The blobs are not written again.
		touch -d '1 hour ago' "$SLUICE_HOME"/images/index.json
		ok run "flow/$kind.yaml"
		[ "$SLUICE_HOME/images/index.json" -ot "flow/$kind.yaml" ] || fail 'it was taken in again'
	done
	ok run --dry-run flow/docker-archive.yaml
	matches out 'docker-archive:saved.tar@sha256:[0-9a-f]{12}'
	(cd flow && ok run oci.yaml)
	local_job oci:dir:third flow/none.yaml
	expect 3 sluice run flow/none.yaml
	says err "job 'a': image 'oci:dir:third': 'flow/dir' has no image 'third'"
	local_job docker-archive:none.tar flow/none.yaml
	expect 3 sluice run flow/none.yaml
	says err "image 'docker-archive:none.tar': cannot open 'flow/none.tar': No such file"
	nothing_left
}
