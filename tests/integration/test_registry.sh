# shellcheck shell=bash
# Images from real registries.

. "$REPO/tests/integration/registry.sh"

log_in() { # REGISTRY USER:PASSWORD
	mkdir -p login
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$1" "$(printf %s "$2" | base64)" >login/config.json
	export DOCKER_CONFIG=$PWD/login
}

test_pull() {
	start_registry r
	push team/bash:5
	forget_images
	ok images pull "$REGISTRY/team/bash:5"
	matches out "^Pulled image: $REGISTRY/team/bash:5 \(sha256:[0-9a-f]{64}\)$"
	ok images list --json
	same "$(jq -r '.[].name' out)" "$REGISTRY/team/bash:5"
	ok images pull "$REGISTRY/team/bash:5" --json
	"$REPO/tests/integration/check-json" commands#images-pull out
	expect 2 sluice images pull "$REGISTRY/team/bash:6"
	says err "cannot pull image '$REGISTRY/team/bash:6' from registry '$REGISTRY': $REGISTRY answers 404"
	expect 3 sluice images pull 127.0.0.1:1/none:1
	says err "cannot pull image '127.0.0.1:1/none:1' from registry '127.0.0.1:1'"
	# What is here does not come again, not even the tag's manifest.
	local before
	before=$(requests r)
	ok images pull "$REGISTRY/team/bash:5"
	same "$(requests r)" $((before + 1))
	grep -q 'HEAD /v2/team/bash/manifests/5' r/registry.log || fail 'it asks more than needed'
	# By digest, and the same layers under another name.
	local digest
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/team/bash:5")
	before=$(grep -c 'GET /v2/team/bash/blobs/' r/registry.log)
	ok images pull "$REGISTRY/team/bash@$digest" --json
	same "$(jq -r .digest out)" "$digest"
	same "$(grep -c 'GET /v2/team/bash/blobs/' r/registry.log)" "$before"
	nothing_left
}

test_pull_asks_who_we_are() {
	start_registry basic AUTH=htpasswd
	push team/bash:5 --dest-creds user:secret
	forget_images
	expect 2 sluice images pull "$REGISTRY/team/bash:5"
	says err "wants a login: 'docker login $REGISTRY'"
	log_in "$REGISTRY" user:wrong
	expect 2 sluice images pull "$REGISTRY/team/bash:5"
	says err "does not let user 'user' pull 'team/bash'"
	silent err wrong
	log_in "$REGISTRY" user:secret
	ok images pull "$REGISTRY/team/bash:5"
	# A program knows it, or what another one has written.
	forget_images
	printf '{"credHelpers": {"%s": "test"}}' "$REGISTRY" >login/config.json
	mkdir bin
	printf '#!/bin/sh\nread -r server\n[ "$1 $server" = "get %s" ] && echo %s\n' "$REGISTRY" \
		"'{\"Username\": \"user\", \"Secret\": \"secret\"}'" >bin/docker-credential-test
	chmod +x bin/docker-credential-test
	PATH=$PWD/bin:$PATH ok images pull "$REGISTRY/team/bash:5"
	forget_images
	rm login/config.json
	skopeo login --authfile auth.json --tls-verify=false -u user -p secret "$REGISTRY"
	REGISTRY_AUTH_FILE=$PWD/auth.json ok images pull "$REGISTRY/team/bash:5"
	nothing_left
}

test_pull_with_tokens() {
	start_registry token AUTH=token
	push team/bash:5 --dest-creds user:secret
	push public/bash:5 --dest-creds user:secret
	forget_images
	ok images pull "$REGISTRY/public/bash:5"
	expect 2 sluice images pull "$REGISTRY/team/bash:5"
	says err "has no 'team/bash' that everybody may pull"
	log_in "$REGISTRY" user:secret
	ok images pull "$REGISTRY/team/bash:5"
	forget_images
	printf '{"auths": {"%s": {"identitytoken": "refresh-user"}}}' "$REGISTRY" >login/config.json
	ok images pull "$REGISTRY/team/bash:5"
	nothing_left
}

test_pull_as_configured() {
	start_registry tls TLS=1
	push hub/library/bash:5
	forget_images
	expect 2 sluice images pull "$REGISTRY/hub/library/bash:5"
	says err 'self-signed certificate'
	cat >config.yaml <<-END
		registries:
		- prefix: docker.io
		  mirrors:
		  - location: 127.0.0.1:1/nobody
		  - location: $REGISTRY/hub
		    ca: $PWD/tls/cert.pem
		- prefix: example.com/team
		  location: $REGISTRY/hub
		  insecure: true
		- prefix: bad.example.com
		  blocked: true
	END
	export SLUICE_CONFIG=$PWD/config.yaml
	ok images pull bash:5
	matches out '^Pulled image: docker.io/library/bash:5 '
	ok images pull example.com/team/library/bash:5
	expect 2 sluice images pull bad.example.com/x
	says err "the configuration blocks 'bad.example.com'"
	nothing_left
}

