#!/bin/sh
# Lints the four specs, each with its own ecosystem's linter. Fails on any warning.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --no-audit --no-fund
here=$PWD
bin=$here/node_modules/.bin
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

failed=0
lint() {
  echo "== $1"
  shift
  "$@" || failed=1
}

lint specs/openapi.yaml "$bin/redocly" lint --max-problems 1000 --config redocly.yaml ../../specs/openapi.yaml
lint specs/budget.proto "$bin/buf" lint --config buf.yaml ../../specs
lint specs/asyncapi.yaml node asyncapi.mjs ../../specs/asyncapi.yaml
# ESLint looks at nothing outside its working directory.
cd ../..
lint specs/schema.graphql "$bin/eslint" --no-config-lookup --max-warnings 0 \
  --config "$here/eslint.config.mjs" specs/schema.graphql
exit $failed
