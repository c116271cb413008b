#!/bin/sh
# Starts PostgreSQL; prepares the data directory first when there is none.
#
#   POSTGRES_PASSWORD  password of POSTGRES_USER; needed only while there is no data yet
#   POSTGRES_USER      owner of the database, no superuser (default: exchange)
#   POSTGRES_DB        the database (default: exchange)
#   POSTGRES_FSYNC     "off" gives up safety on a crash for speed, for tests (default: on)
#
# Everything it writes is below /var/lib/postgresql: a volume there is enough, the rest may be read-only.
set -eu
umask 077

home=/var/lib/postgresql
data=$home/data
sockets=$home/run
export PATH=/usr/lib/postgresql/15/bin:/bin:/usr/bin LC_ALL=C.UTF-8

user=${POSTGRES_USER:-exchange}
database=${POSTGRES_DB:-exchange}

fail() {
    printf '%s\n' "postgres: $*" >&2
    exit 1
}

# Doubles every occurrence of a quote character, as SQL wants it inside quotes: doubled TEXT QUOTE
doubled() {
    rest=$1 out=
    while :; do
        case $rest in
        *"$2"*) out=$out${rest%%"$2"*}$2$2 rest=${rest#*"$2"} ;;
        *) break ;;
        esac
    done
    printf '%s' "$out$rest"
}

# One statement a line: so that is how the single-user server reads it.
statements() {
    role=$(doubled "$user" '"')
    printf 'CREATE ROLE "%s" LOGIN PASSWORD '"'%s'"'\n' "$role" "$(doubled "$POSTGRES_PASSWORD" "'")"
    printf 'CREATE DATABASE "%s" OWNER "%s"\n' "$(doubled "$database" '"')" "$role"
}

# Made beside its place and moved there when it is complete: a start that was cut short leaves no half a database.
initialise() {
    [ -n "${POSTGRES_PASSWORD:-}" ] || fail 'POSTGRES_PASSWORD is not set. Give it from a Secret, for example with secretKeyRef.'
    case "$POSTGRES_PASSWORD$user$database" in
    *'
'*) fail 'POSTGRES_PASSWORD, POSTGRES_USER and POSTGRES_DB must be one line each.' ;;
    esac
    new=$data.new
    rm -rf "$new"
    initdb --pgdata="$new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 >/dev/null
    printf 'host all all all scram-sha-256\n' >>"$new/pg_hba.conf"
    statements | postgres --single -D "$new" -c log_statement=none -c log_min_error_statement=panic -c exit_on_error=on postgres >/dev/null
    mv "$new" "$data"
}

[ -w "$home" ] || fail "$home cannot be written. Mount a volume there and set fsGroup: 65532 on the pod."
[ -s "$data/PG_VERSION" ] || initialise
mkdir -p "$sockets"
exec postgres -D "$data" \
    -c listen_addresses='*' -c port=5432 -c max_connections=300 -c unix_socket_directories="$sockets" \
    -c jit=off -c fsync="${POSTGRES_FSYNC:-on}"
