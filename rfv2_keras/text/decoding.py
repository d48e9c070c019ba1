"""From tokens back to readable text, with bert4keras's rules for spaces."""

import re

from rfv2_keras.text.characters import is_cjk, is_punctuation

# Full-width and typographic signs, and ASCII openers and operators, that no space follows.
CJK_PUNCTUATION = (
    "＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､"
    "\u3000、〃〈〉《》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏﹑﹔·！？｡。"
)
_SPACE_AFTER_SIGN = re.compile("([" + re.escape(CJK_PUNCTUATION + "+-/={(<[") + "]) ")
_CONTRACTION = re.compile("' (re|m|s|t|ve|d|ll) ")
_DECIMAL_POINT = re.compile(r"(\d\.) (\d)")


def stem(token):
    """The token without the leading ## that marks a continuation."""
    return token.removeprefix("##")


def is_special(token):
    """Whether a token stands for no text: [CLS], [unused1], ... (anything in square brackets)."""
    return token.startswith("[") and token.endswith("]")


def join_tokens(tokens):
    """Join tokens to text: no spaces around Chinese characters nor after full-width signs, one after other signs.

    Arguments:
        tokens: list of str without special tokens.
    """
    text = ""
    for token in tokens:
        if token.startswith("##"):
            text += stem(token)
        elif len(token) == 1 and is_cjk(token):
            text += token
        elif len(token) == 1 and is_punctuation(token):
            text += token + " "
        elif text and is_cjk(text[-1]):
            text += token
        else:
            text += " " + token
    text = re.sub(" +", " ", text)
    text = _CONTRACTION.sub(r"'\1 ", text)
    text = _SPACE_AFTER_SIGN.sub(r"\1", text)
    return _DECIMAL_POINT.sub(r"\1\2", text).strip()
