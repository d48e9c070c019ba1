"""`DataGenerator` with `fit` and `predict` of Keras 3, and the helpers for files and lists."""

import keras
import numpy as np
import pytest

from rfv2_keras.compat import snippets
from rfv2_keras.compat.snippets import DataGenerator, sequence_padding
from rfv2_keras.errors import UserError


class Rows(DataGenerator):
    """Batches of sequences of different length; the label says whether the first element is odd."""

    def __iter__(self, random=False):
        ids, labels = [], []
        for is_end, row in self.sample(random):
            ids.append(row)
            labels.append([row[0] % 2])
            if len(ids) == self.batch_size or is_end:
                yield [sequence_padding(ids), sequence_padding(ids)], np.array(labels)
                ids, labels = [], []


def model():
    ids = [keras.Input((None,), dtype="int32") for _ in range(2)]
    x = keras.layers.Add()([keras.layers.Embedding(50, 4)(i) for i in ids])
    return keras.Model(ids, keras.layers.Dense(2, "softmax")(x[:, 0]))


@pytest.fixture
def rows():
    """Twenty batches of which only the last ones are longer than 3: Keras's own generators fail at them."""
    return [[number, 1, 2] for number in range(1, 41)] + [[number, 1, 2, 3, 4] for number in range(1, 6)]


@pytest.mark.parametrize("random", [False, True])
def test_all_examples_once_in_every_round(rows, random):
    generator = Rows(rows, batch_size=2)
    batches = list(generator.__iter__(random))
    assert len(generator) == len(batches) == 23
    seen = sorted(row[0] for (ids, _), _ in batches for row in ids)
    assert seen == sorted(row[0] for row in rows)
    in_order = np.concatenate([labels[:, 0] for _, labels in batches]).tolist() == [row[0] % 2 for row in rows]
    assert in_order != random


def test_fit_and_predict_with_lengths_that_change_late(rows):
    generator = Rows(rows, batch_size=2)
    trained = model()
    trained.compile("adam", "sparse_categorical_crossentropy")
    history = trained.fit(generator.forfit(random=False), steps_per_epoch=len(generator), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    predicted = trained.predict(generator.fortest(), steps=len(generator), verbose=0)
    direct = np.concatenate([trained.predict_on_batch(inputs) for inputs, _ in generator])
    np.testing.assert_allclose(predicted, direct, atol=1e-6)


def test_the_order_follows_numpys_seed(rows):
    orders = []
    for _ in range(2):
        np.random.seed(5)  # noqa: NPY002 - what DataGenerator draws from
        orders.append([labels.tolist() for _, labels in Rows(rows, 4).__iter__(random=True)])
    assert orders[0] == orders[1]


def test_data_without_length():
    class Stream:
        def __iter__(self):
            return iter([[number, 1] for number in range(100)])

    generator = Rows(Stream(), batch_size=8, buffer_size=10)
    first = [row[0] for (ids, _), _ in generator.__iter__(random=True) for row in ids]
    assert sorted(first) == list(range(100))
    assert first != sorted(first)
    assert all(place - value >= -10 for place, value in enumerate(first))  # no further ahead than the buffer
    with pytest.raises(UserError, match="give steps_per_epoch a number"):
        len(generator)
    for inputs, _labels in generator.forfit().take(20):
        assert inputs[0].shape[1] == 2


def test_labels_may_be_none_and_inputs_one_array():
    class Unlabelled(DataGenerator):
        def __iter__(self, random=False):
            for _, row in self.sample(random):
                yield np.array([row]), None

    (batch,) = next(iter(Unlabelled([[1, 2], [3]]).forfit(random=False)))
    assert batch.numpy().tolist() == [[1, 2]]


def test_mistakes():
    with pytest.raises(UserError, match="there are no examples"):
        Rows([]).forfit()
    with pytest.raises(UserError, match=r"forfit\(\) gives a tf.data.Dataset already"):
        Rows([[1]]).to_dataset(("int32",), ((None,),))

    class NoTuple(DataGenerator):
        def __iter__(self, random=False):
            yield [np.ones(1)]

    with pytest.raises(UserError, match="must yield tuples"):
        NoTuple([1]).forfit()


def test_lists_are_truncated_in_place_and_returned():
    first, second = [1, 2, 3, 4, 9], [5, 6, 9]
    assert snippets.truncate_sequences(6, -2, first, [], second) == [[1, 2, 9], [5, 6, 9]]
    assert (first, second) == ([1, 2, 9], [5, 6, 9])


def test_to_array_and_normalize():
    one, two = snippets.to_array([[1, 2]], [3])
    assert (one.shape, two.shape) == ((1, 2), (1,))
    assert snippets.to_array([1]).tolist() == [1]
    assert snippets.lowercase_and_normalize("É好Ａ") == "e好ａ"


def test_lines_of_a_file_by_number(tmp_path):
    path, index = tmp_path / "lines.txt", tmp_path / "lines.index"
    path.write_text("第一行\n\n三\n", encoding="utf-8")
    for indexable in (True, index, index):  # found, found and kept, read again
        with snippets.open(path, encoding="utf-8", indexable=indexable) as lines:
            assert len(lines) == 3
            assert (lines[2], lines[0]) == ("三\n", "第一行\n")
            assert list(lines) == ["第一行\n", "\n", "三\n"]
    with snippets.open(path, encoding="utf-8") as file:
        assert file.readlines() == ["第一行\n", "\n", "三\n"]
    with snippets.open(path, "rb") as file:
        assert file.read(3) == "第".encode()
    with pytest.raises(UserError, match="is for reading, received mode 'w'"):
        snippets.open(path, "w", indexable=True)
