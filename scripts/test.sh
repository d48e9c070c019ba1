#!/usr/bin/env bash
# Checks style and runs the tests, with everything they need in .venv. Arguments go to pytest:
#   bash scripts/test.sh                        everything
#   bash scripts/test.sh tests/layers -k rotary some of it
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. scripts/environment.sh
environment test
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
status=0
"$python" -m ruff check . || status=1
"$python" -m ruff format --check . || status=1
"$python" -m pytest "$@" || status=1
exit $status
