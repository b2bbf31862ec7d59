# Many processes in one home: nothing is lost, nobody waits for ever, and all that must hold holds.

# PROCESSES=16 for DURATION=20 seconds, SEED.  Each keeps what it was told: made/N lists versions that
# were reported as committed to it, as REF TEXT; what it deleted goes from there.
DATASETS=4

worker_said() {
	echo "process $me: $*" >>failures
	exit 1
}

# The program must succeed; what it prints is in said.N.
does() {
	"$SLUICE" "$@" >"said.$me" 2>&1 || worker_said "'$*' ended with status $?: $(cat "said.$me")"
}

new_text() { text="$me-$((++count)) $RANDOM"; }

commit_at_once() {
	new_text
	mkdir -p "in.$me"
	echo "$text" >"in.$me/file"
	echo same >"in.$me/same"
	does datasets versions create --id "d$((RANDOM % DATASETS))" --source-path "in.$me/"
	echo "$(sed -n 's/^Committed dataset version: //p' "said.$me") $text" >>"made/$me"
}

commit_step_by_step() {
	local ref
	new_text
	mkdir -p "more.$me"
	echo "$text" >"more.$me/file"
	does datasets versions create --id "d$((RANDOM % DATASETS))"
	ref=$(grep -oE 'ds[a-z0-9]{13}:[a-z0-9]{7}' "said.$me" | head -n 1)
	echo other >"other.$me"
	does datasets files put --id "$ref" --source-path "other.$me" --target-path sub
	does datasets files put --id "$ref" --source-path "more.$me/"
	does datasets versions commit --id "$ref"
	echo "$ref $text" >>"made/$me"
}

one_of_mine() { mine=$(shuf -n 1 "made/$me" 2>/dev/null || true); }

read_one() {
	one_of_mine
	[ -n "$mine" ] || return 0
	rm -rf "got.$me"
	does datasets files get --id "${mine%% *}" --source-path file --target-path "got.$me"
	[ "$(find "got.$me" -type f -exec cat {} +)" = "${mine#* }" ] || worker_said "${mine%% *} has other bytes"
}

# Only those that are not tagged: the others are refused.
delete_one() {
	one_of_mine
	[ -n "$mine" ] || return 0
	if "$SLUICE" datasets versions delete --id "${mine%% *}" >"said.$me" 2>&1; then
		grep -vxF -- "$mine" "made/$me" >"left.$me" || true
		mv "left.$me" "made/$me"
	elif ! grep -q "the tag" "said.$me"; then
		worker_said "deleting ${mine%% *}: $(cat "said.$me")"
	fi
}

tag_one() {
	one_of_mine
	[ -z "$mine" ] || does datasets tags set --id "${mine%% *}" --name "tag$((RANDOM % 3))"
}

look() { does datasets versions list --id "d$((RANDOM % DATASETS))"; }
collect() { does store gc; }
verify() { does store verify --all; }

worker() {
	me=$1 count=0
	RANDOM=$((SEED + me))
	touch "made/$me"
	local what=(commit_at_once commit_at_once commit_step_by_step commit_step_by_step read_one read_one
		delete_one tag_one look)
	# Those that cost as much as the store is large.
	[ $((me % 4)) -ne 0 ] || what+=(collect)
	[ $((me % 8)) -ne 1 ] || what+=(verify)
	while [ $SECONDS -lt "$END" ]; do
		${what[RANDOM % ${#what[@]}]}
	done
}

test_sixteen_processes() {
	local n pids=()
	SEED=${SEED:-$RANDOM} END=$((SECONDS + ${DURATION:-20}))
	echo "SEED=$SEED"
	mkdir made
	for ((n = 0; n < DATASETS; n++)); do
		ok datasets create --name "d$n"
	done
	for ((n = 0; n < ${PROCESSES:-16}; n++)); do
		worker $n &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n" || true
	done
	[ ! -e failures ] || fail "$(cat failures)"
	cat made/* | cut -d' ' -f1 | sort >told
	echo "$(wc -l <told) versions"
	[ -s told ] || fail 'nothing was committed'
	for ((n = 0; n < DATASETS; n++)); do
		"$SLUICE" datasets versions list --id "d$n" | grep -oE 'ds[a-z0-9]{13}:[a-z0-9]{7}' >>is
	done
	for n in "$SLUICE_HOME"/store/datasets/*/versions; do
		same "$(jq -s 'map(.seq) | length == (unique | length)' "$n"/*.json)" true # given once
	done
	same "$(sort is | comm -3 - told)" ''
	ok store gc
	ok store verify --all
	ok store gc --dry-run --json
	same "$(jq '.objects + .trees + .leftovers' out)" 0
	local ref text
	while read -r ref text; do
		same "$(contents "$ref" file)" "$text"
	done < <(cat made/* | sed -n '1~10p')
	nothing_left
}
