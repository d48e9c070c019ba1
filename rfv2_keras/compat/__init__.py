"""The names that scripts for bert4keras import, on top of this package: `bert4keras.X` becomes `rfv2_keras.compat.X`.

    from rfv2_keras.compat.backend import keras, K
    from rfv2_keras.compat.models import build_transformer_model
    from rfv2_keras.compat.snippets import DataGenerator, sequence_padding
    from rfv2_keras.compat.tokenizers import Tokenizer

What a name does differently from bert4keras 0.11.5 stands in docs/migrating_from_bert4keras.md. What is not offered
raises an error that says what to use instead; no argument is ignored.
"""
