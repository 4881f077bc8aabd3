#!/usr/bin/env bash
# Servers that some tests want: Redis and RabbitMQ, which come from the operating system, and Tryton, which is installed
# into an environment of its own and kept in the user's cache. PostgreSQL comes with the test dependencies. Where nothing
# can be installed the tests say so and are skipped; this never fails.
#
#   tools/servers.sh [PYTHON]      PYTHON: of the project's environment; without one nothing is built
set -uo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then "$1" -m tests.servers.tryton || true; fi

wanted=()
command -v redis-server >/dev/null 2>&1 || wanted+=(redis-server)
command -v rabbitmq-server >/dev/null 2>&1 || [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || wanted+=(rabbitmq-server)
[ ${#wanted[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
export DEBIAN_FRONTEND=noninteractive

# No start at installation: tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT
fi

install() {
  timeout 240 apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=20 \
    -o Dpkg::Options::=--force-confold "$1" >/dev/null 2>&1
}

updated=0
for package in "${wanted[@]}"; do
  echo "installing $package for the tests ..." >&2
  install "$package" && continue
  [ "$updated" = 1 ] || { timeout 60 apt-get update -qq >/dev/null 2>&1; updated=1; }
  install "$package" || echo "$package cannot be installed; tests that need it are skipped" >&2
done
exit 0
