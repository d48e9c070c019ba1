#!/usr/bin/env bash
# From nothing to a pretrained and fine-tuned RoFormerV2 on this computer: installs into .venv, then runs
# scripts/quickstart, whose arguments may be given:
#   bash scripts/quickstart.sh            ten minutes or less on two CPU cores, installation aside
#   bash scripts/quickstart.sh --quick    the same steps with much less training: shows that everything works
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. scripts/environment.sh
environment quickstart
exec "$python" scripts/quickstart "$@"
