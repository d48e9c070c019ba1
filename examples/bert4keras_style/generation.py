"""Keywords of an abstract, written by a UniLM, in the style of bert4keras's examples; only the imports are new.

    python examples/bert4keras_style/generation.py MODEL_DIR --train train.json --dev dev.json

Data: JSON lines of CSL, of which `abst` is the source and `keyword` (with label "1", the true ones) the target; or
lines "source TAB target", for titles and the like. The averaged weights go to `best_model.weights.h5`.
"""

import argparse
import json

import numpy as np

from rfv2_keras.compat.backend import K, keras
from rfv2_keras.compat.layers import Loss
from rfv2_keras.compat.models import build_transformer_model
from rfv2_keras.compat.optimizers import Adam, extend_with_exponential_moving_average
from rfv2_keras.compat.snippets import AutoRegressiveDecoder, DataGenerator, open, sequence_padding
from rfv2_keras.compat.tokenizers import Tokenizer, load_vocab

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", metavar="MODEL_DIR")
parser.add_argument("--train", required=True)
parser.add_argument("--dev", required=True)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--steps", type=int, help="updates of an epoch; all data by default")
parser.add_argument("--learning-rate", type=float, default=1e-3)
parser.add_argument("--shown", type=int, default=50, help="sources of the dev file that are generated for")
parser.add_argument("--save", default="best_model.weights.h5")
args = parser.parse_args()

maxlen = 128
target_maxlen = 32
batch_size = 16


def load_data(filename):
    """List of (source, target), each once."""
    D = []
    with open(filename, encoding="utf-8") as f:
        for line in f:
            if line.startswith("{"):
                d = json.loads(line)
                if str(d.get("label", "1")) == "1":
                    D.append((d["abst"], "、".join(d["keyword"])))
            else:
                D.append(tuple(line.rstrip("\n").split("\t")))
    return list(dict.fromkeys(D))


train_data, valid_data = load_data(args.train), load_data(args.dev)
token_dict, keep_tokens = load_vocab(
    dict_path=f"{args.model}/vocab.txt", simplified=True, startswith=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
)
tokenizer = Tokenizer(token_dict, do_lower_case=True)


def encode(source, target=None):
    """Token and segment ids of a source alone or with its target; the source is cut, the target is not."""
    source = tokenizer.tokenize(source, maxlen=maxlen - target_maxlen)
    target = target and tokenizer.tokenize(target, maxlen=target_maxlen)
    return tokenizer.encode(source, target)


class data_generator(DataGenerator):
    """Batches of sources with targets; the loss needs no labels besides."""

    def __iter__(self, random=False):
        batch_token_ids, batch_segment_ids = [], []
        for is_end, (source, target) in self.sample(random):
            token_ids, segment_ids = encode(source, target)
            batch_token_ids.append(token_ids)
            batch_segment_ids.append(segment_ids)
            if len(batch_token_ids) == self.batch_size or is_end:
                yield [sequence_padding(batch_token_ids), sequence_padding(batch_segment_ids)], None
                batch_token_ids, batch_segment_ids = [], []


class CrossEntropy(Loss):
    """Cross entropy of the tokens of the target, each from those before it."""

    def compute_loss(self, inputs, mask=None):
        y_true, y_mask, y_pred = inputs
        y_true = y_true[:, 1:]
        y_mask = y_mask[:, 1:]
        y_pred = y_pred[:, :-1]
        loss = K.sparse_categorical_crossentropy(y_true, y_pred)
        return K.sum(loss * y_mask) / K.sum(y_mask)


model = build_transformer_model(
    f"{args.model}/config.json",
    f"{args.model}/model.weights.h5",
    application="unilm",
    keep_tokens=keep_tokens,
)
output = CrossEntropy(2)(model.inputs + model.outputs)
model = keras.models.Model(model.inputs, output)
AdamEMA = extend_with_exponential_moving_average(Adam, "AdamEMA")
optimizer = AdamEMA(learning_rate=args.learning_rate, ema_momentum=0.95)
model.compile(optimizer=optimizer)


class KeywordWriter(AutoRegressiveDecoder):
    """Writes the keywords of an abstract."""

    @AutoRegressiveDecoder.wraps(default_rtype="probas")
    def predict(self, inputs, output_ids, states):
        token_ids, segment_ids = inputs
        token_ids = np.concatenate([token_ids, output_ids], 1)
        segment_ids = np.concatenate([segment_ids, np.ones_like(output_ids)], 1)
        return self.last_token(model).predict([token_ids, segment_ids])

    def generate(self, source, topk=2):
        token_ids, segment_ids = encode(source)
        return tokenizer.decode(self.beam_search([token_ids, segment_ids], topk=topk))

    def draw(self, source, n, topp=0.9):
        token_ids, segment_ids = encode(source)
        return [tokenizer.decode(ids) for ids in self.random_sample([token_ids, segment_ids], n, topp=topp)]


writer = KeywordWriter(start_id=None, end_id=tokenizer._token_end_id, maxlen=target_maxlen)


def evaluate(data):
    """F1 of keywords, and of their characters."""
    found, written, true = np.zeros(2), np.full(2, 1e-10), np.full(2, 1e-10)
    for source, target in data:
        output = writer.generate(source)
        for i, units in enumerate((lambda text: set(text.split("、")), set)):
            R, T = units(output), units(target.lower())
            found[i], written[i], true[i] = found[i] + len(R & T), written[i] + len(R), true[i] + len(T)
    return 2 * found / (written + true)


class Evaluator(keras.callbacks.Callback):
    """Scores the averaged weights and keeps the best."""

    def __init__(self):
        super().__init__()
        self.best = -1.0

    def on_epoch_end(self, epoch, logs=None):
        optimizer.apply_ema_weights()
        keywords, characters = evaluate(valid_data[: args.shown])
        if characters > self.best:
            self.best = characters
            model.save_weights(args.save)
        optimizer.reset_old_weights()
        print(f"keywords f1: {keywords:.5f}, characters f1: {characters:.5f}, best: {self.best:.5f}")


if __name__ == "__main__":
    train_generator = data_generator(train_data, batch_size)
    model.fit(
        train_generator.forfit(),
        steps_per_epoch=args.steps or len(train_generator),
        epochs=args.epochs,
        callbacks=[Evaluator()],
        verbose=2,
    )
    model.load_weights(args.save)
    for source, target in valid_data[:3]:
        print(f"source: {source[:60]}…\ntarget: {target}\nbeam search: {writer.generate(source)}")
        print(f"drawn: {' | '.join(writer.draw(source, 2))}")
