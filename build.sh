#!/usr/bin/env bash
# Leaves the runnable program at dist/latchkey and the samples under dist/samples/.
# With --native, dist/latchkey is one Native AOT binary with SQLite linked in; otherwise it needs the .NET 10 runtime.
set -euo pipefail
cd "$(dirname "$0")"

native=false
for argument in "$@"; do
  case "$argument" in
    --native) native=true ;;
    *) echo "usage: ./build.sh [--native]" >&2; exit 2 ;;
  esac
done

case "$(uname -m)" in
  x86_64) runtime=linux-x64 ;;
  aarch64) runtime=linux-arm64 ;;
  *) echo "build.sh: there is no build for the machine type $(uname -m) yet, only for x86_64 and aarch64." >&2; exit 1 ;;
esac

command -v dotnet >/dev/null || { echo "build.sh: the .NET 10 SDK is missing; see https://dotnet.microsoft.com/download." >&2; exit 1; }
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# One compiler for all projects rather than one for each, as the SDK has it: several times cheaper where an environment switched it off.
export UseSharedCompilation=true

# What only the native linker needs. Installed when it is absent and we may.
need_native_tools() {
  if { command -v gcc || command -v clang; } >/dev/null && [ -e /usr/include/zlib.h ]; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "build.sh: --native needs a C compiler and zlib: apt-get install gcc zlib1g-dev" >&2
    exit 1
  fi
  echo "Installing gcc and zlib1g-dev."
  apt-get update -qq </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev zlib1g-dev </dev/null >/dev/null
}

properties=(-p:RuntimeIdentifier="$runtime")
if $native; then
  need_native_tools
  properties+=(-p:Native=true)
  command -v clang >/dev/null || properties+=(-p:CppCompilerAndLinker=gcc)
fi

rm -rf dist
echo "Building dist/latchkey and dist/samples."
# Quiet unless it fails.
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if ! dotnet msbuild dist.proj -restore -m -nologo -v:quiet "${properties[@]}" </dev/null >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
