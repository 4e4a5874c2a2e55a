#!/usr/bin/env bash
# Makes (or brings up to date) one virtual environment:
#   tools/setup_env.sh VENV PIP_ARGUMENT...
# What is missing of the operating system is installed when this runs as root on a
# machine with apt-get; otherwise the command to run is printed and this fails.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
shift

say() { echo "ferrogate setup: $*" >&2; }

# apt_or_say PACKAGE...: install Debian packages, or say which are wanted.
apt_or_say() {
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
  else
    say "please install $*, on Debian: sudo apt-get install $*"
    return 1
  fi
}

# Runs every candidate: a name in PATH may be a shim without a Python behind it.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  if ! python=$(find_python); then
    if [ -n "${PYTHON:-}" ]; then
      say "PYTHON=$PYTHON is not a Python 3.11 or newer"
      exit 1
    fi
    apt_or_say python3 python3-venv
    python=$(find_python) || { say "no Python 3.11 or newer found; set PYTHON=/path/to/python3"; exit 1; }
  fi
  # Debian cuts venv's ensurepip out of the interpreter's own package.
  if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    apt_or_say "$version-venv"
  fi
  say "making $venv with $python"
  "$python" -m venv --clear "$venv"
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
say "installing into $venv: $*"
"$venv/bin/python" -m pip install --quiet -c constraints.txt "$@" </dev/null

# The desktop build of OpenCV may ask for libraries that a bare server lacks.
if ! reason=$("$venv/bin/python" -c 'import cv2' 2>&1); then
  case $reason in
    *libGL.so* | *libgthread* | *libglib*) apt_or_say libgl1 libglib2.0-0 ;;
  esac
  "$venv/bin/python" -c 'import cv2'
fi
say "$venv is ready"
