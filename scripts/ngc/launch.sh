#!/usr/bin/env bash
# See `usage` below.
set -euo pipefail

usage() {
  cat <<'TEXT'
Starts an rfv2 command once per GPU, on one machine or on several that can reach each other, without Slurm.

    launch.sh [OPTIONS] COMMAND...                                  one machine
    launch.sh [OPTIONS] --hosts A,B,... --node I COMMAND...         on each machine, with its own I

    --processes N   on this machine, the same on all; default: one per GPU
    --cpu           processes without GPUs, for a try-out; needs --processes
    --hosts A,B,... names or addresses of all machines, in the same order everywhere
    --node I        which of them this machine is: 0, 1, ...
    --port P        process j of all listens on port P + j of its machine; default 29500
    COMMAND         of rfv2, such as: pretrain CONFIG

Each process gets TF_CONFIG (who listens where, and who it is) and CUDA_VISIBLE_DEVICES (its GPU). When one of them
fails, the others of this machine are stopped, those of other machines notice, and the same commands continue from the
last checkpoint. All machines must see the same files. In containers:

    bash scripts/ngc/run.sh --network-host bash /opt/rfv2_keras/scripts/ngc/launch.sh \
        --hosts node1,node2 --node 0 pretrain configs/pretrain/roformer_v2_base.json
TEXT
}

fail() {
  echo "launch.sh: $* (--help shows how it is used)" >&2
  exit 2
}

processes="" hosts="" node="" port=29500 cpu=false
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage && exit ;;
    --cpu) cpu=true && shift && continue ;;
    --processes | --hosts | --node | --port) [ $# -ge 2 ] || fail "$1 needs a value" ;;
    -*) fail "unknown option $1" ;;
    *) break ;;
  esac
  case "$1" in
    --processes) processes=$2 ;;
    --hosts) hosts=$2 ;;
    --node) node=$2 ;;
    --port) port=$2 ;;
  esac
  shift 2
done
[ $# -gt 0 ] || fail "needs a command, such as: pretrain CONFIG"

# The GPUs of this machine, by the numbers that CUDA_VISIBLE_DEVICES takes.
gpus=()
if ! $cpu; then
  if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then # empty and -1 mean none
    IFS=, read -ra gpus <<<"${CUDA_VISIBLE_DEVICES#-1}"
  elif command -v nvidia-smi >/dev/null; then
    mapfile -t gpus < <(nvidia-smi --query-gpu=index --format=csv,noheader)
  fi
  [ ${#gpus[@]} -gt 0 ] || fail "finds no GPU; --cpu --processes N does without"
fi
processes=${processes:-${#gpus[@]}}
[[ "$processes" =~ ^[1-9][0-9]*$ ]] || fail "--processes takes a number above 0, received '$processes'"
$cpu || [ "$processes" -le ${#gpus[@]} ] || fail "--processes $processes, but there are ${#gpus[@]} GPUs"
[[ "$port" =~ ^[0-9]+$ ]] || fail "--port takes a number, received '$port'"

if [ -z "$hosts" ]; then
  [ -z "$node" ] || fail "--node needs --hosts"
  hosts=127.0.0.1 node=0
fi
IFS=, read -ra hosts <<<"$hosts"
for host in "${hosts[@]}"; do
  [[ "$host" =~ ^[A-Za-z0-9._-]+$ ]] || fail "--hosts takes names between commas, received '$host'"
done
[[ "$node" =~ ^[0-9]+$ ]] && [ "$node" -lt ${#hosts[@]} ] ||
  fail "--node takes a number below ${#hosts[@]}, received '$node'"

workers=""
for ((j = 0; j < ${#hosts[@]} * processes; j++)); do
  workers+="${workers:+, }\"${hosts[j / processes]}:$((port + j))\""
done

pids=()
stop() {
  local tenths=0
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  while [ -n "$(jobs -rp)" ] && [ $((tenths += 1)) -le 100 ]; do sleep 0.1; done
  for pid in $(jobs -rp); do kill -KILL "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 130' INT TERM
for ((i = 0; i < processes; i++)); do
  task="{\"type\": \"worker\", \"index\": $((node * processes + i))}"
  TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": $task}" \
    CUDA_VISIBLE_DEVICES=$($cpu && echo -1 || echo "${gpus[i]}") rfv2 "$@" &
  pids+=($!)
done
# Asked for one by one: `wait -n` answers 127, as if there were none, when the last one ends just as it is called.
while [ ${#pids[@]} -gt 0 ]; do
  for i in "${!pids[@]}"; do
    kill -0 "${pids[i]}" 2>/dev/null && continue
    status=0
    wait "${pids[i]}" || status=$?
    unset "pids[i]"
    [ $status -ne 0 ] || continue
    echo "launch.sh: a process ended with status $status; the others of this machine are being stopped." >&2
    exit $status
  done
  sleep 0.1
done