# Two that want the same image fetch each layer once.
test_pulls_share() {
	start_registry r
	push bash:5
	forget_images
	"$SLUICE" images pull "$REGISTRY/bash:5" &
	ok images pull "$REGISTRY/bash:5"
	wait $!
	local layer
	for layer in $(skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/bash:5" | jq -r '.layers[].digest'); do
		same "$(grep -c "\"GET /v2/bash/blobs/$layer" r/registry.log)" 1
	done
	nothing_left
}

test_skopeo_and_sluice_share_the_layout() {
	start_registry r
	push bash:5
	forget_images
	ok images pull "$REGISTRY/bash:5"
	skopeo --insecure-policy copy -q "oci:$SLUICE_HOME/images:$REGISTRY/bash:5" oci:copy:it
	skopeo --insecure-policy copy -q oci:copy:it "oci:$SLUICE_HOME/images:docker.io/library/bash:copy"
	ok images list
	says out docker.io/library/bash:copy
	printf 'jobs: {a: {uses: container@v1, with: {image: "bash:copy", args: [echo, it runs]}}}' >w.yaml
	ok run w.yaml
	says out 'it runs'
	nothing_left
}

job_of() { # IMAGE: a workflow of one job in w.yaml
	printf 'jobs: {a: {uses: container@v1, with: {image: "%s", args: [echo, it runs]}}}' "$1" >w.yaml
}

test_run_pulls() {
	start_registry r
	push bash:5
	forget_images
	job_of "$REGISTRY/bash:5"
	ok run --dry-run w.yaml
	says out "$REGISTRY/bash:5@sha256:"
	ok images list
	silent out "$REGISTRY"
	ok run w.yaml
	says out 'it runs'
	says err 'pulled '
	# The image is here: nobody is asked, and it runs without its registry.
	local before
	before=$(requests r)
	ok run w.yaml
	silent err 'pulled '
	same "$(requests r)" "$before"
	ok run --pull always w.yaml
	same "$(requests r)" $((before + 1))
	"$REPO/tests/services/registry" stop r
	ok run w.yaml
	expect 3 sluice run --pull always w.yaml
	says err "job 'a': cannot pull image '$REGISTRY/bash:5'"
	nothing_left
}

test_run_without_its_image_does_not_start() {
	start_registry r
	job_of "$REGISTRY/none:1"
	expect 3 sluice run w.yaml
	says err "job 'a': cannot pull image '$REGISTRY/none:1' from registry '$REGISTRY': $REGISTRY answers 404"
	expect 3 sluice run --pull never w.yaml
	says err "no image '$REGISTRY/none:1' in this home"
	printf 'images: {pull: never}\n' >config.yaml
	SLUICE_CONFIG=$PWD/config.yaml expect 3 sluice run w.yaml
	says err "no image '$REGISTRY/none:1' in this home"
	expect 2 sluice run --pull often w.yaml
	ok runs list
	says out 'No data found'
	nothing_left
}

test_container_registries() {
	start_registry r AUTH=htpasswd
	push team/bash:5 --dest-creds user:secret
	forget_images
	cat >config.yaml <<-END
		registries:
		- prefix: hub.example.com
		  name: team-hub
		  location: $REGISTRY
		  user: user
		  password: secret:hub
	END
	export SLUICE_CONFIG=$PWD/config.yaml
	job_of hub.example.com/team/bash:5
	printf '\ndefaults: {resources: {instance-type: C4, container-registries: [team-hub]}}\n' |
		cat <(sed 's/^jobs: {/jobs:\n  {/' w.yaml) - >named.yaml
	expect 2 sluice run named.yaml
	says err "secret 'hub', the password of a container registry, is not given"
	expect 3 sluice run --secret hub=wrong named.yaml
	says err "does not let user 'user' pull"
	ok run --secret hub=secret named.yaml
	says out 'it runs'
	! grep -rqF secret "$SLUICE_HOME" --include=plan.json || fail 'the password is in the home'
	sed -i 's/team-hub/other-hub/' named.yaml
	ok run --secret hub=secret named.yaml
	says err "no registry of the name 'other-hub'"
	nothing_left
}

# A pull that is killed leaves parts, and the next one goes on with them.
test_a_killed_pull_goes_on() {
	start_registry r
	head -c 30000000 /dev/urandom >noise
	tar -cf layer.tar noise
	push_layers big:1 layer.tar
	forget_images
	"$SLUICE" images pull "$REGISTRY/big:1" &
	runner=$!
	wait_for part_has_come 1
	kill -KILL "$runner"
	wait "$runner" || true
	runner=
	ok images pull "$REGISTRY/big:1"
	ok images list
	says out "$REGISTRY/big:1"
	nothing_left
}
