"""Models trained on short rows and tested on longer ones."""

from typing import NamedTuple

from small_training import Scorer, Trainer

ROFORMER, GAU = ARCHITECTURES = ("RoFormerV2", "GAU")
SOFTMAX, PLUS, SQUARED = "softmax", "softmax_plus", "squared_relu"
FIXED, ACTUAL = "n fixed", "n actual"
RULES = {SOFTMAX: ("",), PLUS: (FIXED, ACTUAL), SQUARED: (FIXED, ACTUAL)}


class Line(NamedTuple):
    """What is tested: an architecture, its normalisation, and which n that has in testing."""

    architecture: str
    normalization: str
    rule: str

    def __str__(self):
        return ", ".join(part for part in self if part)


LINES = tuple(Line(a, name, rule) for a in ARCHITECTURES for name, rules in RULES.items() for rule in rules)


def model_config(architecture, normalization, layers, width):
    """The config of a small model; two GAU layers have about the parameters of one of RoFormerV2."""
    if architecture == GAU:
        sizes = {"model_type": "gau_alpha", "num_hidden_layers": 2 * layers, "intermediate_size": 2 * width}
        sizes["attention_key_size"] = width // 2
    else:
        sizes = {"model_type": "roformer_v2", "num_hidden_layers": layers, "intermediate_size": 4 * width}
        sizes["num_attention_heads"] = max(1, width // 32)
    return {**sizes, "hidden_size": width, "normalization": normalization}


def run(stream, options):
    """Train and test everything.

    Args:
        stream: `TextStream`.
        options: of the script.

    Returns:
        dict from `Line` to a dict from length to a list of accuracies × 100, one for each seed.
    """
    tests = {length: stream.test_batches(max(1, 2048 // length), length) for length in options.lengths}
    results = {line: {length: [] for length in tests} for line in LINES}
    for architecture in ARCHITECTURES:
        for normalization, rules in RULES.items():
            config = model_config(architecture, normalization, options.layers, options.width)
            trainer = Trainer(config, stream, options)
            scorers = {rule: Scorer(with_rule(config, rule, options.length), stream.vocab_size) for rule in rules}
            for seed in range(options.seeds):
                trainer.train(seed, f"seed {seed}, {architecture}, {normalization}")
                for rule, scorer in scorers.items():
                    line = Line(architecture, normalization, rule)
                    for length, batches in tests.items():
                        results[line][length].append(100 * scorer(trainer.model, batches)[1])
                    shown = ", ".join(f"{length}: {found[-1]:.2f}" for length, found in results[line].items())
                    print(f"seed {seed}, {line}: accuracy {shown}", flush=True)
    return results


def with_rule(config, rule, length):
    """The config with the n that it has in testing."""
    return {**config, "normalization_length": length} if rule == FIXED else config
