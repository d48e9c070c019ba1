"""Texts as callers give them."""

from rfv2_keras.errors import UserError


def checked_texts(texts, what="text"):
    """The texts as a list, and whether a single string was given.

    Raises:
        UserError: one of them is not a string; the sentence names it by its number from 0.
    """
    if isinstance(texts, str):
        return [texts], True
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"{what} {index} must be a string, received {type(text).__name__}: {str(text)[:50]!r}.")
    return texts, False


def check_count(name, value, least=1):
    """Stop unless a setting is a whole number of at least `least`.

    Raises:
        UserError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} must be an integer of at least {least}; received: {value!r}.")


def longest_text(path, config, maxlen=None):
    """The most tokens of a text: `maxlen` or, where it is None, `max_position_embeddings` of the config.

    Raises:
        UserError: it leaves no room for a token between [CLS] and [SEP], or BERT has fewer positions; `path` is what
            the sentence calls the model.
    """
    if maxlen is None:
        return config.max_position_embeddings
    check_count("maxlen", maxlen, least=3)
    if config.model_type == "bert" and maxlen > config.max_position_embeddings:
        raise UserError(f"{path}: the model has {config.max_position_embeddings} positions; received: maxlen={maxlen}.")
    return maxlen
