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
