"""What the tokenizer promises beyond equality with bert4keras: mended defects, batches, places, pickling, errors."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rfv2_keras.errors import UserError
from rfv2_keras.text import Tokenizer
from rfv2_keras.text import tokenizer as tokenizer_module

TEXTS = st.text(
    st.sampled_from("aéİΣ中国，。 \t\u200b\u0301\ud800한カ##[]MASKtransformers12") | st.characters(), max_size=40
)
LETTERS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "##b": 6, "##": 7, "中": 8, "<x>": 9}


def split_at_spaces(text):
    return text.split(" ")


def greedy_pieces(word, token_dict, word_maxlen):
    """Longest match first, as WordPiece is defined."""
    pieces, start = [], 0
    while start < len(word) <= word_maxlen:
        ends = range(len(word), start, -1)
        prefix = "##" if start else ""
        end = next((end for end in ends if prefix + word[start:end] in token_dict), None)
        if end is None:
            return [word]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces or [word]


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, word_maxlen=st.integers(1, 12))
def test_pieces_are_the_longest_matches(token_dict, text, word_maxlen):
    tokenizer = Tokenizer(token_dict, word_maxlen=word_maxlen)
    words = tokenizer._normalizer.words(text)
    pieces = [piece for word in words for piece in greedy_pieces(word, token_dict, word_maxlen)]
    assert tokenizer.tokenize(text) == ["[CLS]", *pieces, "[SEP]"]
    assert tokenizer.text_to_ids(text) == [token_dict.get(piece, token_dict["[UNK]"]) for piece in pieces]


def test_word_longer_than_word_maxlen_keeps_its_id():
    tokenizer = Tokenizer({**LETTERS, "aaaa": 10}, word_maxlen=3)
    assert tokenizer.text_to_ids("aaaa aaaaa aaa") == [10, 1, 1]


@settings(max_examples=200, deadline=None)
@given(
    first=TEXTS,
    second=st.none() | TEXTS,
    maxlen=st.integers(0, 30),
    pattern=st.sampled_from(["S*E*E", "S*ES*E"]),
    truncate_from=st.sampled_from(["right", "left"]) | st.integers(-4, 4),
    ends=st.sampled_from([("[CLS]", "[SEP]"), (None, "[SEP]"), ("[CLS]", None), (None, None)]),
)
def test_quirk_15_never_longer_than_maxlen(token_dict, first, second, maxlen, pattern, truncate_from, ends):
    tokenizer = Tokenizer(token_dict, token_start=ends[0], token_end=ends[1])
    whole, _ = tokenizer.encode(first, second, None, pattern)
    ids, segments = tokenizer.encode(first, second, maxlen, pattern, truncate_from)
    assert len(ids) == len(segments) <= maxlen
    assert len(ids) == min(maxlen, len(whole)) or second is not None
    assert segments == sorted(segments)


def test_quirk_15_pair_without_start_token_is_cut_to_maxlen(token_dict):
    tokenizer = Tokenizer(token_dict, token_start=None)
    for maxlen in range(12):
        assert len(tokenizer.encode("我们在中国", "他们也在", maxlen)[0]) == min(maxlen, 11)


def test_quirk_15_token_lists_are_not_changed(tokenizer):
    first, second = tokenizer.tokenize("我们在中国"), tokenizer.tokenize("他们也在")
    copies = list(first), list(second)
    by_lists = tokenizer.encode(first, second, maxlen=6)
    assert (first, second) == copies
    assert by_lists == tokenizer.encode("我们在中国", "他们也在", maxlen=6)


def test_quirk_15_no_index_error_for_a_small_maxlen(token_dict):
    tokenizer = Tokenizer(token_dict, token_end=None)
    assert tokenizer.encode("我们", "他", maxlen=3, pattern="S*ES*E", truncate_from=2)[0] == [4, 4, 234]
    assert tokenizer.encode("我们", maxlen=0) == ([], [])


def test_quirk_16_unknown_words(tokenizer):
    tokens, (ids, _) = tokenizer.tokenize("我龘"), tokenizer.encode("我龘")
    assert tokens == ["[CLS]", "我", "龘", "[SEP]"]
    assert ids[2] == tokenizer.unk_id
    assert tokenizer.decode(ids) == "我"
    assert tokenizer.decode(ids, unknown="□") == "我□"
    assert tokenizer.decode(ids, unknown="[UNK]") == "我[UNK]"
    assert tokenizer.decode(ids, tokens=tokens) == "我龘"


def test_quirk_16_special_tokens_in_text(token_dict, tokenizer):
    text = "今天[MASK]气[CLS]"
    assert tokenizer.mask_id not in tokenizer.encode(text)[0]
    recognising = Tokenizer(token_dict, tokens_in_text=["[MASK]"])
    tokens = ["[CLS]", "今", "天", "[MASK]", "气", "[", "c", "##l", "##s", "]", "[SEP]"]
    assert recognising.tokenize(text) == tokens
    assert recognising.encode(text)[0] == recognising.tokens_to_ids(tokens)
    ids, _, places = recognising.encode_with_offsets(text)
    assert ids == recognising.encode(text)[0]
    assert places[3] == (2, 8)


def test_longest_token_in_text_is_taken():
    tokenizer = Tokenizer({**LETTERS, "<x>a": 10}, tokens_in_text=["<x>", "<x>a"])
    assert tokenizer.text_to_ids("<x>a<x>中") == [10, 9, 8]


def test_quirk_17_lower_case_decomposes(tokenizer, cased_tokenizer):
    """Kept on purpose: the released lower-case models have seen text like this."""
    assert tokenizer.tokenize("É ガ 한")[1:-1] == ["e", "カ", "\u1112\u1161\u11ab"]
    assert cased_tokenizer.tokenize("É ガ 한")[1:-1] == ["É", "ガ", "한"]


def test_quirk_17_rematch_counts_in_the_original_text(tokenizer):
    assert tokenizer.rematch("İİ is", ["[CLS]", "i", "##i", "is"]) == [[], [0], [1], [3, 4]]


def test_quirk_19_leading_continuation_decodes():
    tokenizer = Tokenizer(LETTERS)
    assert tokenizer.decode([2, 7, 5, 8, 3]) == "a中"
    assert tokenizer.decode([7, 8]) == "中"
    assert tokenizer.decode([7]) == ""


def test_rematch_names_a_token_that_is_not_there(tokenizer):
    with pytest.raises(UserError, match="'世'"):
        tokenizer.rematch("你好", ["你", "世"])


@settings(max_examples=300, deadline=None)
@given(first=TEXTS, second=st.none() | TEXTS, maxlen=st.none() | st.integers(0, 30), cased=st.booleans())
def test_offsets(tokenizer, cased_tokenizer, first, second, maxlen, cased):
    """Ids and segments are those of `encode`; the text at a place normalises to a text that holds the token."""
    tokenizer = cased_tokenizer if cased else tokenizer
    ids, segments, places = tokenizer.encode_with_offsets(first, second, maxlen)
    assert (ids, segments) == tokenizer.encode(first, second, maxlen)
    assert len(places) == len(ids)
    for index, segment, (start, end) in zip(ids, segments, places, strict=True):
        if index in (tokenizer.start_id, tokenizer.end_id):
            assert (start, end) == (0, 0)
            continue
        text = (first, second)[segment]
        assert 0 <= start < end <= len(text)
        if index != tokenizer.unk_id:
            visible = tokenizer._normalizer.visible(tokenizer._normalizer.aligned(text[start:end])).characters
            assert tokenizer.id_to_token(index).removeprefix("##") in visible.replace("ς", "σ")


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, cased=st.booleans())
def test_rematch_finds_what_tokenize_gives(tokenizer, cased_tokenizer, text, cased):
    """The characters of every token lie within its place."""
    tokenizer = cased_tokenizer if cased else tokenizer
    matches = tokenizer.rematch(text, tokenizer.tokenize(text))
    for characters, (start, end) in zip(matches, tokenizer.encode_with_offsets(text)[2], strict=True):
        assert all(start <= i < end for i in characters)
        assert bool(characters) == (end > start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Hello，\tWORLD", ["Hello", "，", "WORLD"]),
        ("caFe\u0301\u200b transFORMERs", ["ca", "F", "e\u0301", "trans", "FORMERs"]),
        ("İSTanbul", ["İS", "T", "a", "n", "b", "u", "l"]),
        ("한국", ["한국"]),
        ("1\u200b9\ufffd中", ["1\u200b9", "中"]),
        ("😀中", ["😀", "中"]),
    ],
)
def test_offsets_in_the_original_text(tokenizer, text, expected):
    _, _, places = tokenizer.encode_with_offsets(text)
    pieces = [text[start:end] for start, end in places[1:-1]]
    if text.startswith("ca"):
        assert "".join(pieces) == text.replace("\u200b", "").replace(" ", "")
        assert pieces[-2:] == ["trans", "FORMERs"]
    else:
        assert pieces == expected


def test_offsets_with_pre_tokenize(token_dict):
    tokenizer = Tokenizer(token_dict, pre_tokenize=split_at_spaces)
    text = "É中国 我们 ΑΣ"
    ids, _, places = tokenizer.encode_with_offsets(text)
    assert ids == tokenizer.encode(text)[0]
    assert [text[start:end] for start, end in places[1:-1]] == ["É", "中", "国", "我们", "ΑΣ"]
    reordered = Tokenizer(token_dict, pre_tokenize=sorted)
    with pytest.raises(UserError, match="one after the other"):
        reordered.encode_with_offsets("国中")


@settings(max_examples=100, deadline=None)
@example(rows=[("我们在中国", None)], maxlen=6, length=4)
@given(
    rows=st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=5),
    maxlen=st.none() | st.integers(0, 20),
    length=st.none() | st.integers(0, 20),
)
def test_batch_equals_single(tokenizer, rows, maxlen, length):
    firsts, seconds = [first for first, _ in rows], [second for _, second in rows]
    token_ids, segment_ids = tokenizer.encode_batch(firsts, seconds, maxlen=maxlen, length=length)
    assert token_ids.dtype == segment_ids.dtype == np.int32
    limits = [limit for limit in (maxlen, length) if limit is not None]
    encoded = [tokenizer.encode(first, second, min(limits, default=None)) for first, second in rows]
    longest = max(len(ids) for ids, _ in encoded)
    assert token_ids.shape == segment_ids.shape == (len(rows), longest if length is None else length)
    for row, (ids, segments) in enumerate(encoded):
        assert token_ids[row].tolist() == ids + [0] * (token_ids.shape[1] - len(ids))
        assert segment_ids[row].tolist() == segments + [0] * (token_ids.shape[1] - len(ids))


def test_batch_refuses_a_string_and_unequal_lists(tokenizer):
    with pytest.raises(UserError, match="lists of texts"):
        tokenizer.encode_batch("我们")
    with pytest.raises(UserError, match="2 first texts but 1 second"):
        tokenizer.encode_batch(["我", "们"], ["中"])


def test_token_translate(token_dict):
    tokenizer = Tokenizer(token_dict, token_translate={"你": "[unused1]"})
    assert tokenizer.tokenize("你好") == ["[CLS]", "[unused1]", "好", "[SEP]"]
    assert tokenizer.encode("你好")[0] == tokenizer.tokens_to_ids(["[CLS]", "[unused1]", "好", "[SEP]"])
    ids, _, places = tokenizer.encode_with_offsets("你好")
    assert ids == tokenizer.encode("你好")[0]
    assert places[1] == (0, 1)


def test_full_cache_changes_nothing(token_dict, monkeypatch):
    monkeypatch.setattr(tokenizer_module, "CACHED_WORDS", 3)
    small = Tokenizer(token_dict)
    text = "transformers 中国 models the model is unaffable 中国 transformers 2022"
    assert small.encode(text) == Tokenizer(token_dict).encode(text)
    assert small.tokenize(text) == Tokenizer(token_dict).tokenize(text)
    assert 0 < len(small._ids) <= 3


def test_special_tokens(tokenizer, token_dict):
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.mask_id) == (0, 3, 6)
    assert (tokenizer.start_id, tokenizer.cls_id, tokenizer.end_id, tokenizer.sep_id) == (4, 4, 5, 5)
    assert (tokenizer._token_start_id, tokenizer._token_end_id, tokenizer._token_mask_id) == (4, 5, 6)
    assert tokenizer.vocab_size == tokenizer._vocab_size == len(token_dict)
    assert Tokenizer(token_dict, token_start=None).start_id is None
    assert tokenizer.token_to_id("nowhere") == tokenizer.unk_id
    assert tokenizer.ids_to_tokens(np.array([4, 5])) == ["[CLS]", "[SEP]"]


def test_quirk_18_id_without_a_token():
    tokenizer = Tokenizer({**LETTERS, "b": 12})
    assert tokenizer.ids_to_tokens([9, 10, 11, 12]) == ["<x>", "[UNK]", "[UNK]", "b"]
    assert tokenizer.decode([12, 10, 12]) == "b b"
    assert tokenizer.vocab_size == 13


def test_default_is_lower_case(token_dict):
    assert Tokenizer(token_dict).tokenize("HELLO")[1] == "hello"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(token_dict, protocol):
    arguments = {
        "do_lower_case": False,
        "word_maxlen": 9,
        "token_end": None,
        "pre_tokenize": split_at_spaces,
        "token_translate": {"你": "[unused1]"},
        "tokens_in_text": ["[MASK]"],
    }
    tokenizer = Tokenizer(token_dict, **arguments)
    tokenizer.encode("words in the cache")
    copy = pickle.loads(pickle.dumps(tokenizer, protocol))
    text = "你好 Hello [MASK] World transformers transforming"
    assert copy.encode(text) == tokenizer.encode(text)
    assert copy.settings == tokenizer.settings
    assert copy.vocab_hash == tokenizer.vocab_hash


def test_pickle_reaches_another_process(tokenizer, tmp_path):
    (tmp_path / "tokenizer").write_bytes(pickle.dumps(tokenizer))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).encode('Hello 中国')[0])"
    output = subprocess.check_output([sys.executable, "-c", code, tmp_path / "tokenizer"], text=True)
    assert output.strip() == str(tokenizer.encode("Hello 中国")[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"token_dict": {"[PAD]": 0}}, r"has no '\[UNK\]'"),
        ({"token_dict": {"[PAD]": 0, "[UNK]": 1}}, r"has no '\[CLS\]', received as token_start"),
        ({"token_dict": {"[PAD]": 1, "[UNK]": 0, "[CLS]": 2, "[SEP]": 3}}, "must have id 0"),
        ({"token_dict": {**LETTERS, "b": 5}}, "the id 5 to both 'a' and 'b'"),
        ({"token_dict": {**LETTERS, "\ud800": 99}}, "lone surrogates"),
        ({"token_dict": {**LETTERS, "b": -1}}, "at least 0"),
        ({"token_dict": LETTERS, "word_maxlen": -1}, "word_maxlen=-1"),
        ({"token_dict": LETTERS, "tokens_in_text": ["[nowhere]"]}, "nowhere"),
        ({"token_dict": "/nowhere/vocab.txt"}, "/nowhere/vocab.txt"),
    ],
)
def test_bad_vocabularies_and_settings(arguments, message):
    with pytest.raises(UserError, match=message):
        Tokenizer(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode(5), "received int"),
        (lambda t: t.encode("我", maxlen=-1), "maxlen must be at least 0, received -1"),
        (lambda t: t.encode("我", "你", pattern="S*E"), r"S\*E\*E, S\*ES\*E, received 'S\*E'"),
        (lambda t: t.encode("我", maxlen=3, truncate_from="middle"), "received 'middle'"),
        (lambda t: t.id_to_token(12345), "ids from 0 to 734, received id 12345"),
        (lambda t: t.decode([1, -1]), "received id -1"),
        (lambda t: Tokenizer({k: v for k, v in LETTERS.items() if v != 4}).mask_id, "no mask token"),
    ],
)
def test_bad_calls(tokenizer, call, message):
    with pytest.raises(UserError, match=message):
        call(tokenizer)
