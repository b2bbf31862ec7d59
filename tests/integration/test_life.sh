# The life of a dataset and its versions: each verb, its flags in every spelling, its result line.

DS='ds[a-z0-9]{13}'
VER='[a-z0-9]{7}'

prints() { same "$(cat out)" "$1"; }

# create NAME: makes the dataset; its id is in $ds.
create() {
	ok datasets create --name "$1"
	matches out "^Created dataset: $DS\$"
	ds=$(sed 's/.*: //' out)
}

# open_version DATASET [FLAG...]: its DS:VER is in $v.
open_version() {
	ok datasets versions create --id "$@"
	matches out "^Created dataset version: $ds:$VER\$"
	v=$(sed 's/^[^:]*: //' out)
}

# committed TEXT: commits a version of $ds with the file `lines`; its DS:VER is in $v.
committed() {
	mkdir -p in
	echo "$1" >in/lines
	ok datasets versions create --id "$ds" --source-path in/
	v=$(sed -n 's/^Committed dataset version: //p' out)
}

# files REF: the names of all files of a version, on one line.
files() {
	"$SLUICE" datasets files list --id "$1" --recursive true --json | jq -r '.[].name' | paste -sd' '
}

test_create_spellings() {
	create plain
	ok datasets create --name one --description 'the first' --storageProviderId splocal00000000
	ok datasets create --name=two --storage-provider-id 'Gradient Managed'
	expect 2 sluice datasets create --name three --storageProviderId spother00000000
	says err "no storage provider 'spother00000000'"
	expect 2 sluice datasets create --name one
	says err "there is a dataset 'one' already"
	expect 2 sluice datasets create --name "$ds"
	expect 2 sluice datasets create --name a/b
	expect 2 sluice datasets create
	ok datasets details --id one
	matches out '^\| Description +\| the first +\|$'
	matches out '^\| StorageProvider +\| Gradient Managed \(splocal00000000\) \|$'
	expect 2 sluice datasets details --id one:latest
	says err "The '--id' option should not have a version/tag (ex: one)"
}

test_update_renames_and_describes() {
	local id
	create first
	id=$ds
	create second
	ok datasets update --id first --name third --description 'now this'
	prints "Updated dataset: $id"
	ok datasets details third --json
	same "$(jq -r '.id, .name, .description' out | paste -sd,)" "$id,third,now this"
	expect 2 sluice datasets details first
	expect 2 sluice datasets update --id third --name second
	says err "there is a dataset 'second' already ($ds)"
	ok datasets update third --name third
	ok datasets update "$id" --description ''
	ok datasets details third --json
	same "$(jq -r '.name, .description' out | paste -sd,)" third,null
	expect 2 sluice datasets update third
	says err 'there is nothing to change'
	expect 2 sluice datasets update third --name "$ds"
	expect 2 sluice datasets update third --name ' '
	expect 2 sluice datasets update third:latest --name x
	expect 2 sluice datasets update nothing --name x
	# The freed name can be given again, and the versions stay.
	ds=$id committed one
	ok datasets create --name first
	ok datasets update --id third --name 'with a blank'
	same "$(contents 'with a blank' lines)" one
	ok store recover
	same "$(contents 'with a blank' lines)" one
	expect 2 sluice datasets details third
}

test_a_name_of_two_lists_them() {
	local other
	create twin
	other=$ds
	create other
	committed text
	sed -i 's/"other"/"twin"/' "$SLUICE_HOME/store/datasets/$ds/dataset.json"
	ok store recover
	expect 2 sluice datasets details twin
	says err "2 datasets are named 'twin': "
	says err "$other"
	says err "$ds"
	expect 2 sluice datasets files list twin
	says err "$ds"
	ok datasets update --id "$ds" --name other
	ok datasets details twin --json
	same "$(jq -r .id out)" "$other"
	same "$(contents other lines)" text
}

