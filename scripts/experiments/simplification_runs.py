"""Small models with and without what RoFormerV2 leaves out."""

from small_training import Scorer, Trainer

SIMPLE, FULL = ("no biases, RMSNorm without gammas", "biases, LayerNorm")
VARIANTS = {
    SIMPLE: {"use_bias": False, "norm_type": "rms_norm"},
    "biases, RMSNorm without gammas": {"use_bias": True, "norm_type": "rms_norm"},
    "no biases, LayerNorm": {"use_bias": False, "norm_type": "layer_norm"},
    FULL: {"use_bias": True, "norm_type": "layer_norm"},
}


def model_config(layers, width):
    """The keys that all variants have in common."""
    return {
        "model_type": "roformer_v2",
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": max(1, width // 32),
        "intermediate_size": 4 * width,
    }


def losses_of_variants(stream, options):
    """Train every variant with every seed.

    Args:
        stream: `TextStream`.
        options: of the script.

    Returns:
        dict from variant to a list, one for each seed, of pairs: the curve of `Trainer.train`, and the loss on the
        testing part.
    """
    tests = stream.test_batches(max(1, 2048 // options.length), options.length)
    results = {}
    for name, keys in VARIANTS.items():
        config = {**model_config(options.layers, options.width), **keys}
        trainer, scorer = Trainer(config, stream, options), Scorer(config, stream.vocab_size)
        results[name] = []
        for seed in range(options.seeds):
            curve = trainer.train(seed, f"seed {seed}, {name}")
            results[name].append((curve, scorer(trainer.model, tests)[0]))
            print(f"seed {seed}, {name}: loss on new text {results[name][-1][1]:.3f}", flush=True)
    return results
