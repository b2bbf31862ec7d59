# shellcheck shell=bash
# Words of tests with real registries, to be sourced.

registries=()
stop_registries() {
	local dir
	for dir in "${registries[@]}"; do
		"$REPO/tests/services/registry" stop "$dir"
	done
}

# start_registry DIR [SETTING...]: $REGISTRY is where it listens.
start_registry() {
	local dir=$PWD/$1
	shift
	trap 'stop_registries; end' EXIT
	registries+=("$dir")
	env "$@" "$REPO/tests/services/registry" start "$dir"
	# shellcheck source=/dev/null
	. "$dir/env"
}

# push NAME [OPTION...]: the image bash:5 of this home, by skopeo, as REGISTRY/NAME.
push() {
	local name=$1
	shift
	skopeo --insecure-policy copy -q --dest-tls-verify=false "$@" \
		"oci:$BASE_HOME/images:docker.io/library/bash:5" "docker://$REGISTRY/$name"
}

# blob FILE TYPE: stores it in the layout `one`, and prints its descriptor.
blob() {
	local hex
	hex=$(sha256sum <"$1" | cut -d ' ' -f 1)
	cp "$1" "one/blobs/sha256/$hex"
	printf '{"mediaType":"%s","digest":"sha256:%s","size":%s}' "$2" "$hex" "$(stat -c %s "$1")"
}

# push_layers NAME LAYER...: an image of these layers, each a .tar or a .tar.gz, as REGISTRY/NAME.
push_layers() {
	local name=$1 type=application/vnd.oci.image layers='' diff_ids='' layer hex
	shift
	rm -rf one
	mkdir -p one/blobs/sha256
	for layer; do
		case $layer in
		*.gz) hex=$(zcat "$layer" | sha256sum) layers+=,$(blob "$layer" $type.layer.v1.tar+gzip) ;;
		*) hex=$(sha256sum <"$layer") layers+=,$(blob "$layer" $type.layer.v1.tar) ;;
		esac
		diff_ids+=",\"sha256:${hex%% *}\""
	done
	printf '{"architecture":"%s","os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$(dpkg --print-architecture)" "${diff_ids#,}" >config.json
	printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' $type.manifest.v1+json \
		"$(blob config.json $type.config.v1+json)" "${layers#,}" >manifest.json
	printf '{"imageLayoutVersion":"1.0.0"}' >one/oci-layout
	printf '{"schemaVersion":2,"manifests":[%s]}' "$(blob manifest.json $type.manifest.v1+json)" >one/index.json
	skopeo --insecure-policy copy -q --dest-tls-verify=false --preserve-digests \
		oci:one "docker://$DIRECT/$name"
}

# A part of a layer that comes, of at least so many KiB.
part_has_come() { [ -n "$(find "$SLUICE_HOME/tmp" -name 'pull-*' -size "+$(($1 - 1))k")" ]; }

requests() { grep -c 'http.request.uri' "$1/registry.log" || true; }

forget_images() { rm -rf "$SLUICE_HOME/images" "$SLUICE_HOME/layers"; }
