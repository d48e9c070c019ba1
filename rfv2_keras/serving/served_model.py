"""What a server can be asked follows from the directory of its model."""

import logging
from dataclasses import dataclass
from pathlib import Path

from rfv2_keras.builder import build_transformer_model
from rfv2_keras.checkpoints.pretrained import PretrainedFolder
from rfv2_keras.clue.fine_tuned import HEADS, FineTuned, heads_of
from rfv2_keras.embeddings import SentenceEncoder
from rfv2_keras.errors import UserError
from rfv2_keras.inference import FillMask, MaskedLanguageModel
from rfv2_keras.inference.texts import longest_text
from rfv2_keras.serving.operations import EmbedOperation, FillMaskOperation, PredictOperation
from rfv2_keras.text import Tokenizer

logger = logging.getLogger("rfv2_keras")

MODEL = "model"  # where a run directory has its model directory


@dataclass(frozen=True)
class ServedModel:
    """The operations of a model.

    Attributes:
        name: of the folder, or of the run that it belongs to.
        fill_mask: `FillMaskOperation`; None for a fine-tuned model, and for one without weights of an MLM head.
        embed: `EmbedOperation`.
        predict: name of a task -> `PredictOperation`.
    """

    name: str
    fill_mask: FillMaskOperation | None
    embed: EmbedOperation
    predict: dict

    @classmethod
    def read(cls, path, batch, pooling="last_mean", maxlen=None, dtype=None):
        """Load a model.

        Args:
            path: model directory, fine-tuned run or model, or folder of a released bert4keras model.
            batch: most rows that go through the model at once.
            pooling: of the sentence vectors, see `pooled_model`; the pooler is not among them.
            maxlen: most tokens of a text; None takes `max_position_embeddings` of the config. Tasks have their own.
            dtype: Keras dtype policy; None for the global one.

        Raises:
            UserError: there is no such model, or its files are damaged.
        """
        path = Path(path)
        if not (path / HEADS).is_dir() and (path / MODEL).is_dir():
            path = path / MODEL
        folder = PretrainedFolder.read(path)
        maxlen = longest_text(path, folder.config, maxlen)
        fill_mask, predict = None, {}
        if heads_of(path):
            encoder, predict = _tasks(path, batch, dtype)
        else:
            try:
                model = MaskedLanguageModel.from_directory(path, dtype, maxlen)
                fill_mask = FillMaskOperation(FillMask(model), batch)
                encoder = model.encoder
            except UserError as error:
                logger.warning("There is no /fill-mask: %s", error)
                encoder = build_transformer_model(folder.config, folder.weights, dtype=dtype)
        embed = EmbedOperation(SentenceEncoder(encoder, Tokenizer(str(folder.vocab)), pooling, maxlen), batch)
        place = path.resolve()
        name = place.parent.name if place.name == MODEL else place.name
        return cls(name, fill_mask, embed, predict)

    @property
    def paths(self):
        """The endpoints that answer questions."""
        return [*(["/fill-mask"] if self.fill_mask else []), "/embed", *(["/predict"] if self.predict else [])]

    @property
    def operations(self):
        """All operations."""
        return [*([self.fill_mask] if self.fill_mask else []), self.embed, *self.predict.values()]


def _tasks(path, batch, dtype):
    """(an encoder, name of a task -> its operation) of a fine-tuned model."""
    encoder, operations = None, {}
    for task in heads_of(path):
        tuned = FineTuned.read(path, task, dtype)
        encoder = encoder or tuned.builder.encoder
        try:
            operations[task] = PredictOperation(tuned, batch)
        except UserError:
            logger.warning("%s takes more than one or two texts, so that there is no /predict for it.", task)
    return encoder, operations
