"""Classification of short texts in the style of bert4keras's examples; only the imports are new.

    python examples/bert4keras_style/classification.py MODEL_DIR --train train.json --dev dev.json

Data: JSON lines with `sentence` and `label`, such as those of TNEWS, or lines "text TAB label". The weights of the best
epoch go to `best_model.weights.h5`.
"""

import argparse
import json

import numpy as np

from rfv2_keras.compat.backend import keras
from rfv2_keras.compat.models import build_transformer_model
from rfv2_keras.compat.optimizers import Adam, extend_with_piecewise_linear_lr, extend_with_weight_decay
from rfv2_keras.compat.snippets import DataGenerator, open, sequence_padding
from rfv2_keras.compat.tokenizers import Tokenizer

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", metavar="MODEL_DIR")
parser.add_argument("--train", required=True)
parser.add_argument("--dev", required=True)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--steps", type=int, help="updates of an epoch; all data by default")
parser.add_argument("--learning-rate", type=float, default=5e-4)
parser.add_argument("--save", default="best_model.weights.h5")
args = parser.parse_args()

maxlen = 64
batch_size = 32


def load_data(filename):
    """List of (text, label)."""
    D = []
    with open(filename, encoding="utf-8") as f:
        for line in f:
            if line.startswith("{"):
                d = json.loads(line)
                D.append((d["sentence"], str(d["label"])))
            else:
                text, label = line.rstrip("\n").split("\t")
                D.append((text, label))
    return D


train_data, valid_data = load_data(args.train), load_data(args.dev)
labels = sorted({label for _, label in train_data})
num_classes = len(labels)
tokenizer = Tokenizer(f"{args.model}/vocab.txt", do_lower_case=True)


class data_generator(DataGenerator):
    """Batches of texts and their labels."""

    def __iter__(self, random=False):
        batch_token_ids, batch_segment_ids, batch_labels = [], [], []
        for is_end, (text, label) in self.sample(random):
            token_ids, segment_ids = tokenizer.encode(text, maxlen=maxlen)
            batch_token_ids.append(token_ids)
            batch_segment_ids.append(segment_ids)
            batch_labels.append([labels.index(label) if label in labels else -1])
            if len(batch_token_ids) == self.batch_size or is_end:
                batch_token_ids = sequence_padding(batch_token_ids)
                batch_segment_ids = sequence_padding(batch_segment_ids)
                yield [batch_token_ids, batch_segment_ids], np.array(batch_labels)
                batch_token_ids, batch_segment_ids, batch_labels = [], [], []


train_generator = data_generator(train_data, batch_size)
valid_generator = data_generator(valid_data, batch_size)
steps = args.steps or len(train_generator)

bert = build_transformer_model(f"{args.model}/config.json", f"{args.model}/model.weights.h5", return_keras_model=False)
output = keras.layers.Lambda(lambda x: x[:, 0])(bert.model.output)
output = keras.layers.Dense(num_classes, activation="softmax", kernel_initializer=bert.initializer)(output)
model = keras.models.Model(bert.model.input, output)

AdamW = extend_with_weight_decay(Adam, "AdamW")
AdamWLR = extend_with_piecewise_linear_lr(AdamW, "AdamWLR")
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=AdamWLR(
        learning_rate=args.learning_rate,
        weight_decay_rate=0.01,
        exclude_from_weight_decay=["Norm", "bias"],
        lr_schedule={max(steps * args.epochs // 10, 1): 1, steps * args.epochs: 0},
    ),
    metrics=["accuracy"],
)


def evaluate(data):
    """Share of the texts whose label is right."""
    total, right = 0.0, 0.0
    for x_true, y_true in data:
        y_pred = model.predict_on_batch(x_true).argmax(axis=1)
        total += len(y_true)
        right += (y_true[:, 0] == y_pred).sum()
    return right / total


class Evaluator(keras.callbacks.Callback):
    """Keeps the weights of the best epoch."""

    def __init__(self):
        super().__init__()
        self.best_val_acc = -1.0

    def on_epoch_end(self, epoch, logs=None):
        val_acc = evaluate(valid_generator)
        if val_acc > self.best_val_acc:
            self.best_val_acc = val_acc
            model.save_weights(args.save)
        print(f"val_acc: {val_acc:.5f}, best_val_acc: {self.best_val_acc:.5f}")


if __name__ == "__main__":
    evaluator = Evaluator()
    model.fit(train_generator.forfit(), steps_per_epoch=steps, epochs=args.epochs, callbacks=[evaluator], verbose=2)
    model.load_weights(args.save)
    print(f"final val_acc: {evaluate(valid_generator):.5f}")
