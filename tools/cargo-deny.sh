#!/bin/sh
# Runs cargo-deny, which is built into the cache once: cargo has no way to pin a tool in a workspace.
set -eu
version=0.20.2
tools="${CHANGEOVER_CACHE:-$HOME/.cache/changeover}/tools/cargo-deny-$version"
if [ ! -x "$tools/bin/cargo-deny" ]; then
    echo "building cargo-deny $version (once, some minutes)" >&2
    host=$(rustc -vV | sed -n 's/^host: //p')
    # Progress shows through cargo's own lines.
    cargo install cargo-deny --version "$version" --locked --target "$host" --root "$tools"
fi
# It reads every package in the lock file, those of other systems too.
cargo fetch --quiet --locked
exec "$tools/bin/cargo-deny" --offline check "$@"
