#!/usr/bin/env bash
# Run every benchmark with the given interpreter; further arguments (--json) go to each of them.
set -euo pipefail
cd "$(dirname "$0")/.."
python="$1"
shift

found=0
for file in benchmarks/*.py; do
  grep -q '__name__ == "__main__"' "$file" || continue # a part that benchmarks share
  found=1
  "$python" "$file" "$@"
done
[ "$found" = 1 ] || { echo "no benchmark found" >&2; exit 1; }
