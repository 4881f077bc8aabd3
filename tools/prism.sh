#!/usr/bin/env bash
# Prism, an implementation of OpenAPI documents that nobody here wrote, in a cache of its own; prints where it is.
# Needs node and npm; asks the package registry that npm is set up with, once.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=5.14.2
ROOM="${PRISM_ROOM:-build/prism}/$VERSION"
[[ "$ROOM" = /* ]] || ROOM="$PWD/$ROOM"
PRISM="$ROOM/node_modules/@stoplight/prism-cli/dist/index.js"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "node and npm are not on this machine" >&2
  exit 3
fi
if [ ! -f "$PRISM" ]; then
  mkdir -p "$ROOM"
  echo '{"private": true}' >"$ROOM/package.json"
  npm install --prefix "$ROOM" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
    "@stoplight/prism-cli@$VERSION" >&2
fi
printf '%s\n' "$PRISM"
