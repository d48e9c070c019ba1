"""Whitening follows the conventions of scikit-learn: all of its estimator checks, cloning, pipelines, searches."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from rfv2_keras.embeddings import Whitening
from rfv2_keras.errors import UserError


@pytest.mark.filterwarnings("ignore:Estimator Whitening does not inherit")
@pytest.mark.parametrize("whitening", [Whitening(), Whitening(0.0, 0.0), Whitening(0.5, 0.5, n_components=1)], ids=repr)
def test_estimator_checks(whitening):
    results = check_estimator(whitening, on_skip=None)  # raises if one fails
    assert sum(result["status"] == "passed" for result in results) > 30


def test_clone_and_parameters():
    whitening = Whitening(0.25, 0.75, 3)
    assert clone(whitening).get_params() == {"beta": 0.25, "gamma": 0.75, "n_components": 3}
    assert whitening.set_params(beta=1.0) is whitening
    assert repr(whitening) == "Whitening(beta=1.0, gamma=0.75, n_components=3)"
    with pytest.raises(UserError, match="alpha"):
        whitening.set_params(alpha=1)


def test_in_a_pipeline_whose_parameters_are_searched():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 5)), generator.normal(size=60)
    search = GridSearchCV(make_pipeline(Whitening(), Ridge()), {"whitening__n_components": [1, 5]}, cv=3)
    assert search.fit(x, y).best_params_["whitening__n_components"] in (1, 5)
