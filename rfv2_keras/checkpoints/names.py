"""One weight, two names: the path in our models and the variable in checkpoints of bert4keras.

Ours are Keras paths such as `Transformer-0-FeedForward/o_dense/kernel`; theirs are the names of Google's BERT release
(`bert/encoder/layer_0/output/dense/kernel`) and of GAU-α (`GAU_alpha/encoder/layer_0/gau/o_dense/kernel`).

Some weights have no variable in the reference, which drops them on saving. They are written under names of ours,
marked below; checkpoints of the reference are read without them, and the load report says that they are missing.
"""

import re

from rfv2_keras.checkpoints.name_table import NameTable

# (path in our models, variable in a checkpoint).
_RULES = (
    ("Embedding-Token/embeddings", "bert/embeddings/word_embeddings"),
    ("Embedding-Segment/embeddings", "bert/embeddings/token_type_embeddings"),
    ("Embedding-Position/embeddings", "bert/embeddings/position_embeddings"),
    ("Embedding-Norm/{w}", "bert/embeddings/LayerNorm/{w}"),
    ("Embedding-Mapping/{w}", "bert/encoder/embedding_hidden_mapping_in/{w}"),
    ("Transformer-{n}-MultiHeadSelfAttention/q_dense/{w}", "bert/encoder/layer_{n}/attention/self/query/{w}"),
    ("Transformer-{n}-MultiHeadSelfAttention/k_dense/{w}", "bert/encoder/layer_{n}/attention/self/key/{w}"),
    ("Transformer-{n}-MultiHeadSelfAttention/v_dense/{w}", "bert/encoder/layer_{n}/attention/self/value/{w}"),
    ("Transformer-{n}-MultiHeadSelfAttention/o_dense/{w}", "bert/encoder/layer_{n}/attention/output/dense/{w}"),
    ("Transformer-{n}-MultiHeadSelfAttention-Norm/norm/{w}", "bert/encoder/layer_{n}/attention/output/LayerNorm/{w}"),
    ("Transformer-{n}-FeedForward/i0_dense/{w}", "bert/encoder/layer_{n}/intermediate/dense/{w}"),
    ("Transformer-{n}-FeedForward/o_dense/{w}", "bert/encoder/layer_{n}/output/dense/{w}"),
    ("Transformer-{n}-FeedForward-Norm/norm/{w}", "bert/encoder/layer_{n}/output/LayerNorm/{w}"),
    ("Transformer-{n}-GatedAttentionUnit/i_dense/{w}", "GAU_alpha/encoder/layer_{n}/gau/i_dense/{w}"),
    ("Transformer-{n}-GatedAttentionUnit/q_scaleoffset/{w}", "GAU_alpha/encoder/layer_{n}/gau/q_scaleoffset/{w}"),
    ("Transformer-{n}-GatedAttentionUnit/k_scaleoffset/{w}", "GAU_alpha/encoder/layer_{n}/gau/k_scaleoffset/{w}"),
    ("Transformer-{n}-GatedAttentionUnit/o_dense/{w}", "GAU_alpha/encoder/layer_{n}/gau/o_dense/{w}"),
    ("Pooler-Dense/{w}", "bert/pooler/dense/{w}"),
    ("NSP-Proba/kernel", "cls/seq_relationship/output_weights"),
    ("NSP-Proba/bias", "cls/seq_relationship/output_bias"),
    ("MLM-Dense/{w}", "cls/predictions/transform/dense/{w}"),
    ("MLM-Norm/{w}", "cls/predictions/transform/LayerNorm/{w}"),
    ("MLM-Bias/beta", "cls/predictions/output_bias"),
    # Names of ours, for weights that the reference does not write:
    ("Output-Mapping/{w}", "cls/predictions/output_mapping/{w}"),
    ("Transformer-{n}-FeedForward/i{i}_dense/{w}", "bert/encoder/layer_{n}/intermediate/dense_{i}/{w}"),
    ("Transformer-{n}-GatedAttentionUnit-Norm/norm/{w}", "GAU_alpha/encoder/layer_{n}/gau/LayerNorm/{w}"),
    ("Transformer-{n}-MultiHeadSelfAttention-{node}/alpha", "bert/encoder/layer_{n}/attention/output/alpha"),
    ("Transformer-{n}-FeedForward-{node}/alpha", "bert/encoder/layer_{n}/output/alpha"),
    ("Transformer-{n}-GatedAttentionUnit-{node}/alpha", "GAU_alpha/encoder/layer_{n}/gau/alpha"),
    # Pre-norm models: the norm is a node of its own, and there is one more at the end.
    ("Transformer-{n}-MultiHeadSelfAttention-Norm/{w}", "bert/encoder/layer_{n}/attention/output/LayerNorm/{w}"),
    ("Transformer-{n}-FeedForward-Norm/{w}", "bert/encoder/layer_{n}/output/LayerNorm/{w}"),
    ("Transformer-{n}-GatedAttentionUnit-Norm/{w}", "GAU_alpha/encoder/layer_{n}/gau/LayerNorm/{w}"),
    ("Output-Norm/{w}", "bert/encoder/output_norm/{w}"),
)

# Variables that hold the transposed matrix.
TRANSPOSED = frozenset({"cls/seq_relationship/output_weights"})

# Weights with one row or entry per token, which keep_tokens and compound_tokens select.
PER_TOKEN = frozenset({"Embedding-Token/embeddings", "MLM-Bias/beta"})


_TABLE = NameTable(_RULES)
_RESIDUAL_FACTOR = re.compile(r"Transformer-\d+-\w+-(Norm|Add)/alpha|.*/layer_\d+/(attention/output|output|gau)/alpha")


def checkpoint_name(path):
    """The checkpoint variable for the path of a weight in our models.

    A weight that the table does not know, such as one of a user's own layers, goes by its path.

    >>> checkpoint_name("Transformer-3-FeedForward/o_dense/kernel")
    'bert/encoder/layer_3/output/dense/kernel'
    """
    return _TABLE.theirs(path) or path


def is_residual_factor(name):
    """Whether a path or a checkpoint variable is the α of a `ResidualBranch`."""
    return _RESIDUAL_FACTOR.fullmatch(name) is not None
