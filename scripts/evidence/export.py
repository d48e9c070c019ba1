"""Exports of one fine-tuned model in all formats: size, difference, accuracy and speed, as a table for docs/export.md.

    python scripts/evidence/export.py MODEL_DIR DEV_FILE --task tnews

Every export is run by a process of its own that does not have the package, on the sentences of the file, in batches of
32 padded to the longest, on one core. Scores are compared with those of the Keras model.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

BATCH = 32
FORMATS = ("saved-model", "onnx", "tflite")


def load(folder, signature):
    """A function of the inputs that gives the scores, by the runtime of the format."""
    if signature["format"] == "saved-model":
        import tensorflow as tf

        serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
        return lambda **inputs: serve(**{k: tf.constant(v) for k, v in inputs.items()})["scores"].numpy()
    if signature["format"] == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        return lambda **inputs: session.run(["scores"], inputs)[0]
    import tensorflow as tf

    runner = tf.lite.Interpreter(str(folder / "model.tflite"), num_threads=1).get_signature_runner("serving_default")
    return lambda **inputs: runner(**inputs)["scores"]


def run_export(folder, batches, results):
    """In a process of its own: the scores of all batches, and seconds for all of them after a first round."""
    folder = Path(folder)
    score = load(folder, json.loads((folder / "signature.json").read_text(encoding="utf-8")))
    arrays = np.load(batches)
    pairs = [(arrays[f"token{i}"], arrays[f"segment{i}"]) for i in range(len(arrays.files) // 2)]
    scores = [score(Input_Token=tokens, Input_Segment=segments) for tokens, segments in pairs]
    begin = time.perf_counter()
    for tokens, segments in pairs:
        score(Input_Token=tokens, Input_Segment=segments)
    np.savez(results, scores=np.concatenate(scores), seconds=time.perf_counter() - begin)


def made_batches(model, examples, kind):
    """Token and segment ids by name, and what the Keras model gives for them."""
    features = [kind.features(example, i)[0] for i, example in enumerate(examples)]
    arrays, scores = {}, []
    for i, begin in enumerate(range(0, len(features), BATCH)):
        rows = features[begin : begin + BATCH]
        inputs = kind.inputs(rows, max(row.length for row in rows))
        token_ids = inputs["Input-Token"]
        segment_ids = inputs.get("Input-Segment", np.zeros_like(token_ids))
        arrays[f"token{i}"], arrays[f"segment{i}"] = token_ids, segment_ids
        scores.append(model.predict_on_batch([token_ids, segment_ids]))
    return arrays, np.concatenate(scores)


def main():
    from rfv2_keras.clue.fine_tuned import FineTuned
    from rfv2_keras.export import export_model

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--task", required=True)
    parser.add_argument("--examples", type=int, default=512)
    args = parser.parse_args()
    found = FineTuned.read(args.model, args.task, dtype="float32")
    examples = found.kind.read(Path(args.file), print)[: args.examples]
    labels = np.array([found.kind.task.labels.index(example.answer) for example in examples])
    arrays, expected = made_batches(found.model, examples, found.kind)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")
    print("| format | weights | MB | largest difference | same class | accuracy | sentences/s |\n|-|-|-|-|-|-|-|")
    with tempfile.TemporaryDirectory() as temporary:
        batches = Path(temporary, "batches.npz")
        np.savez(batches, **arrays)
        for name in FORMATS:
            for quantize in (None, "int8"):
                folder, results = Path(temporary, f"{name}-{quantize}"), Path(temporary, "results.npz")
                export_model(args.model, folder, name, "task", args.task, quantize)
                size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
                command = [sys.executable, __file__, "--run", folder, batches, results]
                subprocess.run(command, check=True, env=environment, cwd=temporary)
                with np.load(results) as found_scores:
                    scores, seconds = found_scores["scores"], float(found_scores["seconds"])
                classes = scores.argmax(-1)
                same = (classes == expected.argmax(-1)).mean()
                print(
                    f"| {name} | {quantize or 'float32'} | {size:.1f} | {np.abs(scores - expected).max():.1e} | "
                    f"{same:.4f} | {(classes == labels).mean():.4f} | {len(scores) / seconds:,.0f} |",
                    flush=True,
                )
    packages = ", ".join(f"{p} {version(p)}" for p in ("tensorflow", "keras", "tf2onnx", "onnxruntime", "numpy"))
    print(
        f"\n{date.today()}, {packages}, {platform.processor() or platform.machine()}, one core, {len(labels)} sentences"
    )


if __name__ == "__main__":
    if sys.argv[1] == "--run":
        run_export(*sys.argv[2:])
    else:
        main()
