#!/usr/bin/env bash
# Builds the site of docs/ into site/, or shows it while it is written: bash scripts/docs.sh [serve]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
environment docs
export NO_MKDOCS_2_WARNING=1
if [ "${1:-build}" = serve ]; then
  "$python" -m mkdocs serve --dev-addr 127.0.0.1:8000
else
  "$python" -m mkdocs build --strict --quiet
  echo "site/index.html"
fi
