#!/usr/bin/env bash
# Installs the peers that the checkout's own environment cannot hold into .bench: the MCP SDK, for the
# versions that it wants, and with npm those that run on Node.js. Does nothing for what is installed as
# asked for here.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
sdk=("mcp==1.30.0" "uvicorn[standard]==0.54.0")
node=("ws@8.23.0" "bufferutil@4.1.0" "supergateway@4.0.0")

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

# The stamp is written last: an interrupted or outdated directory is made anew.
ensure() { # installer name what...
    local stamp=.bench/$2/installed wanted="${*:3}"
    [[ -e $stamp && $(<"$stamp") == "$wanted" ]] && return
    echo "installing for the benchmarks: $wanted"
    if ! "$1" ".bench/$2" "${@:3}" >".bench/$2.log" 2>&1; then
        cat ".bench/$2.log" >&2
        echo "$0: could not install: $wanted" >&2
        return 1
    fi
    echo "$wanted" >"$stamp"
}

mkdir -p .bench
status=0
ensure install_python sdk "${sdk[@]}" || status=1
if command -v npm >/dev/null; then
    ensure install_node node "${node[@]}" || status=1
else
    echo "npm is missing: what runs on Node.js will be reported as failed"
fi
exit $status
