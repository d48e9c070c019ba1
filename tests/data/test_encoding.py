"""Records: what is stored is read back, in 2 bytes and a bit per token."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfv2_keras.data.encoding import RecordCodec, ShardFile


@settings(deadline=None)
@given(
    vocab_size=st.sampled_from([12_000, 2**16, 2**16 + 1, 10**6]),
    tokens=st.integers(0, 1100),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(vocab_size, tokens, seed):
    generator = np.random.default_rng(seed)
    token_ids = generator.integers(0, vocab_size, tokens, np.int32)
    word_starts = generator.random(tokens) < 0.6
    codec = RecordCodec(vocab_size)
    decoded_ids, decoded_starts = codec.decode(codec.encode(token_ids, word_starts))
    assert decoded_ids.dtype == np.int32
    assert decoded_starts.dtype == bool
    np.testing.assert_array_equal(decoded_ids, token_ids)
    np.testing.assert_array_equal(decoded_starts, word_starts)


@pytest.mark.parametrize(("vocab_size", "size"), [(12_000, 1024 + 64), (100_000, 2048 + 64)])
def test_size(vocab_size, size):
    assert len(RecordCodec(vocab_size).encode(np.zeros(512, np.int32), np.ones(512, bool))) == size


def test_a_full_disk_is_an_os_error():
    """The device that is always full."""
    file = ShardFile("/dev/full")
    with pytest.raises(OSError, match="No space left"):  # noqa: PT012 - small records are written on closing
        file.write(b"x" * 100)
        file.close()
