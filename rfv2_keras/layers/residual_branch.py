"""How the output of a sub-layer joins the residual stream."""

import keras
from keras import ops

from rfv2_keras.layers.dropout import dropout

RESIDUALS = ("plain", "alpha_warmup", "rezero", "deepnorm")


@keras.saving.register_keras_serializable(package="rfv2_keras")
class ResidualBranch(keras.layers.Layer):
    """Post-norm: y = Norm(skip_scale · x + α · Dropout(f)). Pre-norm (no norm here): y = x + α · Dropout(f).

    x is the stream and f = F(x) the output of the sub-layer; in a pre-norm model F reads Norm(x), a node of its own.
    What α is, `residual` says:

    * `"plain"`: 1;
    * `"alpha_warmup"`: a non-trainable weight that starts at 0; whoever trains raises it to 1 (`set_alpha`), so that a
      deep post-norm model starts as the identity (https://spaces.ac.cn/archives/8620, 8998);
    * `"rezero"`: a trainable weight that starts at 0 (arXiv 2003.04887);
    * `"deepnorm"`: 1, with `skip_scale` > 1 and smaller initial weights in F (arXiv 2203.00555).

    The sum is taken in float32 and cast once, after the norm.

    Args:
        norm: a norm layer (`RMSNorm`, `LayerNorm`, …) for post-norm; None for pre-norm.
        dropout: rate at which elements of f are dropped in training.
        residual: one of the above.
        skip_scale: factor of x; only `"deepnorm"` may set it.

    Call arguments:
        inputs: x, (batch, length, size).
        branch: f, same shape.
        condition: handed to a conditional norm.

    Raises:
        ValueError: unknown residual, or a `skip_scale` where it has no meaning.
    """

    def __init__(self, norm=None, dropout=0.0, residual="plain", skip_scale=1.0, **kwargs):
        super().__init__(autocast=False, **kwargs)  # the sum and the norm are float32
        if residual not in RESIDUALS:
            raise ValueError(
                f"residual of ResidualBranch must be one of {', '.join(RESIDUALS)}. Received: residual={residual!r}"
            )
        if skip_scale != 1.0 and residual != "deepnorm":
            raise ValueError(
                f'skip_scale of ResidualBranch needs residual="deepnorm". Received: skip_scale={skip_scale}, '
                f"residual={residual!r}"
            )
        self.norm = norm
        self.dropout = dropout
        self.residual = residual
        self.skip_scale = skip_scale
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator() if dropout else None
        self.alpha = None

    def build(self, inputs_shape, branch_shape, condition_shape=None):
        if self.norm is not None and not self.norm.built:
            shapes = [inputs_shape] if condition_shape is None else [inputs_shape, condition_shape]
            self.norm.build(*shapes)
        if self.residual in ("alpha_warmup", "rezero"):
            self.alpha = self.add_weight(
                name="alpha", shape=(), initializer="zeros", trainable=self.residual == "rezero", dtype="float32"
            )

    def set_alpha(self, value):
        """Set α of the warm-up; `value` runs from 0 to 1."""
        self.alpha.assign(value)

    def call(self, inputs, branch, condition=None, training=None):
        x, f = ops.cast(inputs, "float32"), ops.cast(branch, "float32")
        if training and self.dropout:
            f = dropout(f, self.dropout, self.seed_generator)
        if self.skip_scale != 1.0:
            x = x * self.skip_scale
        if self.alpha is not None:
            f = f * ops.cast(self.alpha, "float32")
        y = x + f
        if self.norm is not None:
            y = self.norm(y) if condition is None else self.norm(y, condition)
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, inputs_shape, branch_shape, condition_shape=None):
        return inputs_shape

    def get_config(self):
        norm = keras.saving.serialize_keras_object(self.norm)
        if norm is not None:  # the copy's norm is built by the copy, so that its weights have the copy's name in theirs
            norm.pop("build_config", None)
        return {
            **super().get_config(),
            "norm": norm,
            "dropout": self.dropout,
            "residual": self.residual,
            "skip_scale": self.skip_scale,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["norm"] = keras.saving.deserialize_keras_object(config["norm"])
        return cls(**config)
