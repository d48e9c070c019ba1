"""Exact match and F1 of answers, by the rules of CMRC 2018's evaluation script (version 5)."""

from difflib import SequenceMatcher
from functools import cache

# The script means the two dots of "……" as one sign, which no single character equals: they are no punctuation here.
PUNCTUATION = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")


def answer_scores(references, predictions):
    """The scores of a set of questions, each the mean over questions.

    Args:
        references: for each question the list of its right answers, at least one.
        predictions: for each question the text that was answered.

    Returns:
        dict with `exact_match` and `f1`, between 0 and 1.
    """
    pairs = list(zip(references, predictions, strict=True))
    exact = sum(any(is_exact_match(reference, prediction) for reference in texts) for texts, prediction in pairs)
    f1 = sum(max(answer_f1(reference, prediction) for reference in texts) for texts, prediction in pairs)
    return {"exact_match": exact / len(pairs), "f1": f1 / len(pairs)}


def is_exact_match(reference, prediction):
    """Whether two texts are equal in lower case, without punctuation, and without spaces around them."""
    return _without_punctuation(reference) == _without_punctuation(prediction)


def answer_f1(reference, prediction):
    """F1 of the longest run of segments that both texts have in common.

        precision = run / segments of the prediction,  recall = run / segments of the reference

    It is 0 where nothing is in common, except that an empty answer is right where the reference is empty.
    """
    if not reference:
        return float(not prediction)
    expected, found = segments(reference), segments(prediction)
    run = SequenceMatcher(None, expected, found, autojunk=False).find_longest_match().size
    return 2 * run / (len(expected) + len(found)) if run else 0.0


def segments(text):
    """Chinese characters one by one, and the words between them, in lower case and without punctuation.

    Signs that are removed do not end a word, so "a-b" is one. What stands between Chinese characters is cut by NLTK's
    Penn Treebank rules, as in the script; the script also cuts it into sentences first, which parts no more than the
    full stop from the last word of a Latin sentence that another one follows.
    """
    found, word = [], ""
    for character in _without_punctuation(text):
        if "\u4e00" <= character <= "\u9fa5":
            found += [*_words(word), character]
            word = ""
        else:
            word += character
    return found + _words(word)


def _without_punctuation(text):
    return "".join(character for character in text.lower().strip() if character not in PUNCTUATION)


def _words(text):
    return _word_tokenizer().tokenize(text) if text else []


@cache
def _word_tokenizer():
    # Imported when it is first needed: NLTK takes a second.
    from nltk.tokenize import NLTKWordTokenizer

    return NLTKWordTokenizer()
