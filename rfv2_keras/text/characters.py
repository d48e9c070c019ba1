"""The character classes of BERT's basic tokenizer, and the table that puts spaces around single-character words.

The classes are those of bert4keras, which the released models were trained with. They follow the Unicode database of
the running Python.
"""

import unicodedata

# Blocks of Chinese characters: unified ideographs, extensions A to E, compatibility ideographs and their supplement.
CJK_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)

# ASCII signs count as punctuation also where Unicode calls them symbols: $ + < = > ^ ` | ~
ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def is_space(character):
    """Blank, tab, line feed, carriage return, and every space separator (category Zs)."""
    return character in " \n\r\t" or unicodedata.category(character) == "Zs"


def is_punctuation(character):
    """ASCII signs and every Unicode category that starts with P, full-width ones included."""
    return character in ASCII_PUNCTUATION or unicodedata.category(character).startswith("P")


def is_cjk(character):
    """A Chinese character; kana and Hangul are not among them."""
    code = ord(character)
    return any(first <= code <= last for first, last in CJK_BLOCKS)


def is_control(character):
    """Control and format characters (categories Cc and Cf), tab and line feed included."""
    return unicodedata.category(character) in ("Cc", "Cf")


def is_mark(character):
    """A nonspacing mark (category Mn): accents, vowel signs, the voicing mark of kana after decomposition."""
    return unicodedata.category(character) == "Mn"


def is_dropped(character):
    """A character that leaves no trace in any token: NUL, U+FFFD, control and format characters."""
    return character in "\0\ufffd" or is_control(character)


class SpacingTable(dict):
    """A table for `str.translate` after which `str.split` gives the words that WordPiece cuts.

    Punctuation and Chinese characters get a space on either side, spaces become blanks, control characters vanish; with
    `drop_marks` nonspacing marks vanish too. Entries are made when a character is first met.
    """

    def __init__(self, drop_marks):
        super().__init__()
        self._drop_marks = drop_marks

    def __missing__(self, code):
        character = chr(code)
        if is_punctuation(character) or is_cjk(character):
            entry = f" {character} "
        elif is_space(character):
            entry = " "
        elif is_dropped(character) or (self._drop_marks and is_mark(character)):
            entry = None
        elif character.isspace():  # U+2028 and U+2029: no space by the rules above, yet `str.split` splits there
            entry = " "
        else:
            entry = code
        self[code] = entry
        return entry
