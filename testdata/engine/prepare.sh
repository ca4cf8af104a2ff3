#!/usr/bin/env bash
# Installs what the tests need beside Go, where this is root on a Debian or Ubuntu, and lays the test engines out.
# Elsewhere it says in one line what is missing; with CI=true that is an error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

missing=()
want() { # package, then a command that succeeds where it is installed
  local package=$1; shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
want gcc gcc --version            # the race detector
want libc6-dev test -e /usr/include/stdlib.h
want default-jdk-headless javac -version
want maven mvn --version
want python3-pip python3 -m pip --version
want tshark tshark --version      # a second opinion on packets
want tcpdump tcpdump --version    # the same, on filters

if ((${#missing[@]})); then
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    echo "prepare: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; echo "prepare: apt-get failed; its last lines are above" >&2; exit 1; }
    rm -f "$log"
  else
    echo "prepare: missing ${missing[*]}; tests that need them are skipped (Debian, Ubuntu: sudo apt-get install ${missing[*]})" >&2
    [[ ${CI:-} != true ]] || exit 1
  fi
fi

for engine in opensearch-2.19.4 elasticsearch-9.5.3; do
  "$here/engine.sh" build "$engine" || { status=$?; ((status == 3)) && [[ ${CI:-} != true ]] || exit "$status"; }
done
