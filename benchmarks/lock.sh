#!/usr/bin/env bash
# Recompile benchmarks/constraints.txt: what the peers of benchmarks/journal.py are installed from.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3}"

room="$(mktemp -d)"
trap 'rm -rf "$room"' EXIT
"$python" -m venv "$room/venv"
"$room/venv/bin/python" -m pip install --quiet uv

printf '%s\n' 'celery[redis]' 'dbos>=3' 'packaging' 'procrastinate>=3.5' 'psycopg[binary,pool]>=3.2' > "$room/peers.in"
"$room/venv/bin/uv" pip compile "$room/peers.in" --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade -q \
  -o "$room/constraints.txt"

if grep -nE '://|^[[:space:]]*-' "$room/constraints.txt" | grep -vE '^[0-9]+:[[:space:]]+--hash=sha256:[0-9a-f]{64}( \\)?$'; then
  echo "constraints.txt may hold names, versions and hashes only" >&2
  exit 1
fi
mv "$room/constraints.txt" benchmarks/constraints.txt
echo "benchmarks/constraints.txt: $(grep -c '==' benchmarks/constraints.txt) packages"
