#!/usr/bin/env bash
# Measures start-up, idle memory and what token requests cost the server, and writes bench/results/.
#   ./bench.sh            everything
#   ./bench.sh NAME…      of startup, client_credentials, refresh, guard
# It measures dist/latchkey as it lies there (JIT or native), and builds it if it is absent. "guard" is what a guarded request costs an API,
# Latchkey.ResourceServer beside the stock JwtBearer.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

server=()
guard=
[ $# -gt 0 ] || guard=1
for name in "$@"; do
  case "$name" in
    startup | client_credentials | refresh) server+=("$name") ;;
    guard) guard=1 ;;
    *) echo "usage: ./bench.sh [startup] [client_credentials] [refresh] [guard]" >&2; exit 2 ;;
  esac
done

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
build() { dotnet build "$1" -c Release --nologo -v quiet </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }

build bench/driver
driver=artifacts/bin/driver/release/latchkey-bench
if [ $# -eq 0 ] || [ ${#server[@]} -gt 0 ]; then
  [ -x dist/latchkey ] || ./build.sh
  kind=jit
  [ -e dist/libe_sqlite3.so ] || kind=native
  "$driver" dist/latchkey bench/state.jsonc "bench/results/$kind.md" "${server[@]}"
fi
if [ -n "$guard" ]; then
  build bench/guarded
  "$driver" guard artifacts/bin/guarded/release/latchkey-bench-guarded bench/results/guard.md
fi
