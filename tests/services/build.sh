#!/usr/bin/env bash
# Build the programs that the tests of real back ends run: an OpenTelemetry Collector, Jaeger, Prometheus and promtool;
# and, with npm, a JSON schema of Grafana's own types.
#
#   tests/services/build.sh
#
# Needs Go 1.26 or newer and its module proxy, and no container engine. They go to $CALLSPAN_CACHE/services/bin, or to
# ~/.cache/callspan-ci/services/bin. A program of the wanted version that is there already is left alone, so a second run
# takes no time. Module and build caches are several GB and are dropped at the end unless KEEP_GO_CACHE=1.
#
# A run that was cut is taken up again by the next: what was compiled is in the cache, and a program is put in place only
# when it is whole. CALLSPAN_BUILD_JOBS says how many compilers run at once; without it, as many as the memory bears.
set -euo pipefail

JAEGER=v1.76.0 # the module's tag for Jaeger 2.13
PROMETHEUS=v0.315.0 # the module's tag for Prometheus 3.15.0
# What the checksum database says of these modules; the modules that they need are pinned by their own go.sum.
JAEGER_SUM=h1:sWCOOF1dr+NL0PLil7mFo3BqqQL8k4WiM7aguFbc14g=
PROMETHEUS_SUM=h1:sFGZWmC2Hk9N1NBJGCnXYZb5hyLCq8yuAMoEjLAg6ac=

here=$(cd "$(dirname "$0")" && pwd)
home=${CALLSPAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/callspan-ci}/services
bin=$home/bin
mkdir -p "$bin" "$home/src"
export GOMODCACHE=$home/go/pkg/mod GOCACHE=$home/go/build
export GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-buildvcs=false
small=(-mod=readonly -trimpath)

say() { printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*"; }
# One compiler for each core, but no more than there are 3 GB of free memory: the largest package takes about as much.
compilers() {
  local cores free
  cores=$(nproc 2>/dev/null || echo 2)
  free=$(awk '/^MemAvailable:/ {print int($2 / 3000000)}' /proc/meminfo 2>/dev/null || echo 2)
  [ "$free" -ge 1 ] || free=1
  echo $((cores < free ? cores : free))
}
jobs=${CALLSPAN_BUILD_JOBS:-$(compilers)}
# Compile into a file beside the program's, so that a run which is cut leaves no half of a program: NAME WORDS...
compile() {
  local name=$1
  shift
  go build -p "$jobs" "${small[@]}" -o "$bin/$name.new" "$@" && mv "$bin/$name.new" "$bin/$name"
}
# Go on with one compiler where the system killed some for want of memory; what was compiled is kept: NAME FUNCTION
again() {
  grep -qE 'signal: killed|Killed' "$home/$1.log" || return 1
  say "$1: compilers were killed, going on with one at a time"
  jobs=1
  "$2" >>"$home/$1.log" 2>&1
}
# The steps are joined by && throughout: within a condition the shell does not stop at the first that fails.
# Build a program unless the one that is there was made from the same: NAME STAMP FUNCTION
once() {
  if [ -x "$bin/$1" ] && [ "$(cat "$bin/$1.from" 2>/dev/null)" = "$2" ]; then
    say "$1: there"
    return
  fi
  say "$1: building, $jobs at once"
  local began=$SECONDS log=$home/$1.log
  if ! "$3" >"$log" 2>&1 && ! again "$1" "$3"; then
    tail -20 "$log" >&2
    say "$1: not built, see $log" >&2
    exit 1
  fi
  printf %s "$2" >"$bin/$1.from"
  say "$1: $((SECONDS - began)) s"
}
# A module's own source: MODULE@VERSION SUM FOLDER. Built inside it, its own go.mod counts, with the replacements that
# keep `go install` from taking it.
source_of() {
  local told
  told=$(cd "$home" && go mod download -json "$1") &&
    grep -qF "\"Sum\": \"$2\"" <<<"$told" || { echo "$1 is not what it was: $told"; return 1; }
  rm -rf "$3" &&
    cp -r "$(sed -n 's/^.*"Dir": "\(.*\)",\{0,1\}$/\1/p' <<<"$told")" "$3" && chmod -R u+w "$3"
}

otelcol() {
  (cd "$here/otelcol" && compile otelcol -ldflags='-s -w' .)
}
jaeger() {
  source_of "github.com/jaegertracing/jaeger@$JAEGER" "$JAEGER_SUM" "$home/src/jaeger" &&
    (cd "$home/src/jaeger" && compile jaeger -ldflags='-s -w' ./cmd/jaeger)
}
# The finders of cloud machines are left out: half of the modules need not be fetched then.
one_of_prometheus() {
  local version="-X github.com/prometheus/common/version.Version=${PROMETHEUS/v0.3/3.}"
  (cd "$home/src/prometheus" &&
    compile "$1" -ldflags="-s -w $version" -tags netgo,remove_all_sd "./cmd/$1")
}
prometheus() {
  source_of "github.com/prometheus/prometheus@$PROMETHEUS" "$PROMETHEUS_SUM" "$home/src/prometheus" &&
    one_of_prometheus promtool && one_of_prometheus prometheus
}

# Grafana itself is in no package registry, but its types are: they become two JSON schemas for the dashboards.
grafana() {
  mkdir -p "$home/grafana" && cp "$here"/grafana/* "$home/grafana" && cd "$home/grafana" &&
    npm install --silent --no-audit --no-fund && schema dashboard && schema kinds
}
schema() {
  npx ts-json-schema-generator --path "$1.ts" --type Checked --no-type-check --additional-properties -f tsconfig.json -o "$1.json" &&
    mv "$1.json" "$bin/grafana-$1.json"
}

# Two runs at once would take each other's memory, and each other's source.
if command -v flock >/dev/null; then
  exec 9>"$home/lock"
  flock -n 9 || { say "another run is building, waiting for it"; flock 9; }
fi
command -v go >/dev/null || { echo "$0 needs Go 1.26 or newer: https://go.dev/dl" >&2; exit 2; }
once otelcol "$(cat "$here"/otelcol/{main.go,go.mod,go.sum} | sha256sum)" otelcol
once prometheus "$PROMETHEUS" prometheus
once jaeger "$JAEGER" jaeger
if ! command -v npm >/dev/null; then
  say "Grafana's schemas: need npm, so the dashboards are not checked by them"
elif [ ! -e "$bin/grafana-kinds.json" ] || [ "$here/grafana/package.json" -nt "$bin/grafana-kinds.json" ]; then
  if (grafana) >"$home/grafana.log" 2>&1; then
    say "Grafana's schemas: made"
  else
    say "Grafana's schemas: not made, so the dashboards are not checked by them, see $home/grafana.log"
  fi
fi
if [ "${KEEP_GO_CACHE:-0}" != 1 ] && [ -e "$home/go" ]; then
  chmod -R u+w "$home/go" && rm -rf "$home/go" "$home/src"
fi
