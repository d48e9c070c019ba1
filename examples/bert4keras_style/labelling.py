"""Entities by sequence labelling with a CRF in the style of bert4keras's examples; only the imports are new.

    python examples/bert4keras_style/labelling.py MODEL_DIR --train train.json --dev dev.json

Data: JSON lines of CLUENER, `{"text": …, "label": {type: {entity: [[first, last], …]}}}`. The weights of the best epoch
go to `best_model.weights.h5`.
"""

import argparse
import json

import numpy as np

from rfv2_keras.compat.backend import K, keras
from rfv2_keras.compat.layers import ConditionalRandomField
from rfv2_keras.compat.models import build_transformer_model
from rfv2_keras.compat.optimizers import Adam
from rfv2_keras.compat.snippets import DataGenerator, ViterbiDecoder, open, sequence_padding, to_array
from rfv2_keras.compat.tokenizers import Tokenizer

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", metavar="MODEL_DIR")
parser.add_argument("--train", required=True)
parser.add_argument("--dev", required=True)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--steps", type=int, help="updates of an epoch; all data by default")
parser.add_argument("--learning-rate", type=float, default=1e-3)
parser.add_argument("--save", default="best_model.weights.h5")
args = parser.parse_args()

maxlen = 128
batch_size = 32
crf_lr_multiplier = 10  # how much faster than the other weights the transitions learn


def load_data(filename):
    """List of (text, [(first, last, type), ...]), places in characters."""
    D = []
    with open(filename, encoding="utf-8") as f:
        for line in f:
            d = json.loads(line)
            entities = [
                (first, last, kind)
                for kind, names in d["label"].items()
                for places in names.values()
                for first, last in places
            ]
            D.append((d["text"], entities))
    return D


train_data, valid_data = load_data(args.train), load_data(args.dev)
categories = sorted({kind for _, entities in train_data for _, _, kind in entities})
num_labels = len(categories) * 2 + 1  # 0: outside; 2k + 1: first token of category k; 2k + 2: its other tokens
tokenizer = Tokenizer(f"{args.model}/vocab.txt", do_lower_case=True)


class data_generator(DataGenerator):
    """Batches of texts and the labels of their tokens."""

    def __iter__(self, random=False):
        batch_token_ids, batch_segment_ids, batch_labels = [], [], []
        for is_end, (text, entities) in self.sample(random):
            tokens = tokenizer.tokenize(text, maxlen=maxlen)
            mapping = tokenizer.rematch(text, tokens)
            start_mapping = {j[0]: i for i, j in enumerate(mapping) if j}
            end_mapping = {j[-1]: i for i, j in enumerate(mapping) if j}
            labels = np.zeros(len(tokens), dtype=int)
            for first, last, kind in entities:
                if first in start_mapping and last in end_mapping:
                    start, end = start_mapping[first], end_mapping[last]
                    labels[start] = categories.index(kind) * 2 + 1
                    labels[start + 1 : end + 1] = categories.index(kind) * 2 + 2
            batch_token_ids.append(tokenizer.tokens_to_ids(tokens))
            batch_segment_ids.append([0] * len(tokens))
            batch_labels.append(labels)
            if len(batch_token_ids) == self.batch_size or is_end:
                batch_token_ids = sequence_padding(batch_token_ids)
                batch_segment_ids = sequence_padding(batch_segment_ids)
                yield [batch_token_ids, batch_segment_ids], sequence_padding(batch_labels)
                batch_token_ids, batch_segment_ids, batch_labels = [], [], []


base = build_transformer_model(f"{args.model}/config.json", f"{args.model}/model.weights.h5")
output = keras.layers.Dense(num_labels)(base.output)
CRF = ConditionalRandomField(lr_multiplier=crf_lr_multiplier)
output = CRF(output)
model = keras.models.Model(base.input, output)
model.compile(loss=CRF.sparse_loss, optimizer=Adam(learning_rate=args.learning_rate), metrics=[CRF.sparse_accuracy])


class NamedEntityRecognizer(ViterbiDecoder):
    """Finds the entities of a text."""

    def recognize(self, text):
        tokens = tokenizer.tokenize(text, maxlen=512)
        mapping = tokenizer.rematch(text, tokens)
        token_ids = tokenizer.tokens_to_ids(tokens)
        token_ids, segment_ids = to_array([token_ids], [[0] * len(token_ids)])
        nodes = model.predict_on_batch([token_ids, segment_ids])[0]
        entities, starting = [], False
        for i, label in enumerate(self.decode(nodes)):
            if label > 0 and label % 2 == 1:
                starting = True
                entities.append([[i], categories[(label - 1) // 2]])
            elif label > 0 and starting:
                entities[-1][0].append(i)
            else:
                starting = False
        return [(mapping[w[0]][0], mapping[w[-1]][-1], kind) for w, kind in entities]


NER = NamedEntityRecognizer(trans=K.eval(CRF.trans), starts=[0], ends=[0])


def evaluate(data):
    """F1, precision and recall of entities."""
    X, Y, Z = 0, 1e-10, 1e-10
    for text, entities in data:
        R, T = set(NER.recognize(text)), set(entities)
        X, Y, Z = X + len(R & T), Y + len(R), Z + len(T)
    return 2 * X / (Y + Z), X / Y, X / Z


class Evaluator(keras.callbacks.Callback):
    """Keeps the weights of the best epoch."""

    def __init__(self):
        super().__init__()
        self.best_val_f1 = -1.0

    def on_epoch_end(self, epoch, logs=None):
        NER.trans = K.eval(CRF.trans)
        f1, precision, recall = evaluate(valid_data)
        if f1 > self.best_val_f1:
            self.best_val_f1 = f1
            model.save_weights(args.save)
        print(f"valid: f1: {f1:.5f}, precision: {precision:.5f}, recall: {recall:.5f}, best f1: {self.best_val_f1:.5f}")


if __name__ == "__main__":
    train_generator = data_generator(train_data, batch_size)
    evaluator = Evaluator()
    model.fit(
        train_generator.forfit(),
        steps_per_epoch=args.steps or len(train_generator),
        epochs=args.epochs,
        callbacks=[evaluator],
        verbose=2,
    )
    model.load_weights(args.save)
    NER.trans = K.eval(CRF.trans)
    print(f"final f1: {evaluate(valid_data)[0]:.5f}")
    text = valid_data[0][0]
    print(text, [(text[first : last + 1], kind) for first, last, kind in NER.recognize(text)])
