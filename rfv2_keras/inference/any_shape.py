"""A model as a function of arrays of any shape."""

import keras


def prediction_function(model):
    """A function from a list of arrays, the inputs of a model, to its output as an array.

    TensorFlow traces it once for all shapes: with `predict_on_batch` it would do so again for some of the first few,
    and each time takes seconds. Nor is it compiled with XLA, once per shape. Other backends compile as they always do.

    Args:
        model: a Keras model with one output.
    """
    if keras.config.backend() != "tensorflow":
        model.compile()
        return model.predict_on_batch
    import tensorflow as tf

    signature = [tf.TensorSpec([None] * len(tensor.shape), tensor.dtype) for tensor in model.inputs]
    outputs = tf.function(lambda *inputs: model(list(inputs), training=False), input_signature=signature)
    return lambda arrays: outputs(*arrays).numpy()
