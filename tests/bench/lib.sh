# What the benchmarks of datasets are written in; sourced by them.  Not a program.

# begin_bench DIRECTORY: $work is a directory of its own below it, which goes at the end.
begin_bench() {
	work=$(mktemp -d "$1/sluice-bench-XXXXXX")
	trap end_bench EXIT
	export RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$work/cache
	export BORG_BASE_DIR=$work/borg-home BORG_REPO=$work/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
}

end_bench() {
	awk -v d="$work/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | tac |
		while read -r mount; do umount --lazy "$mount"; done
	rm -rf --one-file-system "$work"
}

# bytes KEY COUNT: always the same for a key.
bytes() {
	openssl enc -aes-128-ctr -nosalt -K "$(printf %032x "$1")" -iv 0 -in /dev/zero 2>/dev/null |
		head -c "$2" || true
}

# cost NAME COMMAND...: notes the seconds, the CPU seconds and the peak KiB of a command, which may
# be a function of the caller.
cost() {
	local name=$1 what=$2 begin end
	shift
	if declare -F "$what" >/dev/null; then
		export -f "${what?}"
		export work sluice
		set -- bash -euc '"$@"' bash "$@"
	fi
	begin=${EPOCHREALTIME/./}
	/usr/bin/time -o "$work/cost" -f '%U %S %M' "$@" >"$work/output" 2>&1 ||
		{ tail -n 20 "$work/output" >&2; echo "bench: failed: $*" >&2; exit 1; }
	end=${EPOCHREALTIME/./}
	awk -v us=$((end - begin)) '{ printf "%.4f %s\n", us / 1e6, $0 }' "$work/cost" >>"$work/cost-$name"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# seconds NAME, cpu NAME: the medians.
seconds() { median <"$work/cost-$1"; }
cpu() { awk '{ print $2 + $3 }' "$work/cost-$1" | median; }

# row TEXT OURS THEIRS LIMIT: seconds, their ratio and what it may be, and the CPU time of both.
row() {
	awk -v text="$1" -v a="$(seconds "$2")" -v b="$(seconds "$3")" -v limit="$4" \
		-v x="$(cpu "$2")" -v y="$(cpu "$3")" 'BEGIN {
			printf "%-62s %9.3f %9.3f s   %6.2f  (%.2f%s)  cpu %.2f %.2f\n", text, a, b, a / b,
				limit, (a / b > limit) ? " MISSED" : "", x, y }'
}

# at_most TEXT VALUE LIMIT UNIT
at_most() {
	awk -v text="$1" -v a="$2" -v limit="$3" -v unit="$4" 'BEGIN {
		printf "%-62s %9d %9d %-3s %6.2f%s\n", text, a, limit, unit, a / limit,
			(a > limit) ? "  MISSED" : "" }'
}

# peak TEXT LIMIT NAME...: the most memory that any of them took, in MB.
peak() {
	local text=$1 limit=$2 most
	shift 2
	most=$(cat "${@/#/$work/cost-}" | awk '$4 > most { most = $4 } END { print int(most / 1000) }')
	at_most "peak memory, $text" "$most" "$limit" MB
}

# stored: what the home takes on the disk, in bytes.
stored() { du -s -B1 "$SLUICE_HOME" | cut -f1; }
