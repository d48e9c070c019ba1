"""Whitening equals a plain float64 reference, mergeable, foldable into a Dense layer, a rotation where it should be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfv2_keras.embeddings import Whitening, cosine_similarity
from rfv2_keras.errors import UserError

shares = st.floats(0, 1)


@st.composite
def vectors(draw, dtype=np.float64, rows=(8, 60), features=(1, 7)):
    """Correlated rows with a mean that is far from 0, as sentence vectors have it; no two spreads are alike."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(*features))
    x = generator.normal(size=(draw(st.integers(max(rows[0], 3 * size), rows[1])), size)) * 1.7 ** np.arange(size)
    return (x @ generator.normal(size=(size, size)) + 3 * generator.normal(size=size)).astype(dtype)


def reference(x, beta, gamma):
    """The formula read literally, through a singular value decomposition."""
    x = np.asarray(x, np.float64)
    mean = x.mean(0)
    y = x - beta * mean
    _, s, vt = np.linalg.svd(y / np.sqrt(len(x)), full_matrices=False)
    vt *= np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(1)])[:, None]
    return y @ (vt.T * s**-gamma), s


@given(vectors(), shares, shares)
def test_equals_the_reference(x, beta, gamma):
    expected, s = reference(x, beta, gamma)
    found = Whitening(beta, gamma).fit_transform(x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, rtol=0, atol=1e-6 * scale**2)  # all dot products
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), np.linalg.norm(expected, axis=0), rtol=1e-6)
    if len(s) == 1 or (s[:-1] / s[1:]).min() > 1.01:  # single directions are well defined
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * scale)


@given(vectors())
def test_whitened_rows_have_mean_0_and_covariance_1(x):
    y = Whitening().fit_transform(x)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(np.cov(y.T, bias=True).reshape(y.shape[1], -1), np.eye(y.shape[1]), atol=1e-7)


@given(vectors(), shares)
def test_with_gamma_1_the_second_moment_about_0_is_that_about_beta_mean(x, beta):
    """What `numpy.cov` would get wrong for beta other than 1."""
    y = Whitening(beta, 1.0).fit_transform(x)
    np.testing.assert_allclose(y.T @ y / len(y), np.eye(y.shape[1]), atol=1e-7)


@given(vectors(), shares, shares, st.lists(st.integers(1, 59), max_size=4))
def test_parts_give_what_the_whole_gives(x, beta, gamma, cuts):
    whole = Whitening(beta, gamma).fit(x)
    parts = np.split(x, sorted(cut for cut in set(cuts) if cut < len(x)))
    one_after_the_other, shards = Whitening(beta, gamma), [Whitening().fit(part) for part in reversed(parts)]
    for part in parts:
        one_after_the_other.partial_fit(part)
    merged = Whitening(beta, gamma)
    for shard in shards:
        merged.merge(shard)
    moment = whole.moments_.second_moment(beta)
    for other in (one_after_the_other, merged):
        assert other.n_samples_seen_ == len(x)
        np.testing.assert_allclose(other.mean_, whole.mean_, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(other.moments_.second_moment(beta), moment, rtol=0, atol=1e-8 * np.abs(moment).max())
        y = whole.transform(x)
        z = other.transform(x)
        np.testing.assert_allclose(z @ z.T, y @ y.T, rtol=0, atol=1e-8 * np.square(y).sum(1).max())


@given(vectors())
def test_a_mean_a_million_times_the_spread_costs_no_digits(x):
    y, far = Whitening().fit_transform(x), Whitening().fit(x + 1e6 * x.std())
    np.testing.assert_allclose(far.moments_.scatter, Whitening().fit(x).moments_.scatter, rtol=1e-6, atol=1e-6)
    assert np.abs(far.transform(x + 1e6 * x.std())).max() == pytest.approx(np.abs(y).max(), rel=1e-3)


@given(vectors(dtype=np.float32), st.integers(0, 2**32 - 1))
def test_rows_beyond_one_block_and_order_of_rows(x, seed):
    many = np.repeat(x, 300, axis=0)  # more rows than are summed at once
    shuffled = np.random.default_rng(seed).permutation(many)
    found, expected = Whitening().fit(shuffled).moments_.scatter / 300, Whitening().fit(x).moments_.scatter
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@given(vectors(), st.integers(0, 2**32 - 1))
def test_beta_0_gamma_0_keeps_lengths_and_cosines(x, seed):
    y = Whitening(0, 0).fit_transform(x)
    other = np.random.default_rng(seed).permutation(len(x))
    np.testing.assert_allclose(cosine_similarity(y, y[other]), cosine_similarity(x, x[other]), atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=1), rtol=1e-10)


