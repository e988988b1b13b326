#!/usr/bin/env bash
# Installs the foreign programs that the integration tests talk to into .foreign, beside the
# checkout's .venv: the official Python SDK 1.x and 2.x, and with npm the TypeScript SDK.
# Does nothing for what is installed as asked for here; runs the rest side by side.
set -euo pipefail
cd "$(dirname "$0")/../../.."

python=${PYTHON:-python3}
sdk1=("mcp==1.30.0" "websockets" "mcp-server-time")
sdk2=("mcp>=2.3,<3")
node=("@modelcontextprotocol/sdk@1.32.2" "@modelcontextprotocol/server-everything@2026.8.31" "ws@8.23.0")

install_python() { # directory requirement...
    "$python" -m venv --clear "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"
}

install_node() { # directory package...
    rm -rf "$1"
    mkdir "$1"
    echo '{"private": true}' >"$1/package.json"
    npm install --prefix "$1" --no-package-lock --no-audit --no-fund --loglevel=error "${@:2}"
}

# The stamp says what was asked for and is written last: an interrupted or outdated directory is
# made anew.
ensure() { # installer name what...
    local installer=$1 name=$2 stamp=.foreign/$2/installed wanted="${*:3}"
    [[ -e $stamp && $(<"$stamp") == "$wanted" ]] && return
    echo "installing for the integration tests: $wanted"
    if ! "$installer" ".foreign/$name" "${@:3}" >".foreign/$name.log" 2>&1; then
        cat ".foreign/$name.log" >&2
        echo "$0: could not install: $wanted" >&2
        return 1
    fi
    echo "$wanted" >"$stamp"
}

with_node=true
if ! command -v npm >/dev/null; then
    if [[ -n ${CI:-} ]]; then
        echo "$0: npm is missing: the tests with the TypeScript SDK need Node.js 20 or newer" >&2
        exit 1
    fi
    echo "npm is missing: tests with the TypeScript SDK will be skipped"
    with_node=false
fi

mkdir -p .foreign
jobs=()
ensure install_python sdk1 "${sdk1[@]}" &
jobs+=($!)
ensure install_python sdk2 "${sdk2[@]}" &
jobs+=($!)
if $with_node; then
    ensure install_node node "${node[@]}" &
    jobs+=($!)
fi

status=0
for job in "${jobs[@]}"; do
    wait "$job" || status=1
done
exit $status
