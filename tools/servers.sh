#!/usr/bin/env bash
# Servers that some tests want and that come from the operating system: Redis. PostgreSQL comes with the test
# dependencies. Where nothing can be installed the tests say so and are skipped; this never fails.
set -uo pipefail

command -v redis-server >/dev/null 2>&1 && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
export DEBIAN_FRONTEND=noninteractive

install() {
  # No start at installation: tests start their own.
  timeout 120 apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=20 \
    -o Dpkg::Options::=--force-confold redis-server >/dev/null 2>&1
}

echo "installing redis-server for the tests ..." >&2
install || { timeout 60 apt-get update -qq >/dev/null 2>&1 && install; } ||
  echo "redis-server cannot be installed; tests that need it are skipped" >&2
exit 0
