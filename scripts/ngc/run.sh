#!/usr/bin/env bash
# See `usage` below.
set -euo pipefail

usage() {
  cat <<'TEXT'
Runs a command in the image that scripts/ngc/Dockerfile makes, with the GPUs, the current folder and your user id.

    bash scripts/ngc/run.sh [OPTIONS] [COMMAND...]

    --gpus WHICH      all (default), none, or numbers such as 0,1
    --mount FOLDER    one more folder, under the same path inside; may be repeated
    --network-host    use the network of the host: for training on several machines
    --env NAME=VALUE  an environment variable; may be repeated
    --image NAME      default: $RFV2_IMAGE or rfv2:25.02
    --dry-run         print the docker command, do nothing
    COMMAND           default: bash

The current folder has the same path inside, so that paths mean the same. NCCL_*, XLA and GPU variables and TF_CONFIG
are handed on. Files that the command writes belong to you.

    bash scripts/ngc/run.sh rfv2 doctor
    bash scripts/ngc/run.sh --mount /data rfv2 pretrain configs/pretrain/roformer_v2_base.json
    bash scripts/ngc/run.sh --mount /data rfv2 launch --processes 8 --gpus pretrain CONFIG
TEXT
}

fail() {
  echo "run.sh: $* (--help shows how it is used)" >&2
  exit 2
}

image=${RFV2_IMAGE:-rfv2:25.02}
gpus=all
dry_run=false
mounts=("$PWD")
extra=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage && exit ;;
    --dry-run) dry_run=true && shift && continue ;;
    --network-host)
      extra+=(--network=host)
      # InfiniBand, where there is one
      if [ -d /dev/infiniband ]; then extra+=(--device=/dev/infiniband); fi
      shift && continue
      ;;
    --gpus | --mount | --env | --image) [ $# -ge 2 ] || fail "$1 needs a value" ;;
    -*) fail "unknown option $1" ;;
    *) break ;;
  esac
  case "$1" in
    --gpus) gpus=$2 ;;
    --mount)
      [ -d "$2" ] || fail "--mount $2 is no folder"
      mounts+=("$(cd "$2" && pwd)")
      ;;
    --env) extra+=(--env "$2") ;;
    --image) image=$2 ;;
  esac
  shift 2
done
[ $# -gt 0 ] || set -- bash

# Processes share memory (NCCL, input workers); GPUs read pinned memory.
options=(--rm --init --ipc=host --ulimit memlock=-1 --ulimit stack=67108864)
case "$gpus" in
  all) options+=(--gpus all) ;;
  none) ;;
  *[!0-9,]* | "") fail "--gpus takes all, none, or numbers such as 0,1, received '$gpus'" ;;
  *) options+=(--gpus "\"device=$gpus\"") ;; # the quotes are for docker, which splits at commas
esac
# The user need not exist inside; programs that ask for a name or a home get one.
options+=(--user "$(id -u):$(id -g)" --env "USER=$(id -un)" --env HOME=/tmp)
for folder in "${mounts[@]}"; do options+=(--volume "$folder:$folder"); done
options+=(--workdir "$PWD")
while read -r name; do
  case "$name" in
    NCCL_* | TF_GPU_* | TF_FORCE_GPU_* | TF_XLA_FLAGS | XLA_FLAGS | TF_CONFIG | NVIDIA_TF32_OVERRIDE)
      options+=(--env "$name")
      ;;
  esac
done < <(compgen -e)
if [ -t 0 ] && [ -t 1 ]; then options+=(--interactive --tty); fi

command=(docker run "${options[@]}" "${extra[@]}" "$image" "$@")
if $dry_run; then
  printf '%q ' "${command[@]}"
  echo
else
  exec "${command[@]}"
fi
