"""What a masked language model says of the tokens at a few positions of a text."""

import keras
import numpy as np

from rfv2_keras.errors import UserError
from rfv2_keras.inference.any_shape import prediction_function
from rfv2_keras.inference.batching import LENGTHS, lengths_up_to, power_of_two_above, row_batches
from rfv2_keras.inference.texts import longest_text

MASK = "[MASK]"


class MaskedLanguageModel:
    """Log-probabilities of all tokens of the vocabulary at chosen positions of rows of token ids.

    The projection on the vocabulary, and the last layer but of GAU-α, is computed at these positions only.

    Args:
        model: of `build_transformer_model(..., with_mlm="linear", target_positions=True)`.
        tokenizer: a `Tokenizer` that recognises [MASK] in texts.
        maxlen: most tokens of a row, [CLS] and [SEP] included.
        encoder: Keras model of the hidden states at all positions, with the same weights; None if nobody asks for it.

    Attributes:
        keras_model, encoder: as given.
    """

    def __init__(self, model, tokenizer, maxlen, encoder=None):
        self.tokenizer = tokenizer
        self.maxlen = maxlen
        self.keras_model = model
        self.encoder = encoder
        self._lengths = lengths_up_to(maxlen, LENGTHS)
        answers = keras.layers.Activation("log_softmax", dtype="float32", name="Log-Probabilities")(model.output)
        model = keras.Model(model.inputs, answers, name=f"{model.name}_masked_lm")
        self._inputs = [tensor.name for tensor in model.inputs]
        self._predict = prediction_function(model)

    @classmethod
    def from_directory(cls, path, dtype=None, maxlen=None):
        """Read a model with its MLM head.

        Args:
            path: model directory, or folder of a released bert4keras model.
            dtype: Keras dtype policy; None for the global one.
            maxlen: most tokens of a text; None takes `max_position_embeddings` of the config. Models with rotary
                positions take longer texts, too.

        Raises:
            UserError: the folder holds no model, or one whose MLM head has no weights.
        """
        # Here, because reading files is not part of what runs on every backend.
        from rfv2_keras.builder import build_transformer_model
        from rfv2_keras.checkpoints.pretrained import PretrainedFolder
        from rfv2_keras.text import Tokenizer

        folder = PretrainedFolder.read(path)
        longest = longest_text(path, folder.config, maxlen)
        tokenizer = Tokenizer(str(folder.vocab), tokens_in_text=(MASK,))
        if tokenizer.vocab_size > folder.config.vocab_size:
            raise UserError(
                f"{folder.vocab}: the vocabulary has {tokenizer.vocab_size} tokens, but vocab_size of the model is "
                f"{folder.config.vocab_size}."
            )
        builder = build_transformer_model(
            folder.config,
            folder.weights,
            with_mlm="linear",
            target_positions=True,
            dtype=dtype,
            return_keras_model=False,
        )
        return cls(builder.model, tokenizer, longest, builder.encoder)

    @property
    def vocab_size(self):
        """Tokens that the model knows."""
        return self.keras_model.output_shape[-1]

    def batches(self, rows, batch_size):
        """Go through rows.

        Args:
            rows: iterable of pairs (token ids, positions), positions being a list of at least one index.
            batch_size: most rows that go through the model at once.

        Yields:
            (places of rows among all rows, float32 array (these rows, positions, vocabulary)). Rows with fewer
            positions than others of their batch have meaningless values at the end.
        """
        for batch in row_batches(rows, lambda row: len(row[0]), batch_size, self._lengths):
            token_ids = np.zeros(batch.shape, np.int32)
            targets = power_of_two_above(max(len(positions) for _, positions in batch.rows))
            target_positions = np.zeros((batch.shape[0], targets), np.int32)
            for number, (ids, positions) in enumerate(batch.rows):
                token_ids[number, : len(ids)] = ids
                target_positions[number, : len(positions)] = positions
            arrays = {"Input-Token": token_ids, "Input-Target-Position": target_positions}
            segments = np.zeros_like(token_ids)
            answers = self._predict([arrays.get(name, segments) for name in self._inputs])
            yield batch.places, answers[: len(batch.rows)]


def masked_language_model(source, dtype=None, maxlen=None):
    """A `MaskedLanguageModel`, from one or from a folder."""
    if isinstance(source, MaskedLanguageModel):
        return source
    return MaskedLanguageModel.from_directory(source, dtype, maxlen)
