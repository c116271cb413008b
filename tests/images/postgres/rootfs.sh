#!/bin/sh
# Makes the root file system of the PostgreSQL image from Debian's packages: rootfs.sh WORK_DIRECTORY
#
# The packages come through the apt sources that this machine is configured with. They are unpacked only (no maintainer script runs); what
# the server needs is then copied out, so that the image holds no Perl, LLVM, manuals or package manager.
# The result is WORK_DIRECTORY/rootfs.
set -eu

work=$1
unpacked=$work/unpacked
root=$work/rootfs
postgres=usr/lib/postgresql/15
programs='bin/dash bin/cat bin/ls bin/mkdir bin/mv bin/rm usr/bin/locale'

say() { printf '%s\n' "$*" >&2; }

# Debian 12 is the one with PostgreSQL 15; the mirrors of the machine's own Debian have it too.
debian_sources() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' |
        sed -n 's/^\([^ ]*\) [^ -]*\(-security\)\{0,1\}$/deb \1 bookworm\2 main/p' | sort -u
}

unpack() {
    debian_sources >"$work/sources.list"
    if ! [ -s "$work/sources.list" ]; then
        say 'apt on this machine has no package lists from Debian. Run: apt-get update'
        exit 1
    fi
    # A proxy or a snapshot's outdated dates are settings of the machine; mmdebstrap does not take them over by itself.
    apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|ForceIPv)' >"$work/apt.conf" || true
    mmdebstrap --quiet --mode=root --variant=extract --aptopt="$work/apt.conf" \
        --include=postgresql-15,dash,coreutils,libc-bin,tzdata \
        bookworm "$unpacked" - <"$work/sources.list"
}

# The shared libraries that the given files of the unpacked tree need, as paths inside it.
libraries() {
    loader=$(cd "$unpacked" && ls lib64/ld-linux-*.so.* lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
    printf '%s\n' "$loader"
    for file in "$@"; do
        chroot "$unpacked" "/$loader" --list "/$file" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p'
    done | sed 's/^\///' | sort -u
}

# Copies paths with their directories. A link is copied as what it points to: nothing of the link farm has to come along.
take() {
    (cd "$unpacked" && printf '%s\n' "$@" | tar --create --dereference --hard-dereference --files-from=-) | tar --extract --directory="$root"
}

slim() {
    mkdir -p "$root"
    rm -rf "$unpacked/$postgres/lib/bitcode" "$unpacked/$postgres/lib/llvmjit.so" "$unpacked/$postgres/lib/pgxs"
    binaries="$programs $(cd "$unpacked" && find "$postgres" -type f \( -perm -u+x -o -name '*.so' \))"
    # shellcheck disable=SC2086  # lists of paths without blanks, all from Debian's packages
    take $(libraries $binaries) $binaries "$postgres" usr/share/postgresql/15 usr/share/zoneinfo usr/lib/locale/C.utf8 usr/share/doc/postgresql-15/copyright
    cp -p "$root/bin/dash" "$root/bin/sh"
}

finish() {
    mkdir -p "$root/etc" "$root/tmp" "$root/var/lib/postgresql"
    chmod 1777 "$root/tmp"
    # initdb looks its own user up by number.
    echo 'postgres:x:65532:65532:PostgreSQL:/var/lib/postgresql:/bin/sh' >"$root/etc/passwd"
    echo 'postgres:x:65532:' >"$root/etc/group"
    ldconfig -r "$root"
}

rm -rf "$unpacked" "$root"
unpack
slim
finish
rm -rf "$unpacked"