test_an_open_version_is_filled_and_emptied() {
	mkdir -p a/b more
	echo 1 >a/x
	echo 2 >a/b/y
	echo 3 >more/x
	create texts
	open_version texts --message 'in the making'
	ok datasets files put --id "$v" --source-path a
	prints ''
	ok datasets files put --id "$v" --sourcePath a/x --source-path a/b/ --targetPath /deep/er
	same "$(files "$v")" 'a/b/y a/x deep/er/x deep/er/y'
	ok datasets files put --id "$v" --source-path more/ --target-path a
	same "$(contents "$v" a/x)" 3
	ok datasets files delete --id "$v" --path deep/er/x
	prints ''
	same "$(files "$v")" 'a/b/y a/x deep/er/y'
	# Several at once; what is not there leaves the others.
	expect 2 sluice datasets files delete --id "$v" --path a/x --path a/z
	says err "version '$v' has no file or folder 'a/z'"
	same "$(files "$v")" 'a/b/y a/x deep/er/y'
	expect 2 sluice datasets files delete --id "$v" --path a/x/
	says err 'is no folder'
	expect 2 sluice datasets files delete --id "$v" --path ../x
	expect 2 sluice datasets files delete --id texts --path a
	says err "The '--id' option is missing the version"
	# A folder with all that is in it, and those above it that it leaves empty.
	ok datasets files delete "$v" --path=/deep/er/ --path a/b --path a/b/y
	same "$(files "$v")" a/x
	ok datasets files delete --id "$v"
	same "$(files "$v")" ''
	ok datasets files put --id "$v" --source-path more/x
	ok datasets versions list --id texts
	prints 'No data found'
	ok datasets versions list --id texts --isCommitted false
	matches out "^\| $v \| in the making \|"
	ok datasets versions commit --id "$v"
	prints "Committed dataset version: $v"
	same "$(files "$v")" x
	ok datasets versions commit "$v"
	prints 'Dataset version already committed'
	ok datasets versions list --id texts --is-committed=false
	prints 'No data found'
}

test_versions_update() {
	create texts
	open_version texts
	ok datasets versions update --id "$v" --message 'still open'
	prints "Updated dataset version: $v"
	ok datasets versions details "$v" --json
	same "$(jq -r '.message, .isCommitted' out | paste -sd,)" 'still open,false'
	ok datasets versions commit "$v"
	ok datasets versions details "$v" --json
	cp out before
	ok datasets versions update "$v" --message 'a better word'
	prints "Updated dataset version: $v"
	ok datasets versions details "$v" --json
	same "$(jq -S 'del(.message)' out)" "$(jq -S 'del(.message)' before)"
	same "$(jq -r .message out)" 'a better word'
	ok datasets versions list texts
	matches out "^\| $v \| a better word \|"
	ok store recover
	ok datasets versions details "$v" --json
	same "$(jq -r .message out)" 'a better word'
	expect 2 sluice datasets versions update "$v"
	says err 'there is nothing to change'
	expect 2 sluice datasets versions update --id texts --message x
	says err "The '--id' option is missing the version"
	expect 2 sluice datasets versions update "$v" --message "$(printf 'x%.0s' {1..1024})"
	expect 2 sluice datasets versions update "texts:0000000" --message x
}

test_details_say_who_made_it_of_what() {
	local input run
	create texts
	committed one
	input=$v
	{
		echo 'jobs:'
		script_job copy 'inputs: {data: {type: dataset, with: {ref: texts}}}' \
			'outputs: {data: {type: dataset, with: {ref: made}}}' <<'END'
cp /inputs/data/lines /outputs/data/
END
	} >copy.yaml
	ok run copy.yaml
	run=$(ls "$SLUICE_HOME/runs")
	ok datasets versions details made
	matches out '^\| Files +\| 1 +\|$'
	matches out '^\| Size +\| 4 B +\|$'
	matches out "^\| Digest +\| [0-9a-f]{64} \|$"
	matches out "^\| Run +\| $run +\|$"
	matches out '^\| Job +\| copy +\|$'
	matches out '^\| Attempt +\| 1 +\|$'
	matches out "^\| Input +\| $input +\|$"
	ok datasets versions details made --json
	same "$(jq -r '.run, .job, .attempt, .inputs[0], .usageBytes' out | paste -sd,)" \
		"$run,copy,1,$input,4"
	cp out made
	ok datasets versions details texts --json
	same "$(jq -r '.inputs | length' out)" 0
	# The same files, the same digest.
	same "$(jq -r .manifest out)" "$(jq -r .manifest made)"
}

