# shellcheck shell=bash
# An image whose layers hide each other's files, and a job that looks at them; to be sourced.

. "$REPO/tests/integration/registry.sh"

# odd_image: bash:5 and two layers more, as odd:1.
odd_image() {
	local manifest config layer layers='' ids=''
	ok images export bash:5 one
	mkdir -p lower/x/dir lower/x/opq lower/x/was upper/x/dir upper/x/opq
	echo old | tee lower/x/gone lower/x/dir/old lower/x/opq/old lower/x/was/old >lower/x/file
	ln lower/x/file lower/x/link
	ln -s dir/old lower/x/symlink
	chmod 4755 lower/x/dir/old
	chmod 711 lower/x/dir upper/x/dir
	: >upper/x/.wh.gone
	: >upper/x/opq/.wh..wh..opq
	echo new | tee upper/x/opq/new upper/x/dir/new >upper/x/was
	manifest=one/blobs/sha256/$(jq -r '.manifests[0].digest' one/index.json | cut -d : -f 2)
	config=one/blobs/sha256/$(jq -r .config.digest "$manifest" | cut -d : -f 2)
	for layer in lower upper; do
		tar --owner 0 --group 0 -C $layer -cf $layer.tar .
		layers+=,$(blob $layer.tar application/vnd.oci.image.layer.v1.tar)
		ids+=",\"sha256:$(sha256sum <$layer.tar | cut -d ' ' -f 1)\""
	done
	jq -c ".rootfs.diff_ids += [${ids#,}] | del(.history)" "$config" >config.json
	jq -c ".layers += [${layers#,}] | .config = $(blob config.json "$(jq -r .config.mediaType "$manifest")")" \
		"$manifest" >manifest.json
	printf '{"schemaVersion":2,"manifests":[%s]}' \
		"$(blob manifest.json application/vnd.oci.image.manifest.v1+json)" >one/index.json
	ok images import one --name odd:1
}

# layers_are_seen: as they lie on each other, twice, for what a job does to them is its own.
layers_are_seen() {
	local time
	odd_image
	{
		echo 'jobs:'
		script_job look <<'END'
cd /x
echo $(ls -A . dir opq)
echo $(cat file link symlink dir/new opq/new was)
stat -c %a dir dir/old
echo more >>file
echo more >>dir/old
rm -r opq dir
mkdir opq dir
echo $(ls -A opq dir)
ln file another
mv was dir/moved
END
	} | sed 's/bash:5/odd:1/' >odd.yaml
	for time in first second; do
		ok run odd.yaml
		says out 'look | .: dir file link opq symlink was dir: new old opq: new'
		says out 'look | old old old new new new'
		says out 'look | 711'
		says out 'look | 4755'
		says out 'look | dir: opq:'
	done
	nothing_left
}
