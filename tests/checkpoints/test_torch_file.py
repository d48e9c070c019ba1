"""Files of torch.save are read to the bit without PyTorch, and no file whatever makes anything run or memory fill."""

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rfv2_keras.checkpoints.pytorch.torch_file import is_torch_file, read_torch_file
from rfv2_keras.errors import UserError

FORMATS = Path(__file__).resolve().parents[1] / "golden" / "exchange" / "torch_formats"


@pytest.mark.parametrize("name", ["zip.bin", "legacy.bin"])
def test_all_types_and_views(name):
    """Both formats; views that are parts, transposed or share a storage; 16-bit numbers; parameters; no values."""
    assert is_torch_file(FORMATS / name)
    found = read_torch_file(FORMATS / name)
    with np.load(FORMATS / "expected.npz") as expected:
        assert set(found) == set(expected)
        for key, values in expected.items():
            assert found[key].shape == values.shape
            np.testing.assert_array_equal(np.asarray(found[key], "float64"), values, err_msg=key)


def test_state_dict_of_a_module():
    assert {name: array.shape for name, array in read_torch_file(FORMATS / "module.bin").items()} == {
        "0.weight": (3, 2),
        "0.bias": (3,),
    }


def read_all(path):
    return [np.asarray(array) for array in read_torch_file(path).values()]


@pytest.fixture
def refused(tmp_path):
    """refused(content, sentence): the file is refused with one sentence, and without using memory."""

    def check(content, sentence):
        path = tmp_path / "pytorch_model.bin"
        path.write_bytes(content)
        tracemalloc.start()
        try:
            with pytest.raises(UserError, match=sentence) as error:
                read_all(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert str(error.value).startswith(str(path))
        assert str(error.value).endswith(".")
        assert "\n" not in str(error.value)
        assert peak < 20e6

    return check


def archive(data, members=(), **options):
    """A zip archive like that of torch.save around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as target:
        target.writestr("model/data.pkl", data)
        for name, content in members:
            target.writestr(name, content)
    return file.getvalue()


class Run:
    """Unpickled, it would make a file."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, exec, eval])
def test_code_is_not_run(refused, tmp_path, monkeypatch, protocol, function):
    monkeypatch.chdir(tmp_path)
    code = "touch harm" if function is os.system else "open('harm', 'w')"
    for data in (Run(function, code), {"a": [Run(function, code)]}, Run(getattr, Run(__import__, "os"), "system")):
        content = pickle.dumps(data, protocol)
        refused(archive(content), "is no plain state dict of PyTorch, its pickle holds .*; nothing of it was run")
        legacy = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        refused(legacy + content, "nothing of it was run|truncated or damaged")
    assert not Path("harm").exists()


def test_names_beside_the_allowed_ones_are_refused(refused):
    """A name is allowed as a whole: not another one of the same module, and no attribute of an allowed one."""
    for module, name in (
        ("torch._utils", "_rebuild_qtensor"),
        ("torch", "load"),
        ("collections", "OrderedDict.__init__"),
        ("collections", "defaultdict"),
        ("builtins", "dict"),
        ("torch.storage", "_load_from_bytes"),
    ):
        for call in (f"c{module}\n{name}\n)R.".encode(), _stack_global(module, name)):
            refused(archive(b"\x80\x04" + call), rf"its pickle holds the name {module}\.{name}")


def _stack_global(module, name):
    return b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93)R."


