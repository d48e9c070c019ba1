"""The processes of a run: who am I, how many are we, and the sum over all of us."""

import json
import os

import tensorflow as tf

from rfv2_keras.errors import UserError
from rfv2_keras.training.slurm import is_slurm_step, read_slurm_task


class SingleProcess:
    """A run of one process: sums are what they are."""

    rank = 0
    count = 1

    def sum(self, vector):
        """The vector itself."""
        return vector


class WorkerProcesses:
    """Several processes, one per device, each holding the whole model in plain variables.

    The collectives of `tf.distribute.MultiWorkerMirroredStrategy` (NCCL on GPUs, ring over gRPC otherwise) do one
    all-reduce per update. Must be made before TensorFlow computes anything.

    Args:
        rank: number of this process.
        count: number of processes.
        resolver: `tf.distribute.cluster_resolver.ClusterResolver`.
    """

    def __init__(self, rank, count, resolver):
        self.rank = rank
        self.count = count
        implementation = tf.distribute.experimental.CommunicationImplementation
        communication = implementation.NCCL if tf.config.list_physical_devices("GPU") else implementation.RING
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(
            cluster_resolver=resolver,
            communication_options=tf.distribute.experimental.CommunicationOptions(implementation=communication),
        )
        self._sum = tf.function(self._reduce)

    def sum(self, vector):
        """The sum of the float32 vectors of all processes; every process gets it.

        Raises:
            UserError: another process is gone.
        """
        try:
            return self._sum(vector)
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise UserError(
                f"Process {self.rank} of {self.count} stops because another process is gone "
                f"({type(error).__name__}); the same command continues from the last checkpoint."
            ) from error

    def _reduce(self, vector):
        # Each process holds one value; the strategy wants it wrapped as a distributed one.
        values = self._strategy.experimental_distribute_values_from_function(lambda _: vector)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)


def join_processes():
    """The processes of this run: from `TF_CONFIG`, else from Slurm's variables, else this one alone.

    Raises:
        UserError: `TF_CONFIG` or Slurm's variables cannot be read, or there are more tasks than GPUs.
    """
    if "TF_CONFIG" in os.environ:
        rank, count = _read_tf_config(os.environ["TF_CONFIG"])
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    elif is_slurm_step(os.environ):
        task = read_slurm_task(os.environ)
        rank, count = task.rank, len(task.workers)
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": task.workers}),
            task_type="worker",
            task_id=rank,
            rpc_layer="grpc",
            num_accelerators={"GPU": _take_gpu(task.local_rank)},
        )
    else:
        return SingleProcess()
    return WorkerProcesses(rank, count, resolver) if count > 1 else SingleProcess()


def _take_gpu(local_rank):
    """Leave the other tasks of this node their GPUs; the number of GPUs that this process has then, 0 or 1."""
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) > 1:  # a task that sees one GPU was given its own
        if local_rank >= len(gpus):
            raise UserError(f"Slurm task {local_rank} of this node finds {len(gpus)} GPUs; ask for one per task.")
        tf.config.set_visible_devices(gpus[local_rank], "GPU")
    return min(len(gpus), 1)


def _read_tf_config(text):
    """(rank, number of processes)."""
    try:
        cluster = json.loads(text)
        rank, count = int(cluster["task"]["index"]), len(cluster["cluster"]["worker"])
        if not 0 <= rank < count:
            raise ValueError(f"no worker {rank}")
    except (ValueError, KeyError, TypeError):
        raise UserError(
            'TF_CONFIG must hold {"cluster": {"worker": [addresses]}, "task": {"type": "worker", "index": number}}, '
            f"received {text!r}."
        ) from None
    return rank, count
