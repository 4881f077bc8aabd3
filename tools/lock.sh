#!/usr/bin/env bash
# Recompile constraints.txt. The compiler lives in a temporary environment and leaves nothing else behind.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3}"

room="$(mktemp -d)"
trap 'rm -rf "$room"' EXIT
"$python" -m venv "$room/venv"
"$room/venv/bin/python" -m pip install --quiet uv

"$room/venv/bin/uv" pip compile pyproject.toml --extra all --group dev --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade -q \
  -o "$room/constraints.txt"

if grep -nE '://|^[[:space:]]*-' "$room/constraints.txt" | grep -vE '^[0-9]+:[[:space:]]+--hash=sha256:[0-9a-f]{64}( \\)?$'; then
  echo "constraints.txt may hold names, versions and hashes only" >&2
  exit 1
fi
mv "$room/constraints.txt" constraints.txt
echo "constraints.txt: $(grep -c '==' constraints.txt) packages"
