"""Preparing on a Ray cluster (of this machine alone) gives the records that one process gives, and the same errors."""

import hashlib

import pytest
import ray

from rfv2_keras.data import corpus as corpus_module
from rfv2_keras.data.prepare import prepare
from rfv2_keras.data.ray_engine import RayEngine
from rfv2_keras.errors import UserError


@pytest.fixture(scope="module")
def cluster(root):
    """Two cores of this machine as a Ray cluster."""
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(root)}}
    )
    yield
    ray.shutdown()


def contents(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir()) if p.is_file()}


def test_the_same_records(cluster, corpus, vocab, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_module, "SMALLEST_CHUNK", 2**18)
    options = {"maxlen": 64, "progress": False}
    first = prepare([corpus], vocab, tmp_path / "one", workers=1, **options)
    assert prepare([corpus], vocab, tmp_path / "ray", workers=2, engine=RayEngine(), **options) == first
    assert first["shards"] > 5
    assert contents(tmp_path / "ray") == contents(tmp_path / "one")


def test_a_mistake_keeps_its_sentence(cluster, corpus, vocab, tmp_path):
    with pytest.raises(UserError, match="returned 'nonsense', which is not in the text"):
        prepare([corpus], vocab, tmp_path, engine=RayEngine(), segmenter=nonsense, progress=False)


def nonsense(text):
    return ["nonsense"]
