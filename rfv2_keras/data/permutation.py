"""A shuffled order that is computed instead of stored."""

import numpy as np

ROUNDS = 12  # with 6, orders of five items are visibly uneven


def shuffled(positions, size, seed):
    """The items at some positions of an endless stream that goes through 0 .. size - 1 in a new order every epoch.

    Position p lies in epoch p // size; within an epoch every item comes exactly once. The order is a Feistel network
    over the next power of four (Luby and Rackoff, 1988), walked on until the value lies below `size`; so the memory
    does not depend on `size`, where a stored order of 200 million items takes 1.6 GB.

    Arguments:
        positions: (n,) whole numbers from 0.
        size: int, number of items.
        seed: int.

    Returns:
        (n,) int64.
    """
    positions = np.asarray(positions, np.uint64)
    epochs, items = positions // np.uint64(size), positions % np.uint64(size)
    keys = _mix(epochs ^ _mix(np.full(1, seed % 2**64, np.uint64)))
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    outside = np.arange(len(items))
    while outside.size:
        items[outside] = _feistel(items[outside], keys[outside], np.uint64(half))
        outside = outside[items[outside] >= size]
    return items.astype(np.int64)


def _feistel(values, keys, half):
    """A permutation of the numbers of 2 * half bits."""
    low_bits = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & low_bits
    for number in range(ROUNDS):
        left, right = right, left ^ (_mix(keys + right * np.uint64(ROUNDS) + np.uint64(number)) & low_bits)
    return (left << half) | right


def _mix(values):
    """Spread every bit over all 64 (splitmix64: Steele, Lea and Flood, 2014); products wrap around on purpose."""
    values = (values + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
