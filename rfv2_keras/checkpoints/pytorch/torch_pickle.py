"""The pickle of a PyTorch state dict, read without running anything that stands in it.

Unpickling is a small machine whose instructions may call any function. Here the few instructions that a state dict
needs are interpreted one by one, and the only "functions" are those of `_GLOBALS`: names that stand for what this
module does itself. Everything else is refused. Memory stays in proportion to the file: claims of huge sizes lead
nowhere, because nothing is reserved for them.
"""

import io
import pickletools
from dataclasses import dataclass

from rfv2_keras.errors import UserError

# Storage classes of torch: numpy type of one value. bfloat16 is the upper half of a float32 and read as such.
STORAGE_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

_GLOBALS = {
    "collections OrderedDict": "dict",
    "torch._utils _rebuild_tensor_v2": "tensor",
    "torch._utils _rebuild_tensor": "tensor",
    "torch._utils _rebuild_parameter": "parameter",
    **{f"torch {name}": name for name in STORAGE_TYPES},
}


class Global(str):
    """A name that a pickle may mention; the value says what it stands for here."""


@dataclass(frozen=True)
class Storage:
    """A row of values in the file: `key` says where, `kind` is a key of `STORAGE_TYPES`."""

    kind: str
    key: str
    size: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides are counted in values."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


class Refused(Exception):
    """The pickle holds something else than a state dict; the text says what."""


_MOST_INSTRUCTIONS = 2_000_000  # a model with a thousand weights needs some 30,000


def read_pickle(data, place, storages=None):
    """The object in a pickle: dicts, lists, tuples, plain values and `Tensor`s.

    Args:
        data: bytes that begin with the pickle, or a binary file at its beginning; a file is left behind its end.
        place: how to call the file in messages.
        storages: dict that is filled with all storages by their keys; None where they are not wanted.

    Raises:
        UserError: the pickle is damaged, or holds anything but what a state dict needs.
    """
    try:
        return _Machine({} if storages is None else storages).run(io.BytesIO(data) if isinstance(data, bytes) else data)
    except Refused as error:
        raise UserError(
            f"{place}: is no plain state dict of PyTorch, its pickle holds {error}; nothing of it was run."
        ) from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise UserError(f"{place}: cannot be read as PyTorch weights; the file is truncated or damaged.") from error


class _Machine:
    """The instructions of a state dict; see the module `pickletools` for what each one means."""

    def __init__(self, storages):
        self.stack, self.memo, self.storages = [], {}, storages

    def run(self, file):
        for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if number > _MOST_INSTRUCTIONS:
                raise Refused(f"more than {_MOST_INSTRUCTIONS:,} instructions")
            if opcode.name == "STOP":
                (result,) = self.stack
                return result
            if opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name])
            elif opcode.name in _VALUES:
                self.stack.append(argument)
            elif opcode.name not in _IGNORED:
                step = getattr(self, f"do_{opcode.name.lower()}", None)
                if step is None:
                    raise Refused(f"the instruction {opcode.name}")
                step(argument)
        raise ValueError("no end")

    def above_mark(self):
        """What was put on the stack since the last mark."""
        place = next(i for i in reversed(range(len(self.stack))) if self.stack[i] is _MARK)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def tuple_of(self, count):
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise IndexError("stack is empty")
        del self.stack[-count:]
        self.stack.append(items)

    # --- names and calls ---

    def do_global(self, name):
        if name not in _GLOBALS:
            raise Refused(f"the name {'.'.join(name[:80].split(maxsplit=1))}")
        self.stack.append(Global(_GLOBALS[name]))

    def do_stack_global(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):  # nested tuples can be endless as text
            raise ValueError("bad name")
        self.do_global(f"{module} {name}")

    def do_reduce(self, _):
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global) or function in STORAGE_TYPES:
            raise Refused("a call")
        if function == "dict" and arguments == ():
            self.stack.append({})
        elif function == "parameter":
            self.stack.append(arguments[0])
        elif function == "tensor":
            self.stack.append(_tensor(*arguments[:4]))
        else:
            raise Refused("a call with other arguments than a state dict has")

    def do_build(self, _):
        state, target = self.stack.pop(), self.stack[-1]
        if not (isinstance(state, dict) and isinstance(target, dict)):
            raise Refused("an object with a state")
        # The attributes of an OrderedDict: the versions of modules, which nobody needs here.

    def do_binpersid(self, _):
        kind, storage, key, _, size = self.stack.pop()[:5]
        if kind != "storage" or not isinstance(storage, Global) or storage not in STORAGE_TYPES:
            raise Refused("a reference that is no storage")
        if not (isinstance(key, str) and type(size) is int and size >= 0):
            raise ValueError("bad storage")
        self.storages[key] = Storage(str(storage), key, size)
        self.stack.append(self.storages[key])

    # --- containers ---

    def do_mark(self, _):
        self.stack.append(_MARK)

    def do_empty_dict(self, _):
        self.stack.append({})

    def do_empty_list(self, _):
        self.stack.append([])

    def do_tuple(self, _):
        self.stack.append(tuple(self.above_mark()))

    def do_tuple1(self, _):
        self.tuple_of(1)

    def do_tuple2(self, _):
        self.tuple_of(2)

    def do_tuple3(self, _):
        self.tuple_of(3)

    def do_setitem(self, _):
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def do_setitems(self, _):
        self._set(self.above_mark())

    def _set(self, items):
        keys = items[::2]
        if any(type(key) not in (str, int) for key in keys):  # hashing nested tuples can take for ever
            raise Refused("a dict whose keys are no names")
        self._container(dict).update(zip(keys, items[1::2], strict=True))

    def do_append(self, _):
        item = self.stack.pop()
        self._container(list).append(item)

    def do_appends(self, _):
        items = self.above_mark()
        self._container(list).extend(items)

    def _container(self, kind):
        if not isinstance(self.stack[-1], kind):
            raise ValueError("no container")
        return self.stack[-1]

    # --- memory ---

    def do_binput(self, index):
        self.memo[index] = self.stack[-1]

    do_long_binput = do_binput

    def do_memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def do_binget(self, index):
        self.stack.append(self.memo[index])

    do_long_binget = do_binget


_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES = frozenset(
    "BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING".split()
)
_IGNORED = frozenset({"PROTO", "FRAME"})


def _tensor(storage, offset, shape, strides):
    """A tensor whose claims have been checked: all its values lie in its storage, and it is no larger than that."""
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError("bad tensor")
    if len(shape) > 16:
        raise Refused(f"a tensor of {len(shape)} dimensions")
    count = 1
    for size in shape:
        count *= size
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if count else offset
    if count > storage.size or (count and last >= storage.size):
        raise Refused(f"a tensor of shape {tuple(shape)} over {storage.size} values")
    return Tensor(storage, offset, tuple(shape), tuple(strides))
