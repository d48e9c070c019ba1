"""One weight, two names: the path in our models and the variable in checkpoints of bert4keras.

Ours are Keras paths such as `Transformer-0-FeedForward/o_dense/kernel`; theirs are the names of Google's BERT release
(`bert/encoder/layer_0/output/dense/kernel`) and of GAU-α (`GAU_alpha/encoder/layer_0/gau/o_dense/kernel`).

Some weights have no variable in the reference, which drops them on saving. They are written under names of ours,
marked below; checkpoints of the reference are read without them, and the load report says that they are missing.
"""

import re

# (path in our models, variable in a checkpoint); N stands for a number, both sides have the same ones.
_RULES = (
    ("Embedding-Token/embeddings", "bert/embeddings/word_embeddings"),
    ("Embedding-Segment/embeddings", "bert/embeddings/token_type_embeddings"),
    ("Embedding-Position/embeddings", "bert/embeddings/position_embeddings"),
    ("Embedding-Norm/W", "bert/embeddings/LayerNorm/W"),
    ("Embedding-Mapping/W", "bert/encoder/embedding_hidden_mapping_in/W"),
    ("Transformer-N-MultiHeadSelfAttention/q_dense/W", "bert/encoder/layer_N/attention/self/query/W"),
    ("Transformer-N-MultiHeadSelfAttention/k_dense/W", "bert/encoder/layer_N/attention/self/key/W"),
    ("Transformer-N-MultiHeadSelfAttention/v_dense/W", "bert/encoder/layer_N/attention/self/value/W"),
    ("Transformer-N-MultiHeadSelfAttention/o_dense/W", "bert/encoder/layer_N/attention/output/dense/W"),
    ("Transformer-N-MultiHeadSelfAttention-Norm/norm/W", "bert/encoder/layer_N/attention/output/LayerNorm/W"),
    ("Transformer-N-FeedForward/i0_dense/W", "bert/encoder/layer_N/intermediate/dense/W"),
    ("Transformer-N-FeedForward/o_dense/W", "bert/encoder/layer_N/output/dense/W"),
    ("Transformer-N-FeedForward-Norm/norm/W", "bert/encoder/layer_N/output/LayerNorm/W"),
    ("Transformer-N-GatedAttentionUnit/i_dense/W", "GAU_alpha/encoder/layer_N/gau/i_dense/W"),
    ("Transformer-N-GatedAttentionUnit/q_scaleoffset/W", "GAU_alpha/encoder/layer_N/gau/q_scaleoffset/W"),
    ("Transformer-N-GatedAttentionUnit/k_scaleoffset/W", "GAU_alpha/encoder/layer_N/gau/k_scaleoffset/W"),
    ("Transformer-N-GatedAttentionUnit/o_dense/W", "GAU_alpha/encoder/layer_N/gau/o_dense/W"),
    ("Pooler-Dense/W", "bert/pooler/dense/W"),
    ("NSP-Proba/kernel", "cls/seq_relationship/output_weights"),
    ("NSP-Proba/bias", "cls/seq_relationship/output_bias"),
    ("MLM-Dense/W", "cls/predictions/transform/dense/W"),
    ("MLM-Norm/W", "cls/predictions/transform/LayerNorm/W"),
    ("MLM-Bias/beta", "cls/predictions/output_bias"),
    # Names of ours, for weights that the reference does not write:
    ("Output-Mapping/W", "cls/predictions/output_mapping/W"),
    ("Output-Norm/W", "bert/encoder/output_norm/W"),
    ("Transformer-N-FeedForward/iN_dense/W", "bert/encoder/layer_N/intermediate/dense_N/W"),
    ("Transformer-N-MultiHeadSelfAttention-Norm/alpha", "bert/encoder/layer_N/attention/output/alpha"),
    ("Transformer-N-MultiHeadSelfAttention-Add/alpha", "bert/encoder/layer_N/attention/output/alpha"),
    ("Transformer-N-FeedForward-Norm/alpha", "bert/encoder/layer_N/output/alpha"),
    ("Transformer-N-FeedForward-Add/alpha", "bert/encoder/layer_N/output/alpha"),
    ("Transformer-N-GatedAttentionUnit-Norm/alpha", "GAU_alpha/encoder/layer_N/gau/alpha"),
    ("Transformer-N-GatedAttentionUnit-Add/alpha", "GAU_alpha/encoder/layer_N/gau/alpha"),
    # Pre-norm models: the norm is a node of its own.
    ("Transformer-N-MultiHeadSelfAttention-Norm/W", "bert/encoder/layer_N/attention/output/LayerNorm/W"),
    ("Transformer-N-FeedForward-Norm/W", "bert/encoder/layer_N/output/LayerNorm/W"),
    ("Transformer-N-GatedAttentionUnit-Norm/W", "GAU_alpha/encoder/layer_N/gau/LayerNorm/W"),
    ("Transformer-N-GatedAttentionUnit-Norm/norm/W", "GAU_alpha/encoder/layer_N/gau/LayerNorm/W"),
)

# Stored transposed in checkpoints.
TRANSPOSED = frozenset({"cls/seq_relationship/output_weights"})

# Have one row or entry per token, hence are cut by keep_tokens.
PER_TOKEN = frozenset({"bert/embeddings/word_embeddings", "cls/predictions/output_bias"})

_WILDCARDS = {"N": r"(\d+)", "W": r"(kernel|bias|beta|gamma)"}


def _pattern(rule):
    """The regular expression of a rule's left side: N and W, standing alone, are groups."""
    parts = re.split(r"(?<![A-Za-z])(?:(N)(?=[-_/])|(W)$)|(?<=/i)(N)(?=_)", rule)
    return "".join(_WILDCARDS.get(part, re.escape(part)) for part in parts if part)


def _template(rule):
    """The right side of a rule with its N and W as fields to fill in order."""
    return re.sub(r"(?<=_)N(?=/)|(?<=/)W$", "{}", rule)


_TABLE = tuple((re.compile(_pattern(ours)), _template(theirs)) for ours, theirs in _RULES)


def checkpoint_name(path):
    """The checkpoint variable for the path of a weight in our models, or None if there is none.

    >>> checkpoint_name("Transformer-3-FeedForward/o_dense/kernel")
    'bert/encoder/layer_3/output/dense/kernel'
    """
    for pattern, template in _TABLE:
        match = pattern.fullmatch(path)
        if match:
            return template.format(*match.groups())
    return None
