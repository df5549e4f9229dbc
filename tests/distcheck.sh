#!/bin/sh
# distcheck.sh - what `make distcheck` does: packs the sources, unpacks them
# elsewhere, builds, tests, installs, uninstalls and cleans there.
#
#   distcheck.sh NAME     leaves build/NAME.tar.gz
set -eu
name=$1
make=${MAKE:-make}
unset MAKEFLAGS MFLAGS MAKELEVEL
archive=$PWD/build/$name.tar.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

mkdir -p build "$work/$name"
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -co --exclude-standard
else
    find . -path ./build -prune -o -type f -print
fi | sort -u | while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done >"$work/files"
tar -cf - -T "$work/files" | (cd "$work/$name" && tar -xf -)
(cd "$work" && tar -cf - "$name" | gzip -9 -n) >"$archive"

rm -rf "${work:?}/$name"
(cd "$work" && gzip -dc "$archive" | tar -xf -)
cd "$work/$name"
find . -type f | sort >"$work/before"
$make
$make check
$make install DESTDIR="$work/stage" PREFIX=/usr
sh tests/check-install.sh "$work/stage" /usr
$make uninstall DESTDIR="$work/stage" PREFIX=/usr
if [ -n "$(find "$work/stage" ! -type d)" ]; then
    echo 'distcheck: uninstall left:' >&2
    find "$work/stage" ! -type d >&2
    exit 1
fi
$make clean
find . -type f | sort | diff "$work/before" - || {
    echo 'distcheck: clean left these' >&2
    exit 1
}
echo "$archive is good"
