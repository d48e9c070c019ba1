"""The processes of a run: who am I, how many are we, and the sum over all of us."""

import json
import os

import tensorflow as tf

from rfv2_keras.errors import UserError

SLURM_PORT = 29400


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
        UserError: `TF_CONFIG` cannot be read.
    """
    if "TF_CONFIG" in os.environ:
        rank, count = _read_tf_config(os.environ["TF_CONFIG"])
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        gpus = len(tf.config.list_physical_devices("GPU"))
        rank, count = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_STEP_NUM_TASKS"])
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=SLURM_PORT, gpus_per_node=gpus, gpus_per_task=min(gpus, 1), auto_set_gpu=gpus > 1
        )
    else:
        return SingleProcess()
    return WorkerProcesses(rank, count, resolver) if count > 1 else SingleProcess()


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
