# Sourced by the other scripts. `environment EXTRA` makes sure that .venv in the repository holds this package with the
# extra, and sets `python` to its interpreter. PYTHON=/path/to/python chooses the interpreter that .venv is made with.

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Is $1 a Python of a version that TensorFlow has wheels for?
is_suitable() {
  "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# Prints a suitable Python that can make virtual environments.
find_python() {
  local candidate incomplete=""
  for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13 python3.10 python}; do
    is_suitable "$candidate" || continue
    if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
    incomplete=$candidate
  done
  [ -z "$incomplete" ] || fail "$incomplete cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"
  fail "needs Python 3.10, 3.11, 3.12 or 3.13${PYTHON:+, PYTHON=$PYTHON is none of them}; found $(python3 --version 2>&1 || true)"
}

# Shortens pip's log to a line per package.
show_packages() {
  awk '
    /^Collecting /                     { printf "  %s\n", $2; fflush() }
    /^Installing collected packages/   { print "  unpacking all of them, a minute or two"; fflush() }
    /^ *(ERROR|error|WARNING: Retrying)/ { print; fflush() }'
}

environment() {
  local extra=$1 folder=.venv base log stamp wanted
  python=$folder/bin/python
  if ! is_suitable "$python"; then
    [ ! -e "$folder" ] || [ -e "$folder/pyvenv.cfg" ] || fail "$folder exists and is no virtual environment; move it away"
    base=$(find_python) || exit 1
    echo "Creating $folder with $("$base" --version) ..."
    rm -rf "$folder"
    "$base" -m venv "$folder" || fail "could not create $folder with $base"
  fi
  # Installed before and unchanged since: nothing to do.
  stamp=$folder/installed-$extra
  wanted=$(cksum setup.cfg setup.py)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$python" -c 'import rfv2_keras.errors' 2>/dev/null; then
    return
  fi
  log=$folder/install-$extra.log
  echo "Installing rfv2_keras[$extra] into $folder (TensorFlow is large: minutes, the first time) ..."
  "$python" -m pip install --disable-pip-version-check --progress-bar off -e ".[$extra]" 2>&1 | tee "$log" | show_packages
  if [ "${PIPESTATUS[0]}" -ne 0 ]; then
    tail -n 20 "$log" >&2
    fail "the installation failed; the whole log is $log"
  fi
  echo "$wanted" >"$stamp"
}
