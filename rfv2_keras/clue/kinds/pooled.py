"""What kinds have in common that make one vector of each row."""

from abc import abstractmethod
from typing import Annotated

from pydantic import Field

from rfv2_keras.clue.heads.classification import ClassificationHead, Pooling
from rfv2_keras.clue.kinds.kind import Kind, Options
from rfv2_keras.models.initializer import initializer_for


class Pooled(Kind):
    """A dense layer with `units` outputs on the pooled hidden states of a row."""

    class Options(Options):
        pooling: Pooling = Field("first", description="how the hidden states of a row become one vector")
        dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="rate on that vector")

    @property
    def first_only(self):
        return self.options.pooling == "first"

    @property
    @abstractmethod
    def units(self):
        """Outputs of the dense layer."""

    def head(self, config):
        return ClassificationHead(
            self.units,
            self.options.pooling,
            self.options.dropout,
            kernel_initializer=initializer_for(config),
            name="Output",
        )
