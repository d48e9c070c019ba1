"""Sentences to vectors."""

import keras
import numpy as np

from rfv2_keras.embeddings.pooling import pooled_model
from rfv2_keras.errors import UserError
from rfv2_keras.progress import PieceProgress

# Lengths that batches are padded to, so that a model is traced or compiled for few shapes and little is padding.
LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
BATCHES_AT_ONCE = 64  # texts are sorted by length within so many batches, which bounds the memory for token ids


class SentenceEncoder:
    """Turns sentences into float32 vectors.

        encoder = SentenceEncoder.from_directory("runs/mine/model", pooling="first_last_mean")
        vectors = encoder.encode(["今天天气不错", "语言模型"])  # (2, hidden_size)

    Sentences of similar length share a batch; the order of the vectors is that of the sentences. Padding and the other
    rows of a batch do not change a vector beyond rounding.

    Args:
        model: of `build_transformer_model`, with the inputs Input-Token and perhaps Input-Segment.
        tokenizer: a `Tokenizer`.
        pooling: `"first"`, `"last_mean"`, `"first_last_mean"` or `"pooler"`, see `pooled_model`.
        maxlen: tokens of a sentence, [CLS] and [SEP] included; longer ones are cut.

    Attributes:
        model: the Keras model from token ids to vectors.

    Raises:
        UserError: an argument cannot be used.
    """

    def __init__(self, model, tokenizer, pooling="last_mean", maxlen=64):
        names = [tensor.name for tensor in model.inputs]
        if names not in (["Input-Token"], ["Input-Token", "Input-Segment"]):
            raise UserError(f"SentenceEncoder feeds Input-Token and Input-Segment, the model has {', '.join(names)}.")
        if not (isinstance(maxlen, int) and maxlen >= 3):
            raise UserError(f"maxlen of SentenceEncoder must be an integer of at least 3; received: {maxlen!r}.")
        self.tokenizer = tokenizer
        self.maxlen = maxlen
        self.model = pooled_model(model, pooling)
        # Compiling with XLA takes TensorFlow seconds for every shape; JAX without it would not compile at all.
        self.model.compile(jit_compile=False if keras.config.backend() == "tensorflow" else "auto")

    @classmethod
    def from_directory(cls, path, pooling="last_mean", maxlen=64, dtype=None):
        """Read a model directory with a vocabulary.

        Args:
            path: the directory.
            pooling, maxlen: as above. `"pooler"` is the pooler without its tanh, as in bojone/BERT-whitening.
            dtype: Keras dtype policy; None for the global one.

        Raises:
            UserError: it is no model directory, has no vocabulary, or no weights for a pooler.
        """
        # Here, because reading files is not part of what runs on every backend.
        from rfv2_keras.builder import build_transformer_model
        from rfv2_keras.checkpoints import ModelDirectory
        from rfv2_keras.text import Tokenizer

        directory = ModelDirectory.read(path)
        if directory.vocab is None:
            raise UserError(f"{path}: has no vocab.txt, which sentences need.")
        longest = directory.config.max_position_embeddings
        if directory.config.model_type == "bert" and maxlen > longest:
            raise UserError(f"{path}: the model has {longest} positions; received: maxlen={maxlen}.")
        with_pool = "linear" if pooling == "pooler" else False
        model = build_transformer_model(path, with_pool=with_pool, dtype=dtype)
        return cls(model, Tokenizer(str(directory.vocab)), pooling, maxlen)

    @property
    def dimension(self):
        """Numbers of a vector."""
        return self.model.output_shape[-1]

    def encode(self, texts, batch_size=64, progress=True):
        """The vectors of texts.

        Args:
            texts: sequence of str.
            batch_size: largest number of sentences in a batch.
            progress: whether to show how far it is, on standard error.

        Returns:
            float32 array (texts, hidden_size).

        Raises:
            UserError: `texts` is a single string, or one of them is not a string.
        """
        texts = _checked_texts(texts)
        if not (isinstance(batch_size, int) and batch_size >= 1):
            raise UserError(f"batch_size must be an integer of at least 1; received: {batch_size!r}.")
        vectors = np.empty((len(texts), self.dimension), np.float32)
        step = batch_size * BATCHES_AT_ONCE
        with PieceProgress("sentences", len(texts), progress) as bar:
            for begin in range(0, len(texts), step):
                ids = [self.tokenizer.encode(text, maxlen=self.maxlen)[0] for text in texts[begin : begin + step]]
                order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
                for start in range(0, len(order), batch_size):
                    batch = order[start : start + batch_size]
                    vectors[[begin + index for index in batch]] = self._predict(
                        [ids[index] for index in batch], batch_size
                    )
                    bar.advance(len(batch))
        return vectors

    def _predict(self, rows, batch_size):
        """Vectors of rows of token ids, which are padded to one of few shapes."""
        length = len(max(rows, key=len))
        # Not longer than maxlen, as learned positions may end there.
        columns = min(min((size for size in LENGTHS if size >= length), default=self.maxlen), self.maxlen)
        token_ids = np.zeros((_rows_padded(len(rows), batch_size), columns), np.int32)
        for row, ids in zip(token_ids, rows, strict=False):
            row[: len(ids)] = ids
        inputs = [token_ids, np.zeros_like(token_ids)][: len(self.model.inputs)]
        return keras.ops.convert_to_numpy(self.model.predict_on_batch(inputs))[: len(rows)]


def _rows_padded(rows, batch_size):
    """The next power of two, so that the last batch, too, has one of few shapes."""
    return min(1 << (rows - 1).bit_length(), batch_size)


def _checked_texts(texts):
    if isinstance(texts, str):
        raise UserError("encode needs a list of sentences, received a single string.")
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"sentence {index} must be a string, received {type(text).__name__}: {str(text)[:50]!r}.")
    return texts
