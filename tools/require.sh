#!/bin/sh
# Checks what is needed before anything is built, and installs Debian packages where it may.
# Usage: require.sh build|test
set -eu

say() { echo "$1" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || say "Changeover is built and tried on Linux. On another system use a Linux virtual machine with 4 GB of memory."
command -v cargo > /dev/null || say "Rust is missing: install rustup (https://rustup.rs); it fetches the version in rust-toolchain.toml."
# rustup fetches what rust-toolchain.toml names by itself, except where RUSTUP_AUTO_INSTALL=0 forbids it.
if command -v rustup > /dev/null; then
    toolchain=$(rustup toolchain install --no-self-update 2>&1) || say "$toolchain"
fi
target=x86_64-unknown-linux-musl
[ -d "$(rustc --print target-libdir --target $target)" ] ||
    say "Rust's standard library for $target is missing. Install it as your Rust came, or use rustup (https://rustup.rs)."
command -v gcc > /dev/null || packages=gcc
[ "$1" = test ] && [ ! -x /usr/lib/postgresql/15/bin/postgres ] && packages="${packages:-} postgresql-15"
# Of schemathesis; Debian packages the making of environments on its own.
[ "$1" = test ] && ! python3 -c 'import ensurepip, venv' 2> /dev/null && packages="${packages:-} python3-venv"
[ -z "${packages:-}" ] && exit 0

command -v apt-get > /dev/null || say "Install the equivalents of these Debian packages: $packages"
[ "$(id -u)" = 0 ] || say "Packages are missing. Run: sudo apt-get install --no-install-recommends $packages"
echo "installing $packages" >&2
# The cluster's tools want packages too, and apt-get waits for nobody.
cache=${CHANGEOVER_CACHE:-$HOME/.cache/changeover}
mkdir -p "$cache"
exec 9> "$cache/packages.lock"
flock 9
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $packages ||
    { apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $packages; }
