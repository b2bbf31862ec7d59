# shellcheck shell=bash
# What a version came from, and what was made from it.

# Two runs: `etl` makes `clean` of `raw`; `train` makes `model` of `clean`, and `report` of that and
# `raw`.
run_both() {
	mkdir raw
	echo data >raw/file
	ok datasets create --name raw
	ok datasets versions create --id raw --source-path ./raw/
	{
		echo 'jobs:'
		script_job wash 'inputs: {i: {type: dataset, with: {ref: raw}}}' \
			'outputs: {o: {type: dataset, with: {ref: clean}}}' <<<'cp /inputs/i/file /outputs/o/clean'
	} >etl.yaml
	ok run etl.yaml
	{
		echo 'jobs:'
		script_job fit 'inputs: {i: {type: dataset, with: {ref: clean}}}' \
			'outputs: {o: {type: dataset, with: {ref: model}}}' <<<'cp /inputs/i/clean /outputs/o/model'
		script_job test 'inputs: {m: fit.outputs.o, r: {type: dataset, with: {ref: raw}}}' \
			'outputs: {o: {type: dataset, with: {ref: report}}}' <<<'cat /inputs/*/* >/outputs/o/report'
	} >train.yaml
	ok run train.yaml
}

# The one version of a dataset, as DS:VER; `named` as NAME:VER.
version_of() {
	"$SLUICE" datasets versions list --id "$1" --json | jq -r '.[0] | "\(.datasetId):\(.version)"'
}
named() { echo "$1:$(version_of "$1" | cut -d : -f 2)"; }

valid() { "$REPO/tests/integration/check-json" lineage out; }

test_tree() {
	run_both
	local raw clean model report
	raw=$(named raw) clean=$(named clean) model=$(named model) report=$(named report)
	export LC_ALL=C
	ok datasets lineage clean
	same "$(cat out)" "$clean came from 1 version; 2 were made from it
etl/1/wash  reads $raw  makes $clean
v train/1/fit  reads $clean  makes $model
v train/1/test  reads $model, $raw  makes $report"
	ok datasets lineage "$report"
	says out "$report came from 3 versions; 0 were made from it"
	ok datasets lineage raw
	says out "$raw came from 0 versions; 3 were made from it"
	ok datasets versions create --id raw
	expect 2 sluice datasets lineage "$(sed -n 's/^Created dataset version: //p' out)"
	says err 'is not committed yet'
	expect 2 sluice datasets lineage raw --format svg
	says err 'takes tree, dot, mermaid or json'
}

test_dot() {
	run_both
	ok datasets lineage model --format dot
	same "$(head -n 1 out)" 'digraph lineage {'
	says out "d0 [shape=cylinder, style=bold, label=\"$(named model)\"];"
	says out 'j0 [label="train/1/fit"];'
	mkdir alone
	ok datasets create --name alone
	ok datasets versions create --id alone --source-path ./alone/
	ok datasets lineage alone --format dot
	says out "label=\"$(named alone)\""
	ok datasets lineage alone
	same "$(cat out)" "$(named alone) came from 0 versions; 0 were made from it"
}

test_json_and_what_was_deleted() {
	run_both
	local clean model raw
	clean=$(version_of clean) model=$(version_of model) raw=$(version_of raw)
	ok datasets lineage clean --json
	valid
	same "$(jq -r .id out)" "$clean"
	same "$(jq -r '.versions[] | "\(.datasetName) \(.relation)"' out | sort | paste -sd ' ')" \
		'clean self model after raw before report after'
	same "$(jq -r '.jobs[] | "\(.workflow)/\(.number)/\(.job)"' out | sort | paste -sd ' ')" \
		'etl/1/wash train/1/fit train/1/test'
	same "$(jq -r '.jobs[] | select(.job == "fit") | .reads[], .makes[]' out | paste -sd ' ')" "$clean $model"
	ok datasets versions delete --id "$clean"
	ok runs delete train/1
	ok datasets lineage model --json
	valid
	same "$(jq -r --arg c "$clean" '.versions[] | select(.id == $c) | .isDeleted' out)" true
	same "$(jq '.jobs[] | has("workflow")' out | sort -u)" false
	same "$(jq -r --arg r "$raw" '[.versions[] | select(.id == $r) | .relation] | join(" ")' out)" beside
	ok datasets lineage model
	says out "clean:${clean#*:} (deleted)"
	matches out '^[0-9a-f]{8}/fit  reads clean'
	# The same from the records alone.
	cp out before
	rm "$SLUICE_HOME"/catalog.db*
	ok datasets lineage model
	same "$(sort out)" "$(sort before)"
}
