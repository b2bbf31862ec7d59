# The manual and what the shells complete: made from the same tables as --help.

# The build directory of the program, if it was built here.
install_here() {
	cmake --install "$(dirname "$SLUICE")" --prefix "$PWD/prefix" >install.log ||
		{ cat install.log; fail 'cmake --install'; }
}

test_manual_pages() {
	install_here
	local page count=0
	for page in prefix/share/man/man1/*.1; do
		mandoc -T lint -W warning "$page"
		groff -man -ww -z "$page" >warnings 2>&1
		[ ! -s warnings ] || { cat warnings; fail "$page"; }
		man -l "$page" >text
		[ "$(wc -l <text)" -gt 20 ] || fail "$page says little"
		count=$((count + 1))
	done
	[ $count -gt 25 ] || fail "only $count pages"
	man -M "$PWD/prefix/share/man" sluice-datasets-versions-create >text
	says text '--source-path, --sourcePath PATH'
}

# What the program reads of the environment is in its manual.
test_manual_tells_the_environment() {
	install_here
	local name
	for name in $(grep -rhoE '(getenv|variable)\("[A-Z_]+"\)' "$REPO/runner" | grep -oE '[A-Z_]{2,}' | sort -u); do
		grep -qxF "\\fB$name\\fR" prefix/share/man/man1/sluice.1 || fail "the manual lacks $name"
	done
}
