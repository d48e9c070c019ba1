"""Truncating, padding and cutting of sequences, with the arguments of bert4keras."""

import numpy as np

from rfv2_keras.errors import UserError


def truncated_lengths(maxlen, lengths):
    """Shorten the longest (of several, the first) by one until the sum is at most `maxlen`; a list of int."""
    if maxlen < 0:
        raise UserError(f"maxlen must be at least 0, received {maxlen}")
    lengths = list(lengths)
    if max(lengths, default=0) == sum(lengths):  # only one of them is not empty
        return [min(length, maxlen) for length in lengths]
    for _ in range(sum(lengths) - maxlen):
        lengths[lengths.index(max(lengths))] -= 1
    return lengths


def remove_at(sequence, index, length):
    """Remove elements at `index`, one after the other, until `length` are left; a new list.

    An index of 0 or more protects that many elements at the front, -1 - k protects k elements at the end. Where no
    element lies at `index` any more, the nearest one is removed.
    """
    if index >= 0:
        head = min(index, length)
    else:
        head = length - min(-1 - index, length)
    return list(sequence[:head]) + list(sequence[len(sequence) - (length - head) :])


def truncate_sequences(maxlen, indices, *sequences):
    """Cut several sequences until they have at most `maxlen` elements together.

    The longest one (of equal ones the first) loses an element at its index until the total fits. Unlike bert4keras, the
    arguments stay as they are, a list of indices belongs to the sequences as given (empty ones count), and an index
    that no longer exists means the nearest element instead of an IndexError.

    Arguments:
        maxlen: int, the largest total length.
        indices: int or one int per sequence, where elements are removed: -1 the last, -2 the last but one (to keep a
            final [SEP]), 1 the second (to keep a leading [CLS]).
        sequences: lists.

    Returns:
        A list of new lists; sequences that were empty from the start are left out.
    """
    if not isinstance(indices, (list, tuple)):
        indices = [indices] * len(sequences)
    if len(indices) != len(sequences):
        raise UserError(f"truncate_sequences received {len(indices)} indices for {len(sequences)} sequences")
    pairs = [(sequence, index) for sequence, index in zip(sequences, indices, strict=True) if len(sequence)]
    lengths = truncated_lengths(maxlen, [len(sequence) for sequence, _ in pairs])
    return [remove_at(sequence, index, length) for (sequence, index), length in zip(pairs, lengths, strict=True)]


def sequence_padding(inputs, length=None, value=0, seq_dims=1, mode="post", dtype=None):
    """Bring sequences to one length and stack them.

    Arguments:
        inputs: sequences (lists or arrays) of any length, equal in the axes after the first `seq_dims`.
        length: int or one int per padded axis; default: the longest. Longer sequences lose their end.
        value: number to pad with.
        seq_dims: int, how many leading axes of each sequence are padded.
        mode: "post" or "pre", the side where the padding goes.
        dtype: of the result; default: that of the inputs that are not empty.

    Returns:
        Array (batch, length, ...).
    """
    if mode not in ("post", "pre"):
        raise UserError(f"mode must be 'post' or 'pre', received {mode!r}")
    rows = [np.asarray(row) for row in inputs]
    if not rows:
        raise UserError("sequence_padding needs at least one sequence, received none")
    if length is None:
        length = np.max([row.shape[:seq_dims] for row in rows], axis=0)
    length = [int(size) for size in np.broadcast_to(length, (seq_dims,))]
    filled = [row for row in rows if row.size] or rows
    dtype = dtype or np.result_type(*filled)
    padded = np.full((len(rows), *length, *filled[0].shape[seq_dims:]), value, dtype)
    for target, row in zip(padded, rows, strict=True):
        row = row[tuple(slice(size) for size in length)]
        sizes = row.shape[:seq_dims]
        if mode == "post":
            place = tuple(slice(size) for size in sizes)
        else:
            place = tuple(slice(full - size, full) for full, size in zip(length, sizes, strict=True))
        target[place] = row
    return padded


def text_segmentate(text, maxlen, seps="\n", strips=None):
    """Cut a text at separators into pieces of at most `maxlen` characters where that is possible.

    Neighbouring parts between the first separator are joined while they fit; what is still too long is cut at the next
    separator. A stretch without any separator stays whole, however long.

    Arguments:
        text: str.
        maxlen: int, characters.
        seps: str, one-character separators, the coarsest first; each stays at the end of its piece.
        strips: str, characters removed from both ends of every piece (after whitespace).

    Returns:
        List of str.
    """
    text = text.strip().strip(strips)
    if not seps or len(text) <= maxlen:
        return [text]
    parts = text.split(seps[0])
    parts = [part + seps[0] for part in parts[:-1]] + parts[-1:]
    pieces, piece = [], ""
    for i, part in enumerate(parts):
        size = len(part) - (i + 1 < len(parts))  # without its separator, for which one place is always kept free
        if piece and size and len(piece) + size >= maxlen:
            pieces.extend(text_segmentate(piece, maxlen, seps[1:], strips))
            piece = ""
        piece += part
    if piece:
        pieces.extend(text_segmentate(piece, maxlen, seps[1:], strips))
    return pieces
