#!/usr/bin/env bash
# Compile pinned requirements: names, versions and hashes only. The compiler lives in a temporary environment and leaves
# nothing else behind.
#
#   tools/lock.sh [PYTHON]                      constraints.txt: this project, every extra, for development
#   tools/lock.sh PYTHON OUTPUT SOURCE [...]    another one, such as benchmarks/constraints.txt benchmarks/peers.in
set -euo pipefail
cd "$(dirname "$0")/.."
python="${1:-python3}"
output="${2:-constraints.txt}"
sources=("${@:3}")
if (( $# < 2 )); then
  sources=(pyproject.toml --extra all --group dev)
elif (( $# < 3 )); then
  echo "usage: tools/lock.sh [PYTHON [OUTPUT SOURCE ...]]" >&2
  exit 2
fi

room="$(mktemp -d)"
trap 'rm -rf "$room"' EXIT
"$python" -m venv "$room/venv"
"$room/venv/bin/python" -m pip install --quiet uv

"$room/venv/bin/uv" pip compile "${sources[@]}" --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade -q \
  -o "$room/constraints.txt"

if grep -nE '://|^[[:space:]]*-' "$room/constraints.txt" | grep -vE '^[0-9]+:[[:space:]]+--hash=sha256:[0-9a-f]{64}( \\)?$'; then
  echo "$output may hold names, versions and hashes only" >&2
  exit 1
fi
mv "$room/constraints.txt" "$output"
echo "$output: $(grep -c '==' "$output") packages"
