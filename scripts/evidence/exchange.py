"""Runs the exchange of weights live, both ways, with the libraries installed, and prints a Markdown table.

    python scripts/evidence/exchange.py --python PYTHON --old-python PYTHON4 [--model MODEL_DIRECTORY]

PYTHON has transformers (5), bert4torch and KerasHub; PYTHON4 has roformer 0.4.3 and gau-alpha 0.0.3, which need
transformers 4. "read" is the largest difference between our outputs and those of the library on the folder that it
wrote (tests/golden/exchange), "written" on the folder that we wrote from it: four rows of 40 tokens or less, with
padding and segments, at tokens that are no padding. --model does the second for a trained RoFormerV2 of ours as well.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from rfv2_keras.checkpoints.conversion import peer_outputs
from rfv2_keras.checkpoints.conversion.comparison import difference, our_outputs, random_inputs
from rfv2_keras.checkpoints.conversion.convert import convert, load_whole
from rfv2_keras.checkpoints.pretrained import PretrainedFolder

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "exchange"
OLD = ("roformer", "gau-alpha")
# library -> folders in tests/golden/exchange
CASES = {
    "roformer": ["roformer_v2"],
    "bert4torch": ["roformer_v2_bert4torch", "roformer_bert4torch", "bert_bert4torch"],
    "transformers": ["roformer", "bert"],
    "gau-alpha": ["gau_alpha"],
    "keras-hub": ["keras_hub", "keras_hub_scaled"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--old-python", default=sys.executable)
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    print(f"Keras {keras.__version__}, backend {keras.backend.backend()}\n")
    print("| model | library | read | written |\n|-|-|-|-|")
    for library, names in CASES.items():
        sources = {name: GOLDEN / name for name in names}
        if arguments.model and library not in ("transformers", "gau-alpha"):
            sources["the model directory"] = arguments.model
        with tempfile.TemporaryDirectory() as folder:
            rows = [Row(name, source, library, Path(folder, name)) for name, source in sources.items()]
            python = arguments.old_python if library in OLD else arguments.python
            print(f"{library} ...", file=sys.stderr, flush=True)
            files = [file for row in rows for file in row.files]
            subprocess.run([python, peer_outputs.__file__, library, *map(str, files)], check=True, stdout=sys.stderr)
            for row in rows:
                print(row.cells(), flush=True)


class Row:
    """A model: our outputs, and the folders that the library is to read."""

    def __init__(self, name, source, library, place):
        self.name, self.library, self.place = name, library, place
        folder = PretrainedFolder.read(source, needs_vocab=False)
        self.inputs = random_inputs(folder.config)
        self.ours = our_outputs(load_whole(folder)[0], folder.config, self.inputs)
        to, layout = ("keras-hub", None) if library == "keras-hub" else ("huggingface", library)
        convert(source, place / "target", to, layout, compare=False)
        np.savez(place / "inputs.npz", **self.inputs)
        theirs = {"read": source} if source.parent == GOLDEN else {}
        self.folders = {**theirs, "written": place / "target"}

    @property
    def files(self):
        for kind, folder in self.folders.items():
            yield from (folder, self.place / "inputs.npz", self.place / f"{kind}.npz")

    def cells(self):
        found, versions = {"read": "–"}, ""
        for kind in self.folders:
            with np.load(self.place / f"{kind}.npz") as outputs:
                item = difference(self.ours, outputs, self.inputs, self.library)
                versions = str(outputs["versions"])
            found[kind] = ", ".join(f"{field} {value:.1e}" for field, value in item.largest.items()) + item.note
        return f"| {self.name} | {versions} | {found['read']} | {found['written']} |"


if __name__ == "__main__":
    main()
