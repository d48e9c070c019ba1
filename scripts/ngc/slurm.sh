#!/usr/bin/env bash
#SBATCH --job-name=rfv2
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# See `usage` below.
set -euo pipefail

usage() {
  cat <<'TEXT'
Trains on a Slurm cluster: one task per GPU, as many nodes as wanted.

    sbatch [SBATCH OPTIONS] scripts/ngc/slurm.sh IMAGE COMMAND...

    IMAGE     FILE.sif: Apptainer (or Singularity); FILE.sqsh or a name that enroot knows: Pyxis;
              -: no container, rfv2 is installed on the nodes
    COMMAND   of rfv2, such as: pretrain CONFIG
    MOUNTS    environment variable: more folders, between commas, under the same path inside

    sbatch --nodes=4 scripts/ngc/slurm.sh rfv2.sif pretrain configs/pretrain/roformer_v2_base.json
    MOUNTS=/data sbatch --nodes=2 --ntasks-per-node=4 --gpus-per-node=4 scripts/ngc/slurm.sh rfv2.sif pretrain CONFIG

Ask for as many tasks as GPUs on each node, and for the GPUs with --gpus-per-node: tasks that see only their own GPU
(--gpus-per-task) work too, but NCCL cannot copy between them directly. A job that is preempted is queued again and
continues from its last checkpoint; so does the same command given once more.
TEXT
}

fail() {
  echo "slurm.sh: $* (--help shows how it is used)" >&2
  exit 2
}

case "${1:-}" in -h | --help) usage && exit ;; esac
[ $# -ge 2 ] || fail "needs an image and a command"
[ -n "${SLURM_JOB_ID:-}" ] || fail "is for sbatch, but SLURM_JOB_ID is not set"
image=$1
shift

mounts="$PWD:$PWD"
IFS=, read -ra folders <<<"${MOUNTS:-}"
for folder in "${folders[@]}"; do mounts+=",$folder:$folder"; done

# Ranks follow the nodes block by block; a task that fails ends the others.
options=(--kill-on-bad-exit=1 --distribution=block)
# srun does not take this over from sbatch.
options+=(${SLURM_CPUS_PER_TASK:+"--cpus-per-task=$SLURM_CPUS_PER_TASK"})
case "$image" in
  -) command=(rfv2) ;;
  *.sif)
    runtime=$(command -v apptainer || command -v singularity) || fail "finds neither apptainer nor singularity"
    command=("$runtime" exec --nv --bind "$mounts" --pwd "$PWD" "$image" rfv2)
    ;;
  *)
    options+=("--container-image=$image" "--container-mounts=$mounts" "--container-workdir=$PWD")
    command=(rfv2)
    ;;
esac
exec srun "${options[@]}" "${command[@]}" "$@"
