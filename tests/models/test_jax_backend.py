"""Layers and models on the JAX backend: the same golden numbers, and no TensorFlow behind the curtain.

The backend is chosen once per process, hence the processes.
"""

import os
import re
import subprocess
import sys

WITHOUT_TENSORFLOW = """
import sys
import numpy as np
from rfv2_keras.config import ModelConfig
from rfv2_keras.models import ARCHITECTURES

sizes = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16, "attention_key_size": 8}
for name, architecture in ARCHITECTURES.items():
    config = ModelConfig.read({**sizes, "num_attention_heads": 2, "model_type": name})
    model = architecture(config, application="unilm", with_mlm=True).model
    tokens = np.ones((2, 5), "int32")
    assert model.predict([tokens, tokens], verbose=0).shape == (2, 5, 20)
foreign = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "torch"}
assert not foreign, foreign
"""


def run_on_jax(root, *arguments):
    # The programs are tiny and run once: compiling them well would take longer than running them.
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_models_need_no_tensorflow(root):
    """All architectures are built and predict in a process that never imports it."""
    run_on_jax(root, "-c", WITHOUT_TENSORFLOW)


def test_golden_cases(root, golden_cases):
    """Outputs of all batches, all gradients, the layer cases; compiled: one model with and one without GAU."""
    compiled = "(jit and (roformer_v2_embsize_mlm or gau_alpha_mlm_linear))"
    output = run_on_jax(
        root,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/models/test_golden.py", "tests/layers/test_golden_layers.py"),
        *("-k", f"test_golden_layers or batches or plain or {compiled}"),
    )
    assert int(re.search(r"(\d+) passed", output)[1]) >= 2 * len(golden_cases) + 2
