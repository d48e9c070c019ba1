"""What the quickstart leaves behind: results.json and a summary on the screen."""

import json
import math
import os
import platform
import time

import keras
import sklearn
import tensorflow

from rfv2_keras import __version__


def write_results(path, scores, amounts, seed, labelled, seconds):
    """Write accuracies with all that is needed to read them: amounts, seed, times, versions, processor."""
    results = {
        "date": time.strftime("%Y-%m-%d"),
        "accuracy": scores,
        "labelled_reviews": labelled,
        "amounts": amounts,
        "seed": seed,
        "seconds": seconds,
        "versions": {
            "rfv2_keras": __version__,
            "keras": keras.__version__,
            "tensorflow": tensorflow.__version__,
            "scikit-learn": sklearn.__version__,
            "python": platform.python_version(),
        },
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def print_summary(folder, run, scores, held_back, labelled, seed, quick):
    """Print what came out, where it lies and what to try next."""
    print(
        f"\nAccuracy on {held_back:,} held-back reviews after training on {labelled:,} labelled ones (seed {seed}):\n"
    )
    for name, score in scores.items():
        error = math.sqrt(score * (1 - score) / held_back)
        print(f"   {name:<36} {score:.3f} ± {error:.3f}")
    print(
        "\n± is one standard error from the number of held-back reviews; another seed moves the numbers about as much."
    )
    if quick:
        print("The short form trains far too little for these numbers to mean anything; it shows that all parts work.")
    print(f"""
In {folder}:
   curves.png              loss, accuracy, learning rate and speed of pretraining
   results.json            these numbers with settings, versions and times
   {run.name + "/model/":<24}the pretrained model: build_transformer_model("{run / "model"}")

Next: pretrain on text of your own with `rfv2 prepare` and `rfv2 pretrain` (configs/pretrain), or load released weights
(README.md).""")
