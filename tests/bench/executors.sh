#!/usr/bin/env bash
# Jobs that do nothing, one at a time, by each executor of this machine's programs: against the bare
# program, as often, on the same root and with the configuration that sluice gives it.  First as
# root, then as an ordinary user, who is made for it.  Prints the medians.
#
#	executors.sh SLUICE [DIRECTORY [RUNS]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
sluice=$1 runs=${3:-5} jobs=100
LIMIT=1.6

# What a bare program is started in: its mounts go with it, and crun refuses a machine where cgroup v2
# is mounted beside v1.  An ordinary user is root in there, as in sluice's own namespace.
in_namespace() {
	local as=()
	[ "$(id -u)" -eq 0 ] || as=(--user --map-root-user --map-auto)
	unshare -m "${as[@]}" bash -euc '
		! mountpoint -q /sys/fs/cgroup/unified || mount -t tmpfs cover /sys/fs/cgroup/unified
		mount -t overlay overlay -o "$1" "$2"
		shift 2
		exec "$@"' bash "$overlay" "$bundle/rootfs" "$@"
}

# --- what sluice gives the program ----------------------------------------------------------------

# capture EXECUTOR PROGRAM: runs a job by a program that keeps what it is given; sluice's check of it
# comes before.  The environment is empty there, so the paths stand in its text.
capture() {
	bundle=$work/bundle-$2
	mkdir -p "$bundle/rootfs" "$work/upper-$2" "$work/scratch-$2" "$work/path"
	{
		echo '#!/bin/bash'
		# shellcheck disable=SC2016
		[ "$1" = bwrap ] && printf 'printf "%%s\\0" "$@" >%q/args; cp /proc/self/fd/6 %q/filter\n' \
			"$bundle" "$bundle" || cat <<-END
				for word; do
					[ "\$previous" != --bundle ] || find "\$word" -maxdepth 1 -type f \
						-exec cp -p {} "$bundle" ";"
					previous=\$word
				done
			END
		printf 'PATH=%q\nexec %q "$@"\n' "$PATH" "$(command -v "$2")"
	} | sed '2iPATH=/usr/bin:/bin' >"$work/path/$2"
	chmod +x "$work/path/$2"
	"$here/workflow" wide 1 >"$work/one.yaml"
	PATH=$work/path:$PATH run_by "$1" "$work/path/$2" "$work/one.yaml"
	overlay=lowerdir=$(find "$SLUICE_HOME/layers" -mindepth 1 -maxdepth 1 -type d | paste -sd:)
	overlay+=,upperdir=$work/upper-$2,workdir=$work/scratch-$2,userxattr
	[ "$(id -u)" -ne 0 ] || overlay=${overlay%,userxattr}
}

run_by() { # EXECUTOR PROGRAM WORKFLOW
	local by=(--executor "$1")
	[ "$1" = bwrap ] || by+=(--runtime "$2")
	"$sluice" run --quiet --network host --jobs 1 "${by[@]}" "$3"
}

# The bundle where it is now, and the cgroup that is the container's own by default.
prepare_oci() {
	mv "$bundle/config.json" "$bundle/given.json"
	jq --arg bundle "$bundle" '(.root.path | rtrimstr("/rootfs")) as $was |
		.root.path = $bundle + "/rootfs" | del(.linux.cgroupsPath) |
		(.mounts[].source | select(startswith($was + "/"))) |= $bundle + ltrimstr($was)' \
		"$bundle/given.json" >"$bundle/config.json"
}

