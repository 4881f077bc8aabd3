#!/usr/bin/env bash
# Unit and contract tests on every supported Python but the main one, where the machine has it.
#
#   tools/test_matrix.sh            build the environments, and run the tests
#   tools/test_matrix.sh install    build the environments, and no more
#
# An interpreter is looked for on the PATH and among the versions of pyenv. A version that is missing is said aloud; with
# REQUIRE_MATRIX=1 it fails the run.
set -euo pipefail
cd "$(dirname "$0")/.."

versions=(3.12 3.13)

find_python() {
  local version="$1" candidate
  local -a candidates=()
  candidate="$(command -v "python$version" || true)"
  [ -n "$candidate" ] && candidates+=("$candidate")
  local pyenv="${PYENV_ROOT:-$HOME/.pyenv}/versions"
  if [ -d "$pyenv" ]; then
    while read -r name; do
      candidates+=("$pyenv/$name/bin/python$version")
    done < <(ls "$pyenv" | grep -E "^${version//./\\.}(\.|$)" | sort -rV)
  fi
  for candidate in "${candidates[@]}"; do
    # A pyenv shim exists for versions that are not switched on: ask it, do not trust its name.
    if "$candidate" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

missing=0
failed=()
found=()
for version in "${versions[@]}"; do
  if python="$(find_python "$version")"; then
    echo "python$version: $python"
    found+=("$version")
    # All environments at once: one installation keeps one processor busy.
    make --no-print-directory venv PYTHON="$python" VENV=".venv-$version" &
  else
    echo "python$version: not found on this machine, not tested"
    missing=1
  fi
done
wait # what could not be installed fails below, by name
if [ "${1:-}" = install ]; then exit 0; fi

# What reads the sources and the pages of this repository says the same on every Python, and benchmarks and what was
# designed by them are no part of what is shipped. None of these tests wants a server that has to be installed.
left_out=(--ignore=tests/contract/test_{benchmarks,facts,floors,generated,house_rules,retry_designs}.py)
for version in "${found[@]}"; do
  echo "python$version: unit and contract tests"
  make --no-print-directory test PYTHON="$(find_python "$version")" VENV=".venv-$version" SERVERS= \
    TESTS="tests/unit tests/contract" PYTEST_ARGS="-q -p no:cacheprovider ${left_out[*]}" || failed+=("$version")
done
if [ "${#failed[@]}" -gt 0 ]; then
  echo "failed on: ${failed[*]}" >&2
  exit 1
fi
if [ "$missing" = 1 ] && [ "${REQUIRE_MATRIX:-0}" = 1 ]; then
  exit 1
fi
