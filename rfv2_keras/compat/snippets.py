"""`bert4keras.snippets`."""

import numpy as np

from rfv2_keras.compat.absent import absent_names
from rfv2_keras.compat.auto_regressive_decoder import AutoRegressiveDecoder
from rfv2_keras.compat.data_generator import DataGenerator
from rfv2_keras.compat.line_files import open
from rfv2_keras.compat.viterbi_decoder import ViterbiDecoder
from rfv2_keras.text import sequence_padding, text_segmentate
from rfv2_keras.text import truncate_sequences as _truncated
from rfv2_keras.text.normalization import TextNormalizer

__all__ = [
    "AutoRegressiveDecoder",
    "DataGenerator",
    "ViterbiDecoder",
    "lowercase_and_normalize",
    "open",
    "sequence_padding",
    "text_segmentate",
    "to_array",
    "truncate_sequences",
]

__getattr__ = absent_names(
    __name__,
    {
        "WebServing": "export the model (rfv2 export) and serve it with what serves such files",
        "is_string": "use isinstance(text, str)",
        "parallel_apply": "use multiprocessing.Pool(workers).imap(function, iterable)",
        "parallel_apply_generator": "use multiprocessing.Pool(workers).imap_unordered(function, iterable)",
        "string_matching": "use any(re.search(k, text) for k in keywords)",
        "uniout": "Python 3 prints Chinese as it is; leave the import out",
    },
)


def to_array(*args):
    """Each argument as a NumPy array: one array for one argument, else a list."""
    arrays = [np.asarray(arg) for arg in args]
    return arrays[0] if len(arrays) == 1 else arrays


def truncate_sequences(maxlen, indices, *sequences):
    """`rfv2_keras.text.truncate_sequences` that also shortens the lists it is given, which scripts rely on.

    Args:
        maxlen: largest total length.
        indices: int, or one int per sequence, where elements are removed.
        *sequences: lists.

    Returns:
        The lists that were not empty, shortened.
    """
    whole = [sequence for sequence in sequences if len(sequence)]
    for sequence, shorter in zip(whole, _truncated(maxlen, indices, *sequences), strict=True):
        sequence[:] = shorter
    return whole


def lowercase_and_normalize(text):
    """Lower case without accents, as the tokenizer of lower-case models sees the text."""
    return TextNormalizer(do_lower_case=True)(text)
