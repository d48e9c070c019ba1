"""Records: what is missing, damaged or foreign is named in a sentence."""

import json
import pickle
import shutil

import numpy as np
import pytest

from rfv2_keras.data.records import Records
from rfv2_keras.errors import UserError


@pytest.fixture
def folder(records, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(records.folder, tmp_path / "copy")


def change_index(folder, **changes):
    path = folder / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_random_access(records):
    """A record is the same whether read alone, with others or twice; its length is the one that is known beforehand."""
    assert len(records) > 2000
    assert len(records.index["shards"]) > 1
    wanted = np.random.default_rng(0).integers(0, len(records), 200)
    together = records.read(wanted)
    for index, (token_ids, starts) in zip(wanted, together, strict=True):
        (alone_ids, alone_starts) = records.read([index])[0]
        np.testing.assert_array_equal(token_ids, alone_ids)
        np.testing.assert_array_equal(starts, alone_starts)
        assert len(token_ids) == len(starts) == records.lengths[index]


def test_verified(folder):
    Records(folder, verify=True)
    shard = next(iter(sorted(folder.glob("*.array_record"))))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    Records(folder)  # the size is right
    with pytest.raises(UserError, match=f"{shard.name}: the shard is damaged"):
        Records(folder, verify=True)


def test_another_vocabulary(folder):
    with pytest.raises(UserError, match="made with another vocabulary"):
        Records(folder, vocab_hash="0" * 64)


def test_a_missing_shard(folder):
    shard = next(iter(sorted(folder.glob("*.array_record"))))
    shard.unlink()
    with pytest.raises(UserError, match=rf"{shard.name}: this shard of the records is missing"):
        Records(folder)


def test_a_shard_that_was_cut_off(folder):
    shard = next(iter(sorted(folder.glob("*.array_record"))))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"bytes, but index\.json says"):
        Records(folder)


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_damaged_lengths(folder, content):
    (folder / "lengths.npy").write_bytes(content)
    with pytest.raises(UserError, match="lengths of the records cannot be read"):
        Records(folder)


def test_lengths_of_other_records(folder):
    np.save(folder / "lengths.npy", np.zeros(3, np.uint16))
    with pytest.raises(UserError, match="it has 3 lengths, but"):
        Records(folder)


def test_no_records(tmp_path):
    with pytest.raises(UserError, match="no records were found there"):
        Records(tmp_path)


def test_another_format(folder):
    change_index(folder, format="records 99")
    with pytest.raises(UserError, match="its format is 'records 99'"):
        Records(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_damaged_index(folder, content):
    (folder / "index.json").write_text(content)
    with pytest.raises(UserError, match="this is no index of records"):
        Records(folder)


def test_records_can_be_sent_to_other_processes(records):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(records)).read([5])[0][0], records.read([5])[0][0])