def tensor_pickle(numel=4, size=(4,), stride=(1,), offset=0, key="0", storage="FloatStorage"):
    """A pickle with one tensor whose claims are chosen freely."""

    def number(value):
        if 0 <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(20, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def sizes(values):
        return b"(" + b"".join(number(value) for value in values) + b"t"

    reference = (
        b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu") + number(numel) + b"tQ"
    )
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + number(offset) + sizes(size) + sizes(stride)
    return b"\x80\x02}" + text("weight") + tensor + b"\x89ccollections\nOrderedDict\n)RtRs."


FOUR = [("model/data/0", np.arange(4, dtype="<f4").tobytes())]


def test_the_hand_made_pickle_is_a_tensor(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(archive(tensor_pickle(), FOUR))
    np.testing.assert_array_equal(np.asarray(read_torch_file(path)["weight"]), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"size": (10**12,)}, r"a tensor of shape \(1000000000000,\) over 4 values"),
        ({"size": (10**6, 10**6), "stride": (0, 0)}, "a tensor of shape"),
        ({"size": (2**62, 4), "stride": (1, 1)}, "a tensor of shape"),
        ({"size": (1,) * 40, "stride": (1,) * 40}, "a tensor of 40 dimensions"),
        ({"size": (2,), "stride": (4,)}, "a tensor of shape"),
        ({"offset": 1}, "a tensor of shape"),
        ({"offset": -1}, "truncated or damaged"),
        ({"size": (-4,)}, "truncated or damaged"),
        ({"stride": (1, 1)}, "truncated or damaged"),
        ({"numel": 10**13, "size": (10**13,)}, "a storage has 4 values instead of 10000000000000"),
        ({"numel": 2, "size": (2,)}, "a storage has 4 values instead of 2"),
        ({"key": "1"}, "truncated or damaged"),
        ({"key": "../../../etc/passwd"}, "truncated or damaged"),
        ({"storage": "QInt8Storage"}, "the name torch.QInt8Storage"),
    ],
)
def test_claims_about_sizes(refused, claims, sentence):
    refused(archive(tensor_pickle(**claims), FOUR), sentence)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x80\x02r\xff\xff\xff\xff.", "truncated or damaged"),  # memory place 4,294,967,295
        (b"\x80\x02}r\xff\xff\xff\xff.", "holds no state dict"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.", "truncated or damaged"),  # a string of a terabyte
        (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.", "truncated or damaged"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f1.", "truncated or damaged"),  # a number of two gigabytes
        (b"\x80\x02" + b"(" * 100_000 + b".", "truncated or damaged"),
        (b"\x80\x02" + b"]" + b"a" * 3 + b".", "truncated or damaged"),
        # A tuple of two equal tuples, 200 deep: as a key of a dict it would be hashed 2²⁰⁰ times.
        (b"\x80\x02}K\x01q\x00" + b"h\x00h\x00\x86q\x00" * 200 + b"K\x01s.", "a dict whose keys are no names"),
        # The same as a name, which would be written out.
        (b"\x80\x04K\x01q\x00" + b"h\x00h\x00\x86q\x00" * 200 + b"\x93.", "truncated or damaged"),
        (b"\x80\x04\x8c\x01a\x8c\xff" + b"x" * 255 + b"\x93.", "its pickle holds the name a.x{78}; "),
        (b"", "truncated or damaged"),
        (b"\x80\x02}.", "holds no state dict"),
        (b"\x80\x02K\x01.", "holds no state dict"),
    ],
)
def test_pickles_that_would_take_memory_or_time(refused, data, sentence):
    refused(archive(data), sentence)


def test_object_of_a_module_is_refused(refused):
    refused((FORMATS / "object.bin").read_bytes(), r"its pickle holds the name torch\.nn\.modules\.linear\.Identity")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "model/../../evil", "..\\evil"])
def test_archive_with_members_outside_itself(refused, tmp_path, name):
    refused(archive(tensor_pickle(), [*FOUR, (name, b"x")]), "the archive has a member outside itself")
    assert [file.name for file in tmp_path.iterdir()] == ["pytorch_model.bin"]


def test_zip_bomb(refused):
    """A member that unpacks to 100 MB."""
    bomb = archive(tensor_pickle(), [("model/data/0", bytes(10**8))], compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 200_000
    refused(bomb, "the archive has a compressed member")


def test_members_that_overlap(refused):
    """The directory of the archive names one member many times: together they are larger than the file."""
    content = archive(tensor_pickle(), [("model/data/0", bytes(10**5))])
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        start = source.start_dir
    directory, end = content[start:-22], bytearray(content[-22:])
    entry = directory[directory.rindex(b"PK\x01\x02") :]
    copies = b"".join(entry.replace(b"model/data/0", b"model/data/%c" % (65 + i)) for i in range(20))
    struct.pack_into("<HHI", end, 8, 22, 22, len(directory) + len(copies))
    refused(content[:start] + directory + copies + bytes(end), "claim more bytes than")


def test_claims_of_the_directory_of_an_archive(refused):
    """Sizes in the directory that are not those of the file."""
    content = archive(tensor_pickle(), FOUR)
    place = content.rindex(b"PK\x01\x02")
    for size in (5, 2**31, 2**32 - 2):
        claim = struct.pack("<II", size, size)
        refused(
            content[: place + 20] + claim + content[place + 28 :],
            "claim more bytes|truncated or damaged|has [0-9]+ values",
        )


@pytest.mark.parametrize("name", ["zip.bin", "legacy.bin"])
def test_truncated_and_overwritten_files(name, tmp_path):
    """A sentence for every damage that is noticed, never another exception."""
    content, path = (FORMATS / name).read_bytes(), tmp_path / name
    noticed = 0
    for share in np.linspace(0.0, 0.99, 25):
        place = int(share * len(content))
        for damaged in (content[:place], content[:place] + bytes(40) + content[place + 40 :]):
            path.write_bytes(damaged)
            try:
                read_all(path)
            except UserError:
                noticed += 1
    assert noticed > 25
