#!/usr/bin/env bash
# Measures start-up, idle memory and what token requests cost the server, and writes bench/results/.
#   ./bench.sh            everything
#   ./bench.sh NAME…      of startup, client_credentials, refresh
# It measures dist/latchkey as it lies there (JIT or native), and builds it if it is absent.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

for name in "$@"; do
  case "$name" in
    startup | client_credentials | refresh) ;;
    *) echo "usage: ./bench.sh [startup] [client_credentials] [refresh]" >&2; exit 2 ;;
  esac
done

[ -x dist/latchkey ] || ./build.sh
kind=jit
[ -e dist/libe_sqlite3.so ] || kind=native
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
dotnet build bench/driver -c Release --nologo -v quiet </dev/null >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
artifacts/bin/driver/release/latchkey-bench dist/latchkey bench/state.jsonc "bench/results/$kind.md" "$@"
