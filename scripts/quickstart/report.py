"""What the quickstart leaves behind: results.json and a summary on the screen."""

import json
import math
import time

import sklearn

from rfv2_keras import __version__


def write_results(path, scores, settings, seconds, machine):
    """Write accuracies with all that is needed to read them: settings, times, versions, processor."""
    results = {
        "date": time.strftime("%Y-%m-%d"),
        "accuracy": scores,
        "settings": settings,
        "seconds": seconds,
        "versions": {
            "rfv2_keras": __version__,
            "keras": machine.keras,
            "tensorflow": machine.tensorflow,
            "scikit-learn": sklearn.__version__,
            "python": machine.python,
        },
        "processor": machine.cpu,
        "cores": machine.cores,
    }
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def print_summary(folder, run, scores, settings, quick):
    """Print what came out, where it lies and what to try next."""
    held_back, labelled, seed = settings["held_back"], settings["labelled"], settings["seed"]
    print(f"\nAccuracy on {held_back:,} held-back reviews after learning from {labelled:,} labels (seed {seed}):\n")
    for name, score in scores.items():
        error = math.sqrt(score * (1 - score) / held_back)
        print(f"   {name:<36} {score:.3f} ± {error:.3f}")
    print("\n± is one standard error, from the number of held-back reviews alone.")
    if quick:
        print("The short form trains far too little for these numbers to mean anything; it shows that all parts work.")
    print(f"""
In {folder}:
   curves.png            loss, accuracy, learning rate and speed of pretraining
   results.json          these numbers with settings, times and versions
   {run.name}/model/    the pretrained model: build_transformer_model("{run / "model"}")

Next: pretrain on text of your own with `rfv2 prepare` and `rfv2 pretrain` (configs/pretrain), or load released weights
(README.md).""")
