#!/usr/bin/env bash
# Builds, then runs the server and the demo apps until Ctrl-C. Everything they keep is under data/demo; delete it to start afresh.
set -euo pipefail
cd "$(dirname "$0")"

server=http://127.0.0.1:5100
web=http://127.0.0.1:3000
shop=http://127.0.0.1:3001
spa=http://127.0.0.1:3002
api=http://127.0.0.1:5200
mcp=http://127.0.0.1:5300/mcp
data=data/demo

for port in 5100 3000 3001 3002 5200 5300; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    echo "run.sh: port $port on 127.0.0.1 is taken; stop what listens there and try again." >&2
    exit 1
  fi
done

./build.sh
mkdir -p "$data/logs"

pids=()
stop() {
  trap - EXIT INT TERM
  if [ ${#pids[@]} -gt 0 ]; then
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  fi
}
trap stop EXIT
trap 'echo; stop; exit 0' INT TERM

# start NAME COMMAND…: in the background, its output in the log.
start() {
  local name="$1"
  shift
  "$@" >"$data/logs/$name.log" 2>&1 </dev/null &
  pids+=($!)
}

# await NAME PORT PATH: until PATH answers 200, for 30 seconds at most. No curl is needed for it.
await() {
  local name="$1" port="$2" path="$3" pid="${pids[-1]}" line
  for _ in $(seq 150); do
    line=""
    if { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
      printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$path" "$port" >&3
      read -r -t 5 line <&3 || true
      exec 3>&-
    fi
    if [[ "$line" == *" 200 "* ]]; then return; fi
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.2
  done
  echo "run.sh: the $name did not start. Its log, $data/logs/$name.log, ends with:" >&2
  tail -n 15 "$data/logs/$name.log" >&2
  exit 1
}

# Apps that nobody registered may come: by a metadata document, on this computer too, or by registering.
start server dist/latchkey serve --issuer "$server" --data "$data" --config samples/demo.json \
  --client-id-metadata-documents loopback --registration open
await server 5100 /healthz/ready
start api dist/samples/api --issuer "$server" --resource "$api" --urls "$api"
await api 5200 /public
start mcp dist/samples/mcp --issuer "$server" --resource "$mcp" --urls http://127.0.0.1:5300
await mcp 5300 /.well-known/oauth-protected-resource/mcp
start web dist/samples/web --issuer "$server" --client-id web --client-secret web-secret-0123456789abcdef \
  --scope "openid profile email offline_access api:read" --urls "$web" --api "$api"
await web 3000 /
start shop dist/samples/web --issuer "$server" --client-id shop --client-secret shop-secret-0123456789abcdef \
  --scope "openid profile email api:read" --urls "$shop" --api "$api" --name "Demo shop"
await shop 3001 /
start spa dist/samples/spa --issuer "$server" --client-id spa --client-secret spa-secret-0123456789abcdef \
  --scope "openid profile email api:read" --urls "$spa" --api "$api"
await spa 3002 /

bold="" dim="" reset=""
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' reset=$'\e[0m'; fi
cat <<SUMMARY

  ${bold}Latchkey is running.${reset}

  ${bold}Addresses${reset}
    Web app   $web      sign-in, dashboard, a call to the API
    Shop      $shop      a second web app, to sign on once for both
    SPA       $spa      a page of plain script over its own backend
    API       $api      /public, /read, /write, /recent
    MCP       $mcp      an MCP server: give this to an MCP app
    Server    $server      its metadata: /.well-known/openid-configuration

  ${bold}Users${reset}
    alice     correct horse battery staple
    bob       tin lantern cliff swimmer

  ${bold}Try${reset}
    1. Open ${bold}$web${reset} and sign in as alice.

    2. Open ${bold}$shop${reset} and sign in: no password is asked for. Sign out of one of the two, and you are out of both.

    3. Open ${bold}$spa${reset}: look for a token in the browser's storage, cookies and traffic. There is none.

    4. A service calls the API without any user; three calls need one token:
       ${dim}\$${reset} dist/samples/service --issuer $server --client-id service \\
           --client-secret service-secret-0123456789abcdef --scope api:read \\
           --call $api/read --times 3

    5. A terminal program signs a person in by a code, and a native app by the browser:
       ${dim}\$${reset} dist/samples/device --issuer $server --client-id device --scope "openid profile email"
       ${dim}\$${reset} dist/samples/native --issuer $server --client-id native --scope "openid profile email"

    6. See what happened, or the apps that alice connected:
       ${dim}\$${reset} dist/latchkey audit list --data $data
       $server/account

  ${dim}Logs and the database are in $data. Ctrl-C stops everything.${reset}

SUMMARY

# One of them ending by itself is worth saying.
ended=0
wait -n "${pids[@]}" || ended=$?
echo "run.sh: a program ended with status $ended; see $data/logs." >&2
exit 1
