"""Checks of what a model is asked to be, beyond its config."""

import keras

from rfv2_keras.errors import UserError

APPLICATIONS = {"encoder": "padding", "lm": "causal", "unilm": "unilm"}  # -> kind of the attention mask
WITH_MLM = (False, True, "softmax", "linear")
WITH_POOLER = ("bert", "roformer")


def check_arguments(config, application, with_mlm, with_pool, with_nsp, target_positions, dtype):
    """Raise a `UserError` for an argument of a model that has no meaning, alone or with its config."""
    if application not in APPLICATIONS:
        raise UserError(f"application must be one of {', '.join(APPLICATIONS)}, received {application!r}.")
    if with_mlm not in WITH_MLM:
        raise UserError(f"with_mlm must be False, True, 'softmax' or 'linear', received {with_mlm!r}.")
    if application == "unilm" and config.type_vocab_size < 2:
        raise UserError(
            "application 'unilm' needs type_vocab_size of at least 2, since segments separate source and target, "
            f"received {config.type_vocab_size}."
        )
    if (with_pool or with_nsp) and config.model_type not in WITH_POOLER:
        raise UserError(
            f"with_pool and with_nsp are for {' and '.join(WITH_POOLER)} only, received {config.model_type}."
        )
    if not isinstance(with_pool, bool):
        _check(keras.activations.get, with_pool, "with_pool must be False, True or the name of a Keras activation")
    if target_positions and not with_mlm and application == "encoder":
        raise UserError("target_positions=True needs an MLM head, received with_mlm=False.")
    if dtype is not None:
        _check(
            keras.dtype_policies.get, dtype, "dtype must be a Keras dtype policy such as 'float32' or 'mixed_bfloat16'"
        )


def _check(get, value, rule):
    try:
        get(value)
    except (ValueError, TypeError):
        raise UserError(f"{rule}, received {value!r}.") from None
