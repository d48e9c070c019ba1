"""Sentences to vectors."""

import keras
import numpy as np

from rfv2_keras.embeddings.pooling import pooled_model
from rfv2_keras.errors import UserError
from rfv2_keras.inference.batching import BATCHES_AT_ONCE, LENGTHS, lengths_up_to, row_batches
from rfv2_keras.inference.texts import check_count, checked_texts, longest_text
from rfv2_keras.progress import PieceProgress


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
        check_count("maxlen of SentenceEncoder", maxlen, least=3)
        self.tokenizer = tokenizer
        self.maxlen = maxlen
        self._lengths = lengths_up_to(maxlen, LENGTHS)
        self.model = pooled_model(model, pooling)
        # Compiling with XLA takes TensorFlow seconds for every shape; JAX without it would not compile at all.
        self.model.compile(jit_compile=False if keras.config.backend() == "tensorflow" else "auto")

    @classmethod
    def from_directory(cls, path, pooling="last_mean", maxlen=64, dtype=None):
        """Read a model with its vocabulary.

        Args:
            path: model directory, or folder of a released bert4keras model.
            pooling, maxlen: as above. `"pooler"` is the pooler without its tanh, as in bojone/BERT-whitening.
            dtype: Keras dtype policy; None for the global one.

        Raises:
            UserError: the folder holds no model, no vocabulary, or no weights for a pooler.
        """
        # Here, because reading files is not part of what runs on every backend.
        from rfv2_keras.builder import build_transformer_model
        from rfv2_keras.checkpoints.pretrained import PretrainedFolder
        from rfv2_keras.text import Tokenizer

        folder = PretrainedFolder.read(path)
        maxlen = longest_text(path, folder.config, maxlen)
        with_pool = "linear" if pooling == "pooler" else False
        model = build_transformer_model(folder.config, folder.weights, with_pool=with_pool, dtype=dtype)
        return cls(model, Tokenizer(str(folder.vocab)), pooling, maxlen)

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
        if isinstance(texts, str):
            raise UserError("encode needs a list of sentences, received a single string.")
        texts, _ = checked_texts(texts, "sentence")
        check_count("batch_size", batch_size)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        rows = (self.tokenizer.encode(text, maxlen=self.maxlen)[0] for text in texts)
        with PieceProgress("sentences", len(texts), progress) as bar:
            for batch in row_batches(rows, len, batch_size, self._lengths, BATCHES_AT_ONCE):
                vectors[batch.places] = self._predict(batch)
                bar.advance(len(batch.rows))
        return vectors

    def _predict(self, batch):
        """Vectors of the rows of a batch."""
        token_ids = np.zeros(batch.shape, np.int32)
        for row, ids in zip(token_ids, batch.rows, strict=False):
            row[: len(ids)] = ids
        inputs = [token_ids, np.zeros_like(token_ids)][: len(self.model.inputs)]
        return keras.ops.convert_to_numpy(self.model.predict_on_batch(inputs))[: len(batch.rows)]