# bwrap's options are sluice's, and in the place of what the shim mounts and sluice-init does stand
# those that a person would give.
prepare_bwrap() {
	local given=() i
	mapfile -d '' given <"$bundle/args"
	cp /etc/resolv.conf /etc/hosts "$bundle"
	bare=()
	for ((i = 0; i < ${#given[@]}; i++)); do
		case "${given[i]} ${given[i + 2]:-}" in
		'--json-status-fd '*) i=$((i + 1)) ;;
		'--seccomp '*) bare+=(--seccomp 9) i=$((i + 1)) ;;
		'-- '*) break ;;
		'--dev-bind /')
			bare+=(--dev-bind "$bundle/rootfs" / --ro-bind /sys /sys
				--bind "$bundle/resolv.conf" /etc/resolv.conf --bind "$bundle/hosts" /etc/hosts)
			i=$((i + 2))
			;;
		*) bare+=("${given[i]}") ;;
		esac
	done
	bare+=(--clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin --setenv HOME /root
		--setenv HOSTNAME bench --chdir /)
}

# --- measuring ------------------------------------------------------------------------------------

ours() { run_by "$executor" "$program" "$work/jobs.yaml"; }

# shellcheck disable=SC2016
theirs() {
	if [ "$executor" = bwrap ]; then
		in_namespace bash -euc 'for ((i = 0; i < $1; i++)); do bwrap "${@:3}" true 9<"$2"; done' \
			bash "$jobs" "$bundle/filter" "${bare[@]}"
	else
		in_namespace bash -euc 'for ((i = 0; i < $1; i++)); do
			"$2" --root "$4" run -b "$3" "bench-$$-$i"; done' \
			bash "$jobs" "$program" "$bundle" "$work/state" </dev/null
	fi
}

measure() { # TEXT EXECUTOR PROGRAM [SHAPE]
	local run
	executor=$2 program=$(command -v "$3")
	rm -f "$work"/cost-*
	capture "$2" "$3"
	"prepare_$2"
	"$here/workflow" "${4:-wide}" $jobs >"$work/jobs.yaml"
	ours
	for ((run = 1; run <= runs; run++)); do
		timed ours
		timed theirs
	done
	row "$1" ours theirs $LIMIT
}

# As cost() of lib.sh, for functions that use arrays: the CPU time is that of the children that this
# shell has waited for, and of theirs.
timed() {
	local begin=${EPOCHREALTIME/./} before us
	before=$(cpu_ticks)
	"$1" >"$work/output" 2>&1 || { tail -n 20 "$work/output" >&2; echo "bench: failed: $1" >&2; exit 1; }
	us=$((${EPOCHREALTIME/./} - begin))
	awk -v us=$us -v ticks=$(($(cpu_ticks) - before)) -v hz="$(getconf CLK_TCK)" \
		'BEGIN { print us / 1e6, ticks / hz, 0, 0 }' >>"$work/cost-$1"
}

cpu_ticks() { sed 's/.*) //' "/proc/$$/stat" | awk '{ print $14 + $15 }'; }

measure_all() { # WHO
	measure "$jobs jobs by bwrap$1 : bwrap" bwrap bwrap
	measure "$jobs jobs by crun$1 : crun run" oci crun
}

if [ "${4:-}" = as-user ]; then
	work=$2
	export SLUICE_HOME=$work/home
	"$sluice" images import "$work/layout" >/dev/null
	measure_all ', as an ordinary user'
	exit
fi

begin_bench "${2:-/var/tmp}"
export SLUICE_HOME=$work/home
SLUICE=$sluice "$here/../../scripts/base-image" bash:5 >/dev/null
measure_all ''
measure "$jobs jobs by runc : runc run" oci runc
measure "chain of $jobs jobs by bwrap : bwrap" bwrap bwrap chain

account=sluicebench$$
useradd -K SUB_UID_COUNT=65536 -K SUB_GID_COUNT=65536 -m -d "$work/user" "$account"
trap 'userdel -r "$account" 2>/dev/null || true; end_bench' EXIT
chmod 755 "$work"
cp -r "$here" "$work/user/bench"
cp "$sluice" "$(dirname "$sluice")"/sluice-{shim,init} "$work/user"
"$sluice" images export bash:5 "$work/user/layout"
chown -R "$account:" "$work/user"
setpriv --reuid "$account" --regid "$account" --init-groups --reset-env env "PATH=$PATH" \
	bash "$work/user/bench/executors.sh" "$work/user/sluice" "$work/user" "$runs" as-user
