#!/usr/bin/env bash
# Runs a command with its temporary files in memory, where the machine has plenty: most tests write a database of their
# own, and wait for the disk at every commit, though none is about the disk. What a failed run wrote is kept on the disk.
#
#   tools/in_memory.sh COMMAND...
set -euo pipefail

memory=/dev/shm
needed_kib=$((4 * 1024 * 1024))

has_room() {
  [ -d "$memory" ] && [ -w "$memory" ] && [ -r /proc/meminfo ] || return 1
  [ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -ge "$needed_kib" ] || return 1
  [ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -ge $((2 * needed_kib)) ]
}

# Tests start programs that they have written: a place from which nothing may be started is none for them.
runs_programs() {
  printf '#!/bin/sh\n' >"$1/program" && chmod +x "$1/program" && "$1/program" 2>/dev/null && rm "$1/program"
}

# A run that was killed could not tidy up.
tidy() {
  local left
  for left in "$memory/$name"*; do
    [ -d "$left" ] && ! kill -0 "${left##*.}" 2>/dev/null && rm -rf "$left"
  done
  return 0
}

name=pmsbridge-tests.
tidy
has_room || exec "$@"
folder="$memory/$name$$"
mkdir -m 711 "$folder" # a server that runs as somebody else finds its own folder in it
trap 'rm -rf "$folder"; exit 130' INT TERM
if ! runs_programs "$folder"; then
  rm -rf "$folder"
  exec "$@"
fi
disk=${TMPDIR:-/tmp}
code=0
TMPDIR="$folder" "$@" || code=$?
if [ "$code" = 0 ]; then
  rm -rf "$folder"
else
  kept="$disk/${folder##*/}"
  mv "$folder" "$kept" && echo "temporary files of this run: $kept" >&2
fi
exit "$code"
