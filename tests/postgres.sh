#!/usr/bin/env bash
# Runs a command with a private PostgreSQL server: bash tests/postgres.sh COMMAND...
# The server lives in a temporary directory and listens on loopback only; SHIFU_TEST_POSTGRES_URL names it. Installs the Debian
# package where it is missing and the caller may. Its files are not synced: what tests kill is shifu, not the machine.
set -euo pipefail
binaries() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
if [ -z "$(binaries)" ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql postgresql-client >&2
fi
BIN="$(binaries)"
DIR="$(mktemp -d)"
PORT="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    chown postgres "$DIR"
    as_owner() { runuser -u postgres -- "$@"; }
fi
cd "$DIR"
as_owner "$BIN/initdb" -D "$DIR/data" -U shifu --auth=trust --encoding=UTF8 --locale=C > "$DIR/log" 2>&1 || { cat "$DIR/log" >&2; exit 1; }
trap 'as_owner "$BIN/pg_ctl" -D "$DIR/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$DIR"' EXIT
as_owner "$BIN/pg_ctl" -D "$DIR/data" -w -l "$DIR/data/log" \
    -o "-h 127.0.0.1 -p $PORT -k $DIR -c max_connections=500 -c fsync=off" start > /dev/null
cd "$OLDPWD"
export SHIFU_TEST_POSTGRES_URL="postgres://shifu@127.0.0.1:$PORT/postgres"
"$@"
