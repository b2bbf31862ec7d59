# Every file of examples/workflows, run as its head comment says.

test_datasets() {
	ok run "$EXAMPLES/datasets.yaml"
	says out 'job-2 | hello'
	same "$(contents "$(made demo-dataset)" lists/numbers.txt | tr '\n' ' ')" 'one two three '
	nothing_left
}

test_mount_dataset() {
	ok run "$EXAMPLES/datasets.yaml"
	ok run "$EXAMPLES/mount-dataset.yaml"
	matches out '^my-job \| .* hello\.txt$'
	matches out '^my-job \| d.* lists$'
}

test_sample() {
	mkdir corpus
	echo 'four words of text' >corpus/a.txt
	echo 'two more' >corpus/b.txt
	ok run "$EXAMPLES/sample.yaml" --secret api-token=s3cret-value --input corpus=./corpus
	says out 'train | token: ***'
	says out 'train | hello, epoch 3 over 6 words'
	says out 'report | score 18'
	says out 'report | words 6'
	same "$(contents "$(made my-model)" weights.txt)" 'words 6'
	! grep -rqF s3cret-value out err "$SLUICE_HOME" || fail 'the secret is on disk'
}

test_sample_greeting() {
	mkdir corpus
	echo text >corpus/a.txt
	ok run "$EXAMPLES/sample.yaml" --secret api-token=x1y2z3 --input corpus=./corpus \
		--input greeting='good evening'
	says out 'train | good evening, epoch 1 over 1 words'
}

test_clone_and_run() {
	git init -q repository
	echo 'echo "$((6 * 7)) from the repository"' >repository/run.sh
	git -C repository add run.sh
	git -C repository -c user.name=a -c user.email=a@example.com commit -q -m first
	printf '{"github": {"url": "file://%s", "ref": "%s"}}' "$PWD/repository" \
		"$(git -C repository rev-parse HEAD)" >event.json
	ok run "$EXAMPLES/clone-and-run.yaml" --event event.json
	says out 'run | 42 from the repository'
	same "$(contents "$(made clone-and-run-results)" output.txt)" '42 from the repository'
}

test_volume() {
	ok run "$EXAMPLES/volume.yaml"
	says out 'fill | 100'
	says out 'show | the squares of 1 to 100 add up to 338350'
	nothing_left
}

test_diamond() {
	ok run "$EXAMPLES/diamond.yaml" --jobs 4
	says out 'bottom | left 24, right 42'
}

test_training() {
	local first
	ok run "$EXAMPLES/training.yaml" --input points=500
	first=$(made line-model)
	matches out '^evaluate \| (line|parabola) rmse 0\.[01]'
	same "$(contents "$(made line-points)" train.csv | wc -l)" 400
	# The same input gives the same model, as another version.
	ok run "$EXAMPLES/training.yaml" --input points=500
	[ "$first" != "$(made line-model)" ] || fail 'the second run made no version of its own'
	same "$(contents "$first" weights.txt)" "$(contents "$(made line-model)" weights.txt)"
}

# A new example needs a test here.
test_all_are_tested() {
	local file
	for file in "$EXAMPLES"/*.yaml; do
		grep -qF "/$(basename "$file")" "$REPO/tests/integration/test_examples.sh" ||
			fail "$(basename "$file") has no test"
		ok validate "$file"
	done
}
