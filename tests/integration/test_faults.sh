# shellcheck shell=bash
# Pulls that meet with trouble: the registry dies, tokens expire, the disk is full, the end comes in
# the middle.

. "$REPO/tests/integration/registry.sh"

noise() { head -c "$1" /dev/urandom >noise && tar -cf "$2" noise; }

test_a_registry_that_dies_in_the_middle() {
	start_registry r RATE=3000000
	noise 9000000 layer.tar
	push_layers big:1 layer.tar
	"$SLUICE" images pull "$REGISTRY/big:1" >out 2>err &
	runner=$!
	wait_for part_has_come 2000
	"$REPO/tests/services/registry" crash r
	kill -0 "$runner" || fail 'it was over before the registry died'
	"$REPO/tests/services/registry" start r
	wait "$runner" || fail "$(cat err)"
	runner=
	# What had come did not come again.
	matches r/registry.log '"GET /v2/big/blobs/sha256:[0-9a-f]{64} HTTP/1.1" 206 '
	cmp noise "$SLUICE_HOME"/layers/*/noise
	nothing_left
}

# The first three layers outlast the token that was shown for them.
test_a_token_that_expires_in_the_middle() {
	local n layers=()
	start_registry r
	for n in 1 2 3 4; do
		noise 700000 "$n.tar"
		layers+=("$n.tar")
	done
	push_layers public/big:1 "${layers[@]}"
	"$REPO/tests/services/registry" stop r
	rm r/env
	start_registry r AUTH=token TOKEN_TTL=4 TOKEN_SAID=300 RATE=400000
	ok images pull "$REGISTRY/public/big:1"
	matches r/registry.log '"GET /v2/public/big/blobs/sha256:[0-9a-f]{64} HTTP/1.1" 401 '
	[ "$(grep -c 'GET /token' r/token.log)" -ge 2 ] || fail 'no new token was asked for'
	same "$(find "$SLUICE_HOME/layers" -name noise | wc -l)" 4
	nothing_left
}

# small_disk SIZE: the home moves to a file system of that size.
small_disk() {
	mkdir disk
	mount -t tmpfs -o "size=$1" tmpfs disk || exit 77
	trap 'stop_registries; end; umount -l "$PWD/disk"' EXIT
	export SLUICE_HOME=$PWD/disk/home
}

# too_full REFERENCE LAYER WORDS...: it cannot be pulled, and nothing of it is believed.
too_full() {
	local image=$1 layer=$2 text
	shift 2
	expect 4 sluice images pull "$image"
	for text in "cannot pull image '$image' from registry '$REGISTRY'" "$@" \
		"layer sha256:$(sha256sum <"$layer" | cut -d ' ' -f 1)" \
		'No space left on device (blocks or inodes); free some there and do it again'; do
		says err "$text"
	done
	same "$(find "$SLUICE_HOME/layers" "$SLUICE_HOME/tmp" -mindepth 1 ! -name '.*' ! -name 'pull-*')" ''
	ok images list
	silent out "$image"
}

test_a_disk_that_is_full_while_unpacking() {
	start_registry r
	small_disk 30M
	head -c 60000000 /dev/zero >zeros
	tar -czf layer.tar.gz zeros
	push_layers zeros:1 layer.tar.gz
	too_full "$REGISTRY/zeros:1" layer.tar.gz 'cannot unpack'
	mount -o remount,size=200M disk
	ok images pull "$REGISTRY/zeros:1"
	cmp zeros "$SLUICE_HOME"/layers/*/zeros
	nothing_left
}

test_a_disk_that_is_full_while_a_layer_comes() {
	start_registry r
	small_disk 30M
	noise 40000000 layer.tar
	push_layers big:1 layer.tar
	too_full "$REGISTRY/big:1" layer.tar 'cannot write the part'
	ok images prune
	matches out '^Freed .* of images, [1-9].* of unfinished pulls'
	mount -o remount,size=200M disk
	ok images pull "$REGISTRY/big:1"
	cmp noise "$SLUICE_HOME"/layers/*/noise
	nothing_left
}

unpack_has_begun() { compgen -G "$SLUICE_HOME/tmp/image-*/many/*"; }

test_a_killed_unpack_leaves_nothing_that_is_believed() {
	start_registry r
	mkdir many
	(cd many && seq 5000 | split -a 4 -l 1)
	tar -czf layer.tar.gz many
	push_layers many:1 layer.tar.gz
	"$SLUICE" images pull "$REGISTRY/many:1" &
	runner=$!
	until unpack_has_begun >/dev/null; do kill -0 "$runner"; done
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	same "$(ls "$SLUICE_HOME/layers")" "$(ls "$BASE_HOME/layers")"
	[ "$(find "$SLUICE_HOME"/tmp/image-*/many -type f | wc -l)" -lt 5000 ] || fail 'it was whole'
	ok images list
	silent out many
	ok images pull "$REGISTRY/many:1"
	diff -r many "$SLUICE_HOME"/layers/*/many
	same "$(compgen -G "$SLUICE_HOME/tmp/image-*")" ''
	nothing_left
}
