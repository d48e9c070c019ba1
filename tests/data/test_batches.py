"""Batches: a pure function of records, seed and step, whose rows come once per epoch and are shared among processes."""

import hashlib
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from rfv2_keras.data.batches import Batches
from rfv2_keras.errors import UserError


class First:
    """The first records of a folder."""

    def __init__(self, records, size):
        self.lengths = records.lengths[:size]
        for name in ("maxlen", "vocab_size", "start_id", "end_id", "mask_id", "read"):
            setattr(self, name, getattr(records, name))

    def __len__(self):
        return len(self.lengths)


KINDS = [{}, {"buckets": (16, 32)}, {"packed": True}, {"packed": True, "maxlen": 100}]


def restored(batch):
    """The token ids before masking."""
    token_ids = batch["token_ids"].copy()
    rows, places = np.nonzero(batch["target_ids"])
    token_ids[rows, batch["target_positions"][rows, places]] = batch["target_ids"][rows, places]
    return token_ids


def documents(batch, records):
    """The pieces of text of a batch as tuples of ids, read from [CLS] to [SEP]."""
    found = []
    for row in restored(batch):
        starts, ends = np.flatnonzero(row == records.start_id), np.flatnonzero(row == records.end_id)
        found += [tuple(row[start + 1 : end].tolist()) for start, end in zip(starts, ends, strict=True)]
    return found


def digest(batch):
    return hashlib.sha256(b"".join(name.encode() + batch[name].tobytes() for name in sorted(batch))).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_form(records, kind):
    batches = Batches(records, 8, **kind)
    batch = batches.batch(seed=1, step=3)
    length, targets = batch["token_ids"].shape[1], batch["target_ids"].shape[1]
    names = {"token_ids", "segment_ids", "target_positions", "target_ids"}
    assert set(batch) == names | ({"document_ids"} if "packed" in kind else set())
    assert length in batches.buckets
    for name, array in batch.items():
        assert array.dtype == np.int32
        assert array.shape == (8, targets if name.startswith("target") else length)
    assert not batch["segment_ids"].any()
    assert (batch["token_ids"][:, 0] == records.start_id).all()
    # Special tokens and padding are no targets; places without target point at the first token.
    positions, has_target = batch["target_positions"], batch["target_ids"] != 0
    assert not positions[~has_target].any()
    original = np.take_along_axis(restored(batch), positions, 1)[has_target]
    assert not np.isin(original, [0, records.start_id, records.end_id]).any()
    for row, used in zip(positions, has_target, strict=True):
        assert (np.diff(row[used]) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [7, 64])
def test_every_record_once_per_epoch(records, kind, batch_size):
    """Three epochs give every record three times, in orders that differ; windows of buckets are complete."""
    records = First(records, 700)
    batches = Batches(records, batch_size, **kind)
    expected = Counter(tuple(token_ids.tolist()) for token_ids, _ in records.read(range(len(records))))
    steps = -(-3 * batches.rows // batch_size)
    steps = -(-steps // 16) * 16  # whole windows
    found = []
    for step in range(steps):
        found += documents(batches.batch(1, step), records)
    counts = Counter(found)
    surplus = steps * batch_size - 3 * batches.rows
    assert set(counts) == set(expected)
    assert all(counts[text] >= 3 * times for text, times in expected.items())
    if not kind.get("packed"):
        assert sum(counts.values()) == 3 * len(records) + surplus
    if not kind:
        epochs = [found[e * len(records) : (e + 1) * len(records)] for e in range(3)]
        assert all(Counter(epoch) == expected for epoch in epochs)
        assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_processes_share_the_global_batch(records, kind, processes):
    batches = Batches(records, 8, **kind)
    whole = batches.batch(5, 11)
    parts = [batches.batch(5, 11, process, processes) for process in range(processes)]
    for name, array in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), array)


SCRIPT = """
import hashlib, sys
from rfv2_keras.data.batches import Batches
from rfv2_keras.data.records import Records
batch = Batches(Records(sys.argv[1]), 16, buckets=(16, 32), packed=sys.argv[2] == "True").batch(3, 1000)
print(hashlib.sha256(b"".join(name.encode() + batch[name].tobytes() for name in sorted(batch))).hexdigest())
"""


