"""Word segmentation of Chinese text: a choice of segmenters behind one function."""

import importlib
import re

from rfv2_keras.errors import UserError

_SURROGATE = re.compile("[\ud800-\udfff]")


def word_segmenter(segmenter="rjieba"):
    """A function from a text to the list of its words, whose concatenation is the text.

    Whitespace stays in the list, as words of its own or inside words, and so does what a segmenter leaves out; neither
    tokenizing nor masking minds, since whitespace gives no tokens.

    Arguments:
        segmenter: "rjieba" (jieba's words from Rust, the fastest), "jieba", "lac" (Baidu's LAC, with which RoFormerV2
            was trained), "whitespace" (text whose words are separated by spaces already), or a function from a text
            to words that stand in the text one after the other. A package is imported only when it is chosen.

    Returns:
        WordSegmenter; it can be pickled if a function given can.
    """
    return segmenter if isinstance(segmenter, WordSegmenter) else WordSegmenter(segmenter)


class WordSegmenter:
    """What `word_segmenter` returns; `name` tells which segmenter it is."""

    def __init__(self, segmenter):
        self._segmenter = segmenter
        if callable(segmenter):
            self.name = getattr(segmenter, "__qualname__", type(segmenter).__qualname__)
            self._cut = segmenter
        elif isinstance(segmenter, str) and segmenter in _ENGINES:
            self.name = segmenter
            self._cut = _ENGINES[segmenter]()
        else:
            raise UserError(
                f"the word segmenter must be one of {', '.join(_ENGINES)} or a function, received {segmenter!r}"
            )

    def __reduce__(self):
        return WordSegmenter, (self._segmenter,)

    def __call__(self, text):
        try:
            words = self._cut(text)
        except UnicodeEncodeError:  # Rust and C++ take no lone surrogates
            words = _restore_surrogates(text, self._cut(_SURROGATE.sub("\ufffd", text)))
        words = words if isinstance(words, list) else list(words)
        return words if "".join(words) == text else self._fill_gaps(text, words)

    def _fill_gaps(self, text, words):
        """Add to the words what lies between them."""
        filled, position = [], 0
        for word in words:
            start = text.find(word, position)
            if start < 0:
                raise UserError(
                    f"the word segmenter {self.name} returned {word!r}, which is not in the text after character "
                    f"{position}: {text[position : position + 50]!r}"
                )
            filled += [text[position:start], word]
            position = start + len(word)
        return [word for word in [*filled, text[position:]] if word]


def _restore_surrogates(text, words):
    """Cut `text` into words as long as those given, whose concatenation is as long as the text."""
    restored, position = [], 0
    for word in words:
        restored.append(text[position : position + len(word)])
        position += len(word)
    return restored


def _rjieba():
    return _import("rjieba", "rjieba").cut


def _jieba():
    return _import("jieba", "jieba").Tokenizer().lcut


def _lac():
    return _import("LAC", "lac").LAC(mode="seg").run


def _whitespace():
    return re.compile(r"\s+|\S+").findall


def _import(module, package):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"word segmentation with {package} needs the Python package {package}, which cannot be imported ({error}); "
            f"run: pip install {package}"
        ) from error


_ENGINES = {"rjieba": _rjieba, "jieba": _jieba, "lac": _lac, "whitespace": _whitespace}