# Nothing changes a committed version, whichever way it is tried.
test_committed_is_for_ever() {
	local before
	create texts
	committed one
	{
		echo 'jobs:'
		script_job scribble 'inputs: {data: {type: dataset, with: {ref: texts}}}' <<'END'
echo three > /inputs/data/lines
rm -f /inputs/data/lines
END
	} >scribble.yaml
	ok run scribble.yaml # its tree is there from now on
	before=$(find "$SLUICE_HOME/store" -path '*/trees/*' -o -path '*/objects/*' -o \
		-path '*/versions/*' | sort | xargs -d '\n' stat -c '%n %i %s %a %Y')
	echo two >in/lines
	expect 2 sluice datasets files put --id "$v" --source-path in/
	says err 'is committed already and cannot change'
	expect 2 sluice datasets files delete --id "$v" --path lines
	says err 'is committed already and cannot change'
	expect 2 sluice datasets files delete --id texts:latest
	ok datasets versions commit --id "$v"
	ok run scribble.yaml
	ok datasets files get --id "$v" --target-path got
	echo four >got/lines
	same "$(contents "$v" lines)" one
	same "$(find "$SLUICE_HOME/store" -path '*/trees/*' -o -path '*/objects/*' -o \
		-path '*/versions/*' | sort | xargs -d '\n' stat -c '%n %i %s %a %Y')" "$before"
	ok store verify --all
}

test_the_same_files_cost_nothing() {
	local first
	create texts
	mkdir in
	seq 100000 >in/numbers
	seq 7 >in/few
	ok datasets versions create --id texts --source-path in/
	first=$(sed -n 's/^Committed dataset version: //p' out)
	find "$SLUICE_HOME/store" -path '*/objects/*' -o -path '*/manifests/*' -o -path '*/trees/*' |
		sort | xargs -d '\n' stat -c '%n %i' >before
	ok datasets versions create --id texts --source-path in/ --message again
	v=$(sed -n 's/^Committed dataset version: //p' out)
	[ "$v" != "$first" ] || fail 'it is no new version'
	find "$SLUICE_HOME/store" -path '*/objects/*' -o -path '*/manifests/*' -o -path '*/trees/*' |
		sort | xargs -d '\n' stat -c '%n %i' >after
	same "$(cat after)" "$(cat before)"
	same "$(versions texts)" 2
}

test_tags() {
	local one
	create texts
	committed one
	one=$v
	committed two
	ok datasets tags list --id texts
	prints 'No data found'
	ok datasets tags set --id "$one" --name best
	prints "Set dataset tag: $ds:best"
	same "$(contents texts:best lines)" one
	ok datasets tags set --id texts:latest --name best
	same "$(contents texts:best lines)" two
	ok datasets tags set texts:best --name 'also this'
	ok datasets tags list --id texts
	matches out "^\| $v \| also this \|$"
	matches out "^\| $v \| best +\|$"
	expect 2 sluice datasets tags set --id "$one" --name latest
	expect 2 sluice datasets tags set --id "$one" --name abc1234
	expect 2 sluice datasets tags set --id texts --name x
	says err "The '--id' option is missing the version"
	expect 2 sluice datasets tags set --id "$one"
	open_version texts
	expect 2 sluice datasets tags set --id "$v" --name x
	says err 'it is not committed'
	ok datasets tags delete --id "texts:also this"
	prints "Deleted dataset tag: $ds:also this"
	expect 2 sluice datasets tags delete --id "texts:also this"
	says err "dataset 'texts' has no tag 'also this'"
	expect 2 sluice datasets tags delete --id texts:latest
	expect 2 sluice datasets tags delete --id texts
	says err "The '--id' option is missing the tag"
	expect 2 sluice datasets tags list --id texts:best
	ok store recover
	same "$(contents texts:best lines)" two
	ok datasets tags delete texts:best
	ok store recover
	expect 2 sluice datasets files list texts:best
}

# Whoever asks while a tag is moved finds the one version or the other.
test_a_tag_is_moved_at_once() {
	local one two
	create texts
	committed one
	one=$v
	committed two
	two=$v
	ok datasets tags set --id "$one" --name best
	(
		for _ in {1..20}; do
			"$SLUICE" datasets tags set --id "$two" --name best >/dev/null
			"$SLUICE" datasets tags set --id "$one" --name best >/dev/null
		done
	) &
	runner=$!
	while kill -0 "$runner" 2>/dev/null; do
		contents texts:best lines >seen
		grep -qxE 'one|two' seen || fail "saw '$(cat seen)'"
	done
	runner=
}
