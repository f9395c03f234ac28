# shellcheck shell=bash
# What the person at the terminal sees. Everything goes to stderr: stdout carries results only (a path, a kubeconfig).

say() { printf '%s: %s\n' "${SPEAKER:-cluster}" "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# seconds_since START: whole seconds since START, a value of $SECONDS.
seconds_since() { echo "$((SECONDS - $1))"; }

# step WHAT COMMAND...: runs the command and says how long it took.
# The command runs as a plain statement, never in a condition: bash switches `set -e` off inside conditions.
step() {
  local what=$1 began=$SECONDS
  shift
  say "$what ..."
  "$@"
  say "$what: done in $(seconds_since "$began") s"
}

# wait_until DEADLINE_S WHAT COMMAND...: repeats the command until it succeeds; fails with a message after the deadline.
wait_until() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      say "gave up waiting: $what"
      return 1
    fi
    sleep 0.1
  done
}

# need_command NAME PACKAGE: ends with the one line that cures a missing program.
need_command() {
  command -v "$1" >/dev/null || die "$1 is missing: run 'make setup' (or: apt-get install $2)"
}