@pytest.mark.parametrize("packed", [False, True])
def test_the_same_bytes_in_another_process(records, root, packed):
    """Nothing depends on what was asked before, on hash seeds or on the process."""
    batches = Batches(records, 16, buckets=(16, 32), packed=packed)
    for step in (5, 1000, 3):
        batches.batch(3, step)
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(records.folder), str(packed)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == digest(batches.batch(3, 1000))


def test_seeds_and_steps_differ(records):
    batches = Batches(records, 8)
    digests = {digest(batches.batch(seed, step)) for seed in range(3) for step in range(5)}
    assert len(digests) == 15


def test_masks_are_drawn_anew_every_epoch(records):
    """The same text comes with other targets in the next epoch."""
    batches = Batches(First(records, 1000), 64)

    def masks(epoch):
        result = {}
        for step in range(epoch * batches.rows // 64, (epoch + 1) * batches.rows // 64):
            batch = batches.batch(1, step)
            for row, ids in zip(restored(batch), batch["target_ids"], strict=True):
                result[tuple(row)] = tuple(ids)
        return result

    first, second = masks(0), masks(1)
    common = [text for text in first if text in second and np.count_nonzero(text) > 40]
    assert len(common) > 300
    assert sum(first[text] == second[text] for text in common) < len(common) / 20


def test_share_of_targets(records):
    """15 % of more than 100,000 tokens, also through the batches; hardly any place for targets is too few."""
    batches = Batches(records, 64)
    tokens = targets = full = 0
    for step in range(40):
        batch = batches.batch(2, step)
        tokens += np.count_nonzero(batch["token_ids"]) - 2 * 64
        targets += np.count_nonzero(batch["target_ids"])
        full += np.count_nonzero(batch["target_ids"][:, -1])
    assert tokens > 100_000
    assert abs(targets / tokens - 0.15) < 0.005
    assert full <= 2


def test_buckets(records):
    """Batches are padded to few lengths; rows of a batch are of similar length; no row is cut."""
    batches = Batches(records, 16, buckets=(16, 32))
    assert batches.buckets == (16, 32, 64)
    shapes = Counter()
    filled = 0
    for step in range(160):
        batch = batches.batch(1, step)
        shapes[batch["token_ids"].shape[1]] += 1
        filled += (batch["token_ids"] > 0).mean()
        assert ((restored(batch) == records.end_id).sum(1) == 1).all()
    assert set(shapes) == {16, 32, 64}
    plain = np.mean([(Batches(records, 16).batch(1, step)["token_ids"] > 0).mean() for step in range(160)])
    assert filled / 160 > plain + 0.05


def test_packed_rows_keep_documents_apart(records):
    """Document ids count from 1, cover [CLS] to [SEP], and are 0 on padding only."""
    batch = Batches(records, 32, packed=True).batch(1, 0)
    ids, numbers = restored(batch), batch["document_ids"]
    np.testing.assert_array_equal(numbers == 0, ids == 0)
    np.testing.assert_array_equal(numbers, np.where(ids > 0, np.cumsum(ids == records.start_id, 1), 0))
    assert numbers.max() > 1
    plain = Batches(records, 32).batch(1, 0)
    assert (ids > 0).mean() > (plain["token_ids"] > 0).mean() + 0.05
    last = np.where(numbers > 0, np.roll(numbers, -1, 1) != numbers, False)
    last[:, -1] = numbers[:, -1] > 0
    assert (ids[last] == records.end_id).all()


def test_records_shorter_than_a_window(records):
    """A corpus smaller than a batch, let alone a window of buckets, still gives every record equally often."""
    batches = Batches(First(records, 3), 8, buckets=(16, 32))
    counts = Counter(text for step in range(48) for text in documents(batches.batch(0, step), records))
    assert sum(counts.values()) == 48 * 8
    assert set(counts.values()) == {128}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"maxlen": 32}, "prepared for rows of 64 tokens"),
        ({"batch_size": 0}, "batch size must be"),
        ({"buckets": (2,)}, "buckets must lie between 3 and maxlen 64"),
        ({"buckets": (65,)}, "buckets must lie between"),
        ({"mask_rate": 1.5}, "mask rate"),
    ],
)
def test_impossible_arguments(records, arguments, message):
    with pytest.raises(UserError, match=message):
        Batches(records, **{"batch_size": 8, **arguments})


@pytest.mark.parametrize("process", [-1, 2])
def test_impossible_process(records, process):
    with pytest.raises(UserError, match="process must be from 0 to 1"):
        Batches(records, 8).batch(0, 0, process, 2)
