"""Text to token ids and back: vocabularies, the tokenizer, word segmentation, padding and truncating."""

from rfv2_keras.text.segmentation import word_segmenter
from rfv2_keras.text.sequences import sequence_padding, text_segmentate, truncate_sequences
from rfv2_keras.text.tokenizer import Tokenizer
from rfv2_keras.text.vocabulary import load_vocab, save_vocab, vocab_hash
from rfv2_keras.text.vocabulary_learning import learn_vocab
from rfv2_keras.text.word_tokenizer import WordTokenizer

__all__ = [
    "Tokenizer",
    "WordTokenizer",
    "learn_vocab",
    "load_vocab",
    "save_vocab",
    "sequence_padding",
    "text_segmentate",
    "truncate_sequences",
    "vocab_hash",
    "word_segmenter",
]
