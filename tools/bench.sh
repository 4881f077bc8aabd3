#!/usr/bin/env bash
# Run every benchmark with the given interpreter; further arguments (--json) go to each of them.
# The peers of benchmarks/journal.py live in an environment of their own, built here when it is absent or old.
set -euo pipefail
cd "$(dirname "$0")/.."
python="$1"
shift

peers=.venv-bench
if ! cmp -s benchmarks/constraints.txt "$peers/.installed"; then
  echo "installing the peers into $peers ..." >&2
  [ -x "$peers/bin/python" ] || "$python" -m venv "$peers"
  "$peers/bin/python" -m pip install --quiet --require-hashes -r benchmarks/constraints.txt
  cp benchmarks/constraints.txt "$peers/.installed"
fi

found=0
for file in benchmarks/*.py; do
  grep -q '__name__ == "__main__"' "$file" || continue # a part that benchmarks share
  found=1
  "$python" "$file" "$@"
done
[ "$found" = 1 ] || { echo "no benchmark found" >&2; exit 1; }
