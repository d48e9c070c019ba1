"""BERT-whitening, with the two exponents of its extension."""

import numbers
import zipfile
from pathlib import Path

import numpy as np

from rfv2_keras.checkpoints.atomic import atomic_file
from rfv2_keras.embeddings.checks import checked_vectors
from rfv2_keras.embeddings.moments import Moments
from rfv2_keras.errors import UserError

NEGLIGIBLE = 1e-12  # an eigenvalue below this share of the largest is the rounding of float32 vectors, not a direction
SAVED = ("beta", "gamma", "n_components", "count", "mean", "scatter", "eigenvalues", "components", "center", "kernel")


class Whitening:
    """Makes the coordinates of vectors uncorrelated, and as far as wanted centred and of equal spread.

        y = (x - beta mu) U Lambda^(-gamma/2),   U Lambda Uᵀ = 1/n sum (x - beta mu)(x - beta mu)ᵀ

    mu is the mean of the rows that `fit` sees; the columns of U are sorted by falling eigenvalue and the first
    `n_components` kept. beta = gamma = 1 is whitening: mean 0, covariance 1. beta = gamma = 0 is a rotation, which
    changes no cosine as long as all components are kept. Helps vectors of encoders that were never trained to compare
    sentences; those that were need no more than the rotation.

    Follows the conventions of scikit-learn (and passes its `check_estimator`) without needing it. Sums are float64; y
    has the type of x, float32 or float64. A direction whose eigenvalue is below 1e-12 of the largest, where the rows
    have no spread but rounding, gives 0 unless gamma is 0. Of each column of U the largest entry is positive (the first
    one, where several are equal up to rounding), so that results are the same everywhere.

    Args:
        beta: share of the mean that is taken away, 0 to 1 (any finite number is allowed).
        gamma: 0 keeps the spread of the components, 1 makes it equal (any finite number >= 0 is allowed).
        n_components: number of components kept; None for all.

    Attributes:
        components_: (n_components, features), the kept columns of U as rows.
        eigenvalues_: (n_components,), their eigenvalues.
        mean_: (features,), mu.
        center_, kernel_: (features,) and (features, n_components); y = (x - center) kernel.
        moments_: `Moments` of all rows seen.
        n_features_in_, n_samples_seen_: how many features, and rows.

    Source: arXiv 2103.15316; https://spaces.ac.cn/archives/8069; beta and gamma: https://spaces.ac.cn/archives/9079.
    """

    def __init__(self, beta=1.0, gamma=1.0, n_components=None):
        self.beta = beta
        self.gamma = gamma
        self.n_components = n_components

    # --- fitting -------------------------------------------------------------------------------------------------

    def fit(self, X, y=None):
        """Learn from rows (rows, features), in one pass, and forget what was learned before; `y` is ignored."""
        return self._learn(Moments.of(checked_vectors(X)))

    def partial_fit(self, X, y=None):
        """Learn from further rows; parts in any order give what `fit` gives on all rows together, up to rounding."""
        if not self._is_fitted():
            return self.fit(X)
        return self._learn(self.moments_ + Moments.of(checked_vectors(X, self.n_features_in_)))

    def merge(self, other):
        """Learn from the rows that another `Whitening` has seen, whatever its arguments."""
        other._check_fitted()
        if not self._is_fitted():
            return self._learn(other.moments_)
        if self.n_features_in_ != other.n_features_in_:
            raise UserError(
                f"Whitening cannot merge rows of {other.n_features_in_} features into those of {self.n_features_in_}."
            )
        return self._learn(self.moments_ + other.moments_)

    def _learn(self, moments):
        self._check_arguments(len(moments.mean))
        eigenvalues, vectors = np.linalg.eigh(moments.second_moment(self.beta))
        keep = slice(self.n_components)
        components = (vectors[:, ::-1] * _signs(vectors[:, ::-1])).T[keep]
        eigenvalues = np.maximum(eigenvalues[::-1], 0)[keep]
        kernel = components.T * component_scales(eigenvalues, self.gamma)
        return self._set(moments, eigenvalues, components, self.beta * moments.mean, kernel)

    def _set(self, moments, eigenvalues, components, center, kernel):
        self.moments_, self.eigenvalues_, self.components_ = moments, eigenvalues, components
        self.center_, self.kernel_ = center, kernel
        self.mean_, self.n_samples_seen_, self.n_features_in_ = moments.mean, moments.count, len(moments.mean)
        return self

    @property
    def bias_(self):
        """(n_components,), so that y = x kernel_ + bias_."""
        return -self.center_ @ self.kernel_

    # --- use -----------------------------------------------------------------------------------------------------

    def transform(self, X):
        """The whitened rows, (rows, n_components)."""
        self._check_fitted()
        X = checked_vectors(X, self.n_features_in_)
        # Taking the mean away first keeps the digits that x kernel + bias would lose for a large mean.
        return ((X - self.center_) @ self.kernel_).astype(X.dtype)

    def fit_transform(self, X, y=None):
        """`fit`, then `transform` of the same rows."""
        return self.fit(X).transform(X)

    def to_dense(self, name="Whitening", dtype="float32"):
        """A built `keras.layers.Dense` that does what `transform` does, to be put behind a pooled encoder."""
        import keras  # whitening itself is numpy alone

        self._check_fitted()
        layer = keras.layers.Dense(self.kernel_.shape[1], name=name, dtype=dtype)
        layer.build((None, self.n_features_in_))
        layer.set_weights([self.kernel_, self.bias_])
        return layer

    # --- files ---------------------------------------------------------------------------------------------------

    def save(self, path):
        """Write arguments and everything learned as an .npz file of arrays, without pickle; `partial_fit` can go on."""
        self._check_fitted()
        if Path(path).suffix != ".npz":
            raise UserError(f"{path}: a whitening is saved as an .npz file, so the name must end in .npz.")
        values = (
            *(self.beta, self.gamma, -1 if self.n_components is None else self.n_components),
            *(self.moments_.count, self.moments_.mean, self.moments_.scatter),
            *(self.eigenvalues_, self.components_, self.center_, self.kernel_),
        )
        with atomic_file(path) as temporary:
            np.savez(temporary, **dict(zip(SAVED, values, strict=True)))

    @classmethod
    def load(cls, path, features=None):
        """What `save` wrote; with `features`, it must have been learned from vectors of so many numbers."""
        try:
            with np.load(path, allow_pickle=False) as file:
                beta, gamma, n_components, count, mean, scatter, *learned = (file[key] for key in SAVED)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
        except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
            raise UserError(f"{path}: is no file that Whitening.save wrote ({error}).") from None
        whitening = cls(float(beta), float(gamma), None if n_components < 0 else int(n_components))
        if features not in (None, len(mean)):
            raise UserError(f"{path}: was learned from vectors of {len(mean)} numbers, but these have {features}.")
        return whitening._set(Moments(count, mean, scatter), *learned)

    # --- conventions of scikit-learn -----------------------------------------------------------------------------

    def get_params(self, deep=True):
        """The arguments; `deep` is ignored."""
        return {"beta": self.beta, "gamma": self.gamma, "n_components": self.n_components}

    def set_params(self, **params):
        """Replace arguments; they take effect with the next `fit`, `partial_fit` or `merge`."""
        for name, value in params.items():
            if name not in self.get_params():
                raise UserError(f"Whitening has the arguments beta, gamma and n_components; received: {name!r}.")
            setattr(self, name, value)
        return self

    def __repr__(self):
        return f"Whitening(beta={self.beta!r}, gamma={self.gamma!r}, n_components={self.n_components!r})"

    def __sklearn_is_fitted__(self):
        return self._is_fitted()

    def __sklearn_tags__(self):
        # Only scikit-learn calls this.
        from sklearn.utils import Tags, TargetTags, TransformerTags

        transformer = TransformerTags(preserves_dtype=["float64", "float32"])
        return Tags(estimator_type="transformer", target_tags=TargetTags(required=False), transformer_tags=transformer)

    # --- checks --------------------------------------------------------------------------------------------------

    def _is_fitted(self):
        return hasattr(self, "moments_")

    def _check_fitted(self):
        if not self._is_fitted():
            raise UserError("This Whitening has seen no vectors yet: call fit, partial_fit or merge first.")

    def _check_arguments(self, features):
        for name, value, least in (("beta", self.beta, -np.inf), ("gamma", self.gamma, 0)):
            if not (isinstance(value, numbers.Real) and np.isfinite(value) and value >= least):
                allowed = "a finite number" if name == "beta" else "a finite number >= 0"
                raise UserError(f"{name} of Whitening must be {allowed}; received: {value!r}.")
        n = self.n_components
        if n is not None and not (isinstance(n, numbers.Integral) and 1 <= n <= features):
            raise UserError(
                f"n_components of Whitening must be an integer from 1 to the number of features, {features}; "
                f"received: {n!r}."
            )


def component_scales(eigenvalues, gamma):
    """Lambda^(-gamma/2), with 0 for eigenvalues that are nothing but rounding; 1 for all of them if gamma is 0."""
    if gamma == 0:
        return np.ones_like(eigenvalues)
    is_direction = eigenvalues > NEGLIGIBLE * eigenvalues.max(initial=0)
    return np.where(is_direction, np.where(is_direction, eigenvalues, 1) ** (-gamma / 2), 0)


def _signs(columns):
    """1 or -1 for each column, so that its largest entry becomes positive."""
    size = np.abs(columns)
    first = np.argmax(size >= (1 - 1e-6) * size.max(0), axis=0)
    return np.where(np.take_along_axis(columns, first[None], 0)[0] < 0, -1.0, 1.0)
