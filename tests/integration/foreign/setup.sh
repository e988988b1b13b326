#!/usr/bin/env bash
# Installs the foreign programs that the integration tests talk to into .foreign, beside the
# checkout's .venv: the official Python SDK 1.x and 2.x, with npm the TypeScript SDK, and with a
# CPython 2.7 (PYTHON2, or pyenv's) Autobahn|Testsuite, which runs on nothing newer.
# Does nothing for what is installed as asked for here; runs the rest side by side.
set -euo pipefail
cd "$(dirname "$0")/../../.."

python=${PYTHON:-python3}
sdk1=("mcp==1.30.0" "websockets" "mcp-server-time")
sdk2=("mcp>=2.3,<3")
# In the order of installation: the later ones build with the earlier ones.
wstest=(
    "setuptools==44.0.0" "wheel==0.36.2" "incremental==16.10.1" "cryptography==3.3.2" "pyOpenSSL==19.1.0"
    "Twisted==19.10.0" "zope.interface==4.6.0" "txaio==2.1.0" "six==1.16.0" "markupsafe==1.1.1" "jinja2==2.11.3"
    "Werkzeug==1.0.1" "klein==17.10.0" "service_identity==18.1.0" "unittest2==1.1.0"
    "autobahn[twisted,accelerate]==0.10.9" "autobahntestsuite==25.10.1"
)
node=(
    "@modelcontextprotocol/sdk@1.32.2" "@modelcontextprotocol/server-everything@2026.8.31"
    "@modelcontextprotocol/server-filesystem@2026.8.31" "ws@8.23.0"
)

install_python() { # directory requirement...
    "$python" -m venv --clear "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}"
}

install_wstest() { # directory requirement...
    local boot requirement pip
    pip=("$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation)
    boot=$(mktemp -d)
    # The last virtualenv that makes environments of this age.
    "$python2" -m pip install --quiet --disable-pip-version-check --target "$boot" "virtualenv<20.22" &&
        PYTHONPATH=$boot "$python2" -m virtualenv --quiet --clear "$1" || return
    rm -rf "$boot"
    for requirement in "${@:2}"; do
        case $requirement in
            Twisted*) "${pip[@]}" --no-use-pep517 "$requirement" ;;
            # It asks for older versions of some of the others than can be had.
            autobahntestsuite*) "${pip[@]}" --no-deps "$requirement" ;;
            *) "${pip[@]}" "$requirement" ;;
        esac || return
    done
    # Its release lacks a folder that it wants to see when it starts.
    mkdir -p "$("$1/bin/python" -c 'import imp; print(imp.find_module("autobahntestsuite")[1])')/templates"
    "$1/bin/wstest" --autobahnversion
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

python2=${PYTHON2:-}
for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python; do
    if [[ -z $python2 && -x $candidate ]]; then
        python2=$candidate
    fi
done
if [[ -z $python2 ]]; then
    echo "CPython 2.7 is missing: Autobahn|Testsuite will not be run, only the cases of our own"
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
if [[ -n $python2 ]]; then
    # Some of it is compiled, which not every machine can.
    { ensure install_wstest wstest "${wstest[@]}" || echo "Autobahn|Testsuite will not be run"; } &
    jobs+=($!)
fi

status=0
for job in "${jobs[@]}"; do
    wait "$job" || status=1
done
exit $status
