"""Learning a vocabulary from text: Chinese characters one by one, WordPiece for words of Latin letters and digits."""

from collections import Counter
from itertools import repeat

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from rfv2_keras.errors import UserError
from rfv2_keras.text.normalization import TextNormalizer

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# Distinct words held while counting; beyond it the rarest are forgotten, so that memory stays flat on any corpus.
MAX_COUNTED_WORDS = 2_000_000


def learn_vocab(
    texts,
    size,
    do_lower_case=True,
    min_frequency=2,
    special_tokens=SPECIAL_TOKENS,
    word_maxlen=200,
    show_progress=False,
):
    """Learn a vocabulary of at most `size` tokens; the same texts in the same order give the same vocabulary.

    First come the special tokens, then characters and continuations (##x) seen at least `min_frequency` times, the
    most frequent first, then the pieces that WordPiece training (`tokenizers`) merges from them within words. Words
    are those of `Tokenizer`: punctuation signs and Chinese characters stand alone, so only words of other scripts are
    merged.

    Arguments:
        texts: iterable of str, read once.
        size: int, the largest number of tokens.
        do_lower_case: bool, as the tokenizer will be used.
        min_frequency: int, how often a character or a merged pair must occur.
        special_tokens: sequence of str; the first gets id 0 and is the padding.
        word_maxlen: int, longer words do not count.
        show_progress: bool, the trainer's progress bars.

    Returns:
        dict from token to id.
    """
    if size <= len(special_tokens):
        raise UserError(
            f"size must be larger than the number of special tokens, {len(special_tokens)}, received size={size}"
        )
    if isinstance(texts, str):
        raise UserError("texts must be an iterable of strings, received a single string")
    words = _count_words(texts, TextNormalizer(do_lower_case), word_maxlen)
    if not words:
        raise UserError("no vocabulary can be learned because the texts hold no word")
    pieces = _frequent_pieces(words, min_frequency)[: size - len(special_tokens)]
    base = list(dict.fromkeys([*special_tokens, *pieces]))
    if len(base) < size:
        base += _merged_pieces(words, base, size, min_frequency, show_progress)
    return {token: index for index, token in enumerate(base)}


def _count_words(texts, normalizer, word_maxlen):
    counts, rare = Counter(), 1
    for text in texts:
        if not isinstance(text, str):
            raise UserError(f"texts must be an iterable of strings, received an element of type {type(text).__name__}")
        counts.update(normalizer.words(text))
        while len(counts) > MAX_COUNTED_WORDS:
            counts = Counter({word: count for word, count in counts.items() if count > rare})
            rare += 1
    return {word: count for word, count in counts.items() if len(word) <= word_maxlen and _encodable(word)}


def _encodable(word):
    """A lone surrogate cannot be written to a vocabulary file."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in word)


def _frequent_pieces(words, min_frequency):
    """Characters and continuations by falling frequency; of equal ones the character first, then by code point."""
    counts = Counter()
    for word, count in words.items():
        for position, character in enumerate(word):
            counts[character] += count
            if position > 0:
                counts["##" + character] += count
    frequent = [piece for piece, count in counts.items() if count >= min_frequency]
    return sorted(frequent, key=lambda piece: (-counts[piece], len(piece), piece))


def _merged_pieces(words, base, size, min_frequency, show_progress):
    """The pieces that WordPiece training adds to `base`, in the order of merging."""
    # Left alone, the trainer numbers continuations in the order of a hash map with a new random seed, and breaks ties
    # by these numbers. Handing them over as special tokens fixes the numbers and with them the result.
    known = set(base)
    usable = {
        word: count
        for word, count in words.items()
        if len(word) > 1 and word[0] in known and all("##" + character in known for character in word[1:])
    }
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=min_frequency, special_tokens=base, show_progress=show_progress
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token=base[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(_lines(usable), trainer)
    learned = tokenizer.get_vocab(with_added_tokens=False)
    return sorted((token for token in learned if token not in known), key=learned.get)


def _lines(words, words_per_line=10_000):
    """Every word as often as it was counted, in lines of bounded length."""
    for word, count in words.items():
        for start in range(0, count, words_per_line):
            yield " ".join(repeat(word, min(words_per_line, count - start)))
