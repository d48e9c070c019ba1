"""Profiles steps of this package on one thread of a processor: which share of them are matrix products?

    python scripts/evidence/step_profile.py FOLDER

Writes FOLDER/profile.json for speed_page.py. A minute and a half.
"""

import argparse
import collections
import json
import tempfile
import time
from pathlib import Path

from rfv2_keras.benchmark.contenders import rfv2
from rfv2_keras.benchmark.suite import own_jobs

STEPS = 5
CASES = (
    # task, config, batch, length
    ("train", "small", 16, 128),
    ("train", "small", 4, 512),
    ("train", "base", 8, 128),
    ("train", "base", 2, 512),
    ("train", "gau_alpha_base", 2, 512),
    ("infer", "small", 16, 128),
    ("infer", "small", 4, 512),
    ("infer", "base", 16, 128),
)
KINDS = ("feed-forward", "projections", "attention", "logits", "softmax", "optimizer", "rest")
AROUND = ("EagerLocalExecute", "KernelAndDeviceFunc", "ExecutorState")  # events that contain others
PRODUCTS = KINDS[:4]  # those that the model cannot do without


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    profiles = {}
    for task, config, batch, length in CASES:
        job = own_jobs(task, [config], [batch], [length], ["bfloat16"], [False], ["adamw"])[0]
        start = rfv2.make(job.as_dict())
        for _ in range(4):
            start()()
        began = time.perf_counter()
        for _ in range(STEPS):
            start()()
        milliseconds = (time.perf_counter() - began) / STEPS * 1e3
        shares = profile(start)
        profiles[f"{task} {config} {batch}×{length}"] = {"milliseconds": milliseconds, "shares": shares}
        print(
            f"{task} {config} {batch}×{length}: {milliseconds:.0f} ms, {sum_of_products(shares):.0%} products",
            flush=True,
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.json").write_text(json.dumps(profiles, indent=1, ensure_ascii=False), encoding="utf-8")


def profile(start):
    """Shares of the time of all operations, by kind."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, tf.profiler.experimental.ProfilerOptions(host_tracer_level=2))
        for _ in range(STEPS):
            start()()
        tf.profiler.experimental.stop()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    times = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name, colon, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if colon and not name.startswith(AROUND):
                    times[kind(name, operation)] += event.duration_ps
    total = sum(times.values())
    return {name: times[name] / total for name in KINDS}


def kind(name, operation):
    """The kind of an operation of a step, by its name in the graph."""
    if "MatMul" in operation or "Einsum" in operation:
        if "FeedForward" in name:
            return "feed-forward"
        if "dense" in name:
            return "projections"
        return "attention" if "Batch" in operation or "Einsum" in operation else "logits"
    if "Softmax" in operation:
        return "softmax"
    # Without dropout, XLA runs nothing but the optimizer, and the gradient of swish in GAU-α.
    return "optimizer" if operation in ("ExecuteAsyncOnStream", "L2Loss") or "Executable" in name else "rest"


def sum_of_products(shares):
    return sum(shares[name] for name in PRODUCTS)


if __name__ == "__main__":
    main()
