#!/bin/sh
# Runs schemathesis, the property-based tester of APIs, which is installed into the cache once per set of
# pinned packages. Usage: schemathesis.sh ARGUMENTS
set -eu
pinned=$(dirname "$0")/schemathesis
version=$(sha256sum < "$pinned/requirements.txt" | cut -c1-16)
tools="${CHANGEOVER_CACHE:-$HOME/.cache/changeover}/tools"
home="$tools/schemathesis-$version"
mkdir -p "$tools"
# One at a time: tests may start side by side.
exec 9> "$tools/schemathesis.lock"
flock 9
# The scripts of an environment name its folder, so it is made where it stays; it counts once it is whole.
if [ ! -e "$home/whole" ]; then
    echo "installing schemathesis (once)" >&2
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet --require-hashes --requirement "$pinned/requirements.txt"
    touch "$home/whole"
fi
flock -u 9
exec "$home/bin/schemathesis" --config-file "$pinned/schemathesis.toml" "$@"
