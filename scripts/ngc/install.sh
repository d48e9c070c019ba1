#!/usr/bin/env bash
# See `usage` below.
set -euo pipefail

usage() {
  cat <<'TEXT'
Installs rfv2_keras into a Python that has its own TensorFlow, such as that of NVIDIA's image, and changes nothing there
but Keras: every other installed package is held at its version, TensorFlow is never asked for, and afterwards the
versions are compared with those before.

    bash scripts/ngc/install.sh [--editable] [PYTHON]

    --editable   the package stays in this folder; for development
    PYTHON       the interpreter; default: python3
TEXT
}

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

editable=()
case "${1:-}" in
  -h | --help) usage && exit ;;
  --editable) editable=(--editable) && shift ;;
  -*) fail "unknown option $1 (--help shows what there is)" ;;
esac
[ $# -le 1 ] || fail "takes one Python, received: $*"
python=${1:-python3}
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NVIDIA's images may point this variable at a file that holds Keras at their version.
unset PIP_CONSTRAINT
export PIP_DISABLE_PIP_VERSION_CHECK=1

installed() { "$python" -m pip list --format=freeze --exclude keras --exclude rfv2-keras; }

installed >"$work/before"
grep -q '^tensorflow' "$work/before" || fail "$python has no TensorFlow to be kept"
"$python" - setup.cfg >"$work/requirements" <<'PYTHON'
import configparser, sys

config = configparser.ConfigParser()
config.read(sys.argv[1], encoding="utf-8")
lines = config["options"]["install_requires"].split("\n")
print(*(line for line in lines if line and line.split()[0] != "tensorflow"), sep="\n")
PYTHON

"$python" -m pip install --constraint "$work/before" --requirement "$work/requirements"
"$python" -m pip install --no-deps "${editable[@]}" .

installed >"$work/after"
lost=$(grep -vxFf "$work/after" "$work/before" || true)
[ -z "$lost" ] || fail "these packages were changed: ${lost//$'\n'/, }"
# A second CUDA beside that of the image, or a second TensorFlow, breaks both.
foreign=$(grep -vxFf "$work/before" "$work/after" | grep -E '^(nvidia-|tensorflow)' || true)
[ -z "$foreign" ] || fail "these packages must not come along: ${foreign//$'\n'/, }"

TF_USE_LEGACY_KERAS=0 KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=2 "$python" - <<'PYTHON'
import keras
import numpy
import tensorflow

import rfv2_keras

assert keras.backend.backend() == "tensorflow"
assert tensorflow.keras.__version__ == keras.__version__, "tf.keras is another Keras"
print(
    f"rfv2_keras {rfv2_keras.__version__}, TensorFlow {tensorflow.__version__}, Keras {keras.__version__}, "
    f"NumPy {numpy.__version__}"
)
PYTHON
