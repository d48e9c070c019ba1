"""Dropout as a function of seed, process and step."""

import keras


def seed_generators(model):
    """All seed generators of a model, in the order in which its layers were made."""
    found = []
    for layer in model._flatten_layers():
        generator = getattr(layer, "seed_generator", None)
        if isinstance(generator, keras.random.SeedGenerator) and generator not in found:
            found.append(generator)
    return found


def set_dropout_seeds(model, seed, process, draws):
    """Set every generator to what it holds after `draws` forward passes of a run.

    A generator's state is (seed, number of draws), and each forward pass in training draws once from each. So dropout
    needs no state in checkpoints, differs between layers and processes, and is the same in a resumed run.

    Args:
        model: Keras model.
        seed: of the run.
        process: rank.
        draws: forward passes in training that the process has done: updates · accumulation.
    """
    for number, generator in enumerate(seed_generators(model)):
        generator.state.assign([generator_seed(seed, process, number), draws])


def generator_seed(seed, process, number):
    """What the first half of the state of a model's generator is, by its number."""
    return (seed * 1_000_003 + process * 10_007 + number) % 2**32
