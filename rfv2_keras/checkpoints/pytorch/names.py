"""What our weights are called in PyTorch: by transformers, roformer and gau-alpha, and by bert4torch.

`transformers` (RoFormer, BERT), the package `roformer` (RoFormerV2) and `gau-alpha` share one system of names, of which
each uses a part. bert4torch has its own, but saves most models under the names of the first.

PyTorch keeps the kernel of a dense layer transposed, (outputs, inputs). The rotary positions of all these libraries
pair neighbouring channels, as ours do, so that no columns have to be permuted.
"""

import re

from rfv2_keras.checkpoints.name_table import NameTable


def _dense(ours, theirs):
    return [(f"{ours}/kernel", f"{theirs}.weight"), (f"{ours}/bias", f"{theirs}.bias")]


def _norm(ours, theirs):
    return [(f"{ours}/gamma", f"{theirs}.weight"), (f"{ours}/beta", f"{theirs}.bias")]


_ATTENTION = "Transformer-{n}-MultiHeadSelfAttention"
_FEED_FORWARD = "Transformer-{n}-FeedForward"
_GAU = "Transformer-{n}-GatedAttentionUnit"

TRANSFORMERS = NameTable(
    [
        ("Embedding-Token/embeddings", "embeddings.word_embeddings.weight"),
        ("Embedding-Segment/embeddings", "embeddings.token_type_embeddings.weight"),
        ("Embedding-Position/embeddings", "embeddings.position_embeddings.weight"),
        *_norm("Embedding-Norm", "embeddings.LayerNorm"),
        *_dense("Embedding-Mapping", "embeddings_project"),
        *_dense(f"{_ATTENTION}/q_dense", "encoder.layer.{n}.attention.self.query"),
        *_dense(f"{_ATTENTION}/k_dense", "encoder.layer.{n}.attention.self.key"),
        *_dense(f"{_ATTENTION}/v_dense", "encoder.layer.{n}.attention.self.value"),
        *_dense(f"{_ATTENTION}/o_dense", "encoder.layer.{n}.attention.output.dense"),
        *_norm(f"{_ATTENTION}-Norm/norm", "encoder.layer.{n}.attention.output.LayerNorm"),
        *_dense(f"{_FEED_FORWARD}/i0_dense", "encoder.layer.{n}.intermediate.dense"),
        *_dense(f"{_FEED_FORWARD}/o_dense", "encoder.layer.{n}.output.dense"),
        *_norm(f"{_FEED_FORWARD}-Norm/norm", "encoder.layer.{n}.output.LayerNorm"),
        *_dense(f"{_GAU}/i_dense", "encoder.layer.{n}.gau.i_dense"),
        *_norm(f"{_GAU}/q_scaleoffset", "encoder.layer.{n}.gau.q_scaleoffset"),
        *_norm(f"{_GAU}/k_scaleoffset", "encoder.layer.{n}.gau.k_scaleoffset"),
        *_dense(f"{_GAU}/o_dense", "encoder.layer.{n}.gau.o_dense"),
        *_dense("Pooler-Dense", "pooler.dense"),
        *_dense("NSP-Proba", "cls.seq_relationship"),
        *_dense("MLM-Dense", "cls.predictions.transform.dense"),
        *_norm("MLM-Norm", "cls.predictions.transform.LayerNorm"),
        ("MLM-Bias/beta", "cls.predictions.bias"),
    ]
)

BERT4TORCH = NameTable(
    [
        ("Embedding-Token/embeddings", "embeddings.word_embeddings.weight"),
        ("Embedding-Segment/embeddings", "embeddings.segment_embeddings.weight"),
        ("Embedding-Position/embeddings", "embeddings.position_embeddings.weight"),
        *_norm("Embedding-Norm", "embeddings.layerNorm"),
        *_dense("Embedding-Mapping", "embeddings.embedding_hidden_mapping_in"),
        *_dense("Embedding-Mapping", "encoder.embedding_hidden_mapping_in"),
        *_dense(f"{_ATTENTION}/q_dense", "encoderLayer.{n}.multiHeadAttention.q"),
        *_dense(f"{_ATTENTION}/k_dense", "encoderLayer.{n}.multiHeadAttention.k"),
        *_dense(f"{_ATTENTION}/v_dense", "encoderLayer.{n}.multiHeadAttention.v"),
        *_dense(f"{_ATTENTION}/o_dense", "encoderLayer.{n}.multiHeadAttention.o"),
        *_norm(f"{_ATTENTION}-Norm/norm", "encoderLayer.{n}.attnLayerNorm"),
        *_dense(f"{_FEED_FORWARD}/i0_dense", "encoderLayer.{n}.feedForward.intermediateDense"),
        *_dense(f"{_FEED_FORWARD}/o_dense", "encoderLayer.{n}.feedForward.outputDense"),
        *_norm(f"{_FEED_FORWARD}-Norm/norm", "encoderLayer.{n}.ffnLayerNorm"),
        *_dense(f"{_GAU}/i_dense", "encoderLayer.{n}.gau.i_dense"),
        *_dense(f"{_GAU}/o_dense", "encoderLayer.{n}.gau.o_dense"),
        *_dense("Pooler-Dense", "pooler"),
        *_dense("NSP-Proba", "nsp"),
        *_dense("MLM-Dense", "mlmDense"),
        *_norm("MLM-Norm", "mlmLayerNorm"),
        ("MLM-Bias/beta", "mlmBias"),
    ]
)

# The scales (and offsets) of queries and keys are the two rows of one tensor in bert4torch.
STACKED_TENSOR = re.compile(r"encoderLayer\.(?P<n>\d+)\.gau\.offsetscale\.(?P<w>gamma|beta)")

# The token table once more, where a head was not tied to it when it was saved.
DECODERS = ("cls.predictions.decoder.weight", "mlmDecoder.weight")

_PREFIX = re.compile(r"^(bert|roformer|gau_alpha)\.")
_OLD_NORM = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}


def our_name(tensor):
    """The path in our models for the name of a PyTorch tensor; None for what our models do not have."""
    name = _PREFIX.sub("", tensor)
    for old, new in _OLD_NORM.items():  # checkpoints of 2019 have TensorFlow's names of the norms
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return TRANSFORMERS.ours(name) or BERT4TORCH.ours(name)


def is_transposed(path):
    """Whether PyTorch holds the transposed array of a weight of ours."""
    return path.endswith("/kernel")
