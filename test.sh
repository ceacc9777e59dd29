#!/usr/bin/env bash
# Installs what the tests need when it is missing, builds, runs every test, and ends with "N passed, N failed".
#   ./test.sh            every test project
#   ./test.sh NAME…      only projects whose name contains NAME, such as Protocol
#   ./test.sh --faults   only the long forms of the failure tests, which take minutes and are left out otherwise
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# One compiler for all projects rather than one for each, as the SDK has it: several times cheaper where an environment switched it off.
export UseSharedCompilation=true

command -v dotnet >/dev/null || { echo "test.sh: the .NET 10 SDK is missing; see https://dotnet.microsoft.com/download." >&2; exit 1; }

# install COMMAND PACKAGE…: Debian's packages, when COMMAND is absent.
install() {
  local command="$1"
  shift
  if command -v "$command" >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "test.sh: the tests need $command: apt-get install $*" >&2
    exit 1
  fi
  echo "Installing $*."
  apt-get update -qq </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# Runs a command; its output is shown only when it fails.
quietly() {
  local log
  log="$(mktemp)"
  if ! "$@" </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
  fi
  rm -f "$log"
}

faults=(--filter-not-trait Faults=long)
if [ "${1:-}" = --faults ]; then
  faults=(--filter-trait Faults=long)
  shift
fi

projects=()
while IFS= read -r project; do
  name="$(basename "$project" .csproj)"
  if [ "${faults[0]}" = --filter-trait ] && ! grep -rqF --include='*.cs' LongFaults "$(dirname "$project")"; then continue; fi
  if [ $# -eq 0 ]; then projects+=("$project"); continue; fi
  for wanted in "$@"; do
    if [[ "${name,,}" == *"${wanted,,}"* ]]; then projects+=("$project"); break; fi
  done
done < <(find test -name '*.Tests.csproj' 2>/dev/null | sort)

# needs GLOB TEXT: whether a chosen project's files speak of TEXT. What is costly is set up only for those that do.
needs() {
  local project
  for project in "${projects[@]}"; do
    if grep -rqF --include="$1" "$2" "$(dirname "$project")"; then return 0; fi
  done
  return 1
}
if needs "*.cs" PostgresServer && ! compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; then install initdb postgresql; fi
if needs '*.cs' TwoMachines; then install ip iproute2; fi
if needs '*.cs' disk.c; then install gcc gcc libc6-dev; fi
if needs '*.csproj' Microsoft.Playwright; then install chromium chromium fonts-liberation; fi
if [ -f test/Interop/package-lock.json ] && [[ " ${projects[*]} " == *[Ii]nterop* ]]; then
  install node nodejs
  install npm npm
  # The web crypto that clients rely on is a global only from node 20 on.
  if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then export NODE_OPTIONS=--experimental-global-webcrypto; fi
  echo "Installing the npm packages of test/Interop."
  quietly npm ci --prefix test/Interop --ignore-scripts --no-fund --no-audit
fi

passed=0
failed=0
if [ ${#projects[@]} -gt 0 ]; then
  # The programs as people run them, for tests that start those.
  if needs '*.cs' 'build.sh --native'; then
    echo "Building the native program, which takes some minutes."
    quietly ./build.sh --native
    # Tests that start the server or the command line then start what is shipped, which is also much the quicker to start.
    export LATCHKEY_BINARY="$PWD/dist/latchkey"
  elif needs '*.cs' dist/; then
    quietly ./build.sh
  fi
  echo "Building the tests."
  quietly dotnet build Latchkey.slnx -c Release --nologo -v quiet -clp:NoSummary
fi

# Test programs are over before the compiler could use what it counts for their second compilation.
export DOTNET_TieredPGO=0

results="$PWD/artifacts/test-results"
rm -rf "$results"
mkdir -p "$results"
for project in "${projects[@]}"; do
  name="$(basename "$project" .csproj)"
  echo
  echo "== $name"
  status=0
  "artifacts/bin/$name/release/$name" "${faults[@]}" --no-ansi --progress off --results-directory "$results" \
    --report-xunit-trx --report-xunit-trx-filename "$name.trx" </dev/null || status=$?

  counters="$(grep -om1 '<Counters [^>]*>' "$results/$name.trx" 2>/dev/null || true)"
  count() { sed -nE "s/.* $1=\"([0-9]+)\".*/\1/p" <<<"$counters"; }
  project_passed="$(count passed)"
  project_failed="$(count failed)"
  passed=$((passed + ${project_passed:-0}))
  failed=$((failed + ${project_failed:-0}))
  # A project that broke off, or ran nothing, is a failure even if no test says so.
  if [ "$status" -ne 0 ] && [ "${project_failed:-0}" -eq 0 ]; then
    echo "$name ended with status $status." >&2
    failed=$((failed + 1))
  fi
done

echo
[ $((passed + failed)) -gt 0 ] || echo "No test ran." >&2
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
