"""Sentence vectors on the JAX backend: the same numbers, and TensorFlow is never imported."""

import os
import subprocess
import sys

import numpy as np

from rfv2_keras.embeddings import SentenceEncoder, Whitening

PROGRAM = """
import sys
import numpy as np
from rfv2_keras.embeddings import SentenceEncoder, Whitening
directory, texts, out = sys.argv[1], sys.argv[2].split("|"), sys.argv[3]
vectors = SentenceEncoder.from_directory(directory, "first_last_mean").encode(texts, progress=False)
np.savez(out, vectors=vectors, whitened=Whitening().fit(vectors).to_dense()(vectors))
foreign = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "torch"}
assert not foreign, foreign
"""


def test_same_vectors_without_tensorflow(root, model_directory, sentences, tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", PROGRAM, str(model_directory), "|".join(sentences), str(tmp_path / "out.npz")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    vectors = SentenceEncoder.from_directory(model_directory, "first_last_mean").encode(sentences, progress=False)
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_allclose(found["vectors"], vectors, atol=1e-5)
        expected = Whitening().fit(found["vectors"]).transform(found["vectors"])
        np.testing.assert_allclose(found["whitened"], expected, atol=1e-3)