@given(vectors(features=(2, 7)), shares, shares, st.data())
def test_n_components_keeps_the_first_columns(x, beta, gamma, data):
    size = data.draw(st.integers(1, x.shape[1]))
    all_columns = Whitening(beta, gamma).fit_transform(x)
    np.testing.assert_allclose(Whitening(beta, gamma, size).fit_transform(x), all_columns[:, :size], atol=1e-12)


@given(vectors(dtype=np.float32), shares, shares)
def test_dense_layer_equals_transform(x, beta, gamma):
    whitening = Whitening(beta, gamma).fit(x)
    for dtype, tolerance in (("float64", 1e-9), ("float32", 2e-4)):
        layer = whitening.to_dense(dtype=dtype)
        expected = whitening.transform(x.astype("float64"))
        found = np.asarray(layer(x.astype(dtype)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@given(vectors(), shares, shares)
def test_signs_do_not_depend_on_the_rows_order(x, beta, gamma):
    found = Whitening(beta, gamma).fit(x)
    largest = np.abs(found.components_).max(1)
    assert (found.components_.max(1) >= (1 - 1e-5) * largest).all()


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_directions_without_spread_give_0_and_never_infinity(beta):
    """A copy of a feature, a sum of features with the rounding of float32, and rows that are all alike."""
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    x = np.concatenate([x, x[:, :1], x.sum(1, keepdims=True)], axis=1)
    y = Whitening(beta, 1.0).fit_transform(x)
    assert np.isfinite(y).all()
    moment = y.astype(np.float64).T @ y / len(y)
    np.testing.assert_allclose(np.diag(moment), [1, 1, 1, 0, 0], atol=1e-4)
    constant = Whitening(1.0, 1.0).fit(np.ones((5, 4)))
    np.testing.assert_array_equal(constant.transform(np.ones((2, 4))), 0)


def test_float32_stays_float32_and_is_computed_in_float64():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32) + 1000
    y = Whitening().fit_transform(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, Whitening().fit_transform(x.astype(np.float64)), atol=1e-5)


@given(vectors(), shares, shares)
def test_saved_and_loaded_it_gives_the_same_bits_and_learns_on(tmp_path_factory, x, beta, gamma):
    path = tmp_path_factory.mktemp("whitening") / "whitening.npz"
    whitening = Whitening(beta, gamma, n_components=1).fit(x)
    whitening.save(path)
    loaded = Whitening.load(path)
    assert loaded.get_params() == whitening.get_params()
    np.testing.assert_array_equal(loaded.transform(x), whitening.transform(x))
    np.testing.assert_array_equal(loaded.partial_fit(x).kernel_, whitening.partial_fit(x).kernel_)
    with np.load(path, allow_pickle=False) as file:
        assert all(array.dtype.kind in "fi" for array in file.values())


def test_new_arguments_wait_for_the_next_fit(tmp_path):
    x = np.random.default_rng(0).normal(size=(50, 4)) + 2
    whitening = Whitening(1.0, 1.0).fit(x)
    before = whitening.transform(x)
    whitening.set_params(beta=0.0, gamma=0.0)
    whitening.save(tmp_path / "whitening.npz")
    for same in (whitening, Whitening.load(tmp_path / "whitening.npz")):
        np.testing.assert_array_equal(same.transform(x), before)
        np.testing.assert_allclose(same.fit_transform(x), Whitening(0.0, 0.0).fit_transform(x))


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", kernel=np.eye(2))
    np.save(tmp_path / "array.npy", np.eye(2))
    for name in ("text.npz", "other.npz", "array.npy", "nowhere.npz"):
        with pytest.raises(UserError, match=name):
            Whitening.load(tmp_path / name)
    with pytest.raises(UserError, match=r"must end in \.npz"):
        Whitening().fit(np.eye(3)).save(tmp_path / "whitening")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"beta": float("nan")}, "beta"),
        ({"beta": "1"}, "beta"),
        ({"gamma": -0.1}, "gamma"),
        ({"n_components": 0}, "1 to the number of features, 3"),
        ({"n_components": 4}, "received: 4"),
        ({"n_components": 1.5}, "1.5"),
    ],
)
def test_arguments_that_mean_nothing(arguments, says):
    whitening = Whitening(**arguments)
    with pytest.raises(UserError, match=says):
        whitening.fit(np.eye(3))
    with pytest.raises(UserError, match="seen no vectors"):
        whitening.transform(np.eye(3))


def test_rows_that_do_not_fit():
    whitening = Whitening().fit(np.eye(3))
    for use in (whitening.transform, whitening.partial_fit, lambda x: whitening.merge(Whitening().fit(x))):
        with pytest.raises(UserError, match=r"(?s)4.*3"):
            use(np.eye(4))
    for wrong in (np.ones(3), np.ones((0, 3)), [[1, 2], [3]], np.full((2, 3), np.nan), np.full((2, 3), 1j)):
        with pytest.raises(UserError):
            Whitening().fit(wrong)
    assert whitening.n_samples_seen_ == 3  # a failed call leaves it as it was
