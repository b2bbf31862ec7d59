#!/usr/bin/env bash
# Pulls and unpacks an image of 500 MB in 6 layers from a registry on this machine: against `skopeo
# copy` and `umoci unpack`, `podman pull`, and `docker pull` where $DOCKER_HOST answers; then the
# same image with zstd layers against podman.  Prints the medians, and the most memory that sluice
# took.
#
#	pull.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
sluice=$1 runs=${3:-5}
begin_bench "${2:-/var/tmp}"
# shellcheck disable=SC2154 # of begin_bench
trap '"$here/../services/registry" stop "$work/registry"; end_bench' EXIT
export SLUICE_HOME=$work/home

"$here/../services/registry" start "$work/registry"
# shellcheck source=/dev/null
. "$work/registry/env"
export REGISTRY
"$here/image" "$work/image"
for format in gzip zstd; do
	skopeo --insecure-policy copy -q --dest-tls-verify=false --dest-compress-format $format \
		"oci:$work/image" "docker://$REGISTRY/bench:$format"
done
rm -rf "$work/image"

ours() { "$sluice" images pull "$REGISTRY/bench:$1"; }
skopeo_and_umoci() {
	skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REGISTRY/bench:gzip" \
		"oci:$work/layout:it" && umoci unpack --image "$work/layout:it" "$work/bundle"
}
podman_pull() {
	podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver overlay \
		pull -q --tls-verify=false "$REGISTRY/bench:$1"
}
docker_pull() { docker pull -q "$REGISTRY/bench:gzip"; }

# Each begins with nothing.
measure() { # NAME COMMAND [FORMAT]
	case $2 in
	ours) rm -rf "$SLUICE_HOME" ;;
	skopeo_and_umoci) rm -rf "$work/layout" "$work/bundle" ;;
	podman_pull) podman_rmi ;;
	docker_pull) docker image prune -af >/dev/null ;;
	esac
	sync -f "$work"
	cost "$@"
}

podman_rmi() {
	podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver overlay \
		rmi -af >/dev/null 2>&1 || true
}

others=(skopeo_and_umoci podman_pull)
! docker info >/dev/null 2>&1 || others+=(docker_pull)
for ((run = 1; run <= runs; run++)); do
	measure ours ours gzip
	measure ours_zstd ours zstd
	for other in "${others[@]}"; do measure "$other" "$other" gzip; done
	measure podman_zstd podman_pull zstd
done

row "pull 500 MB in 6 layers : skopeo copy + umoci unpack" ours skopeo_and_umoci 0.7
row "... : podman pull" ours podman_pull 1
[ ${#others[@]} -lt 3 ] || row "... : docker pull" ours docker_pull 1
row "... of zstd layers : podman pull" ours_zstd podman_zstd 1
peak "a pull of 500 MB" 60 ours ours_zstd
