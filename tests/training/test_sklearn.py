"""scikit-learn's own checks, with the number that ran asserted: a skip tag can turn 47 checks into 1."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from conftest import table
from selfsup.methods import find, listing
from selfsup.options import options_of
from selfsup.sklearn import Encoder

CHECKED = {  # widths are the defaults: they must suit tables of one column; epochs are few for the tests' time
    "linear": Encoder(method="linear"),
    "undercomplete": Encoder(method="undercomplete", epochs=2, hidden=(8,)),
    "denoising": Encoder(epochs=2),
    "contractive": Encoder(method="contractive", epochs=2),
    "sparse": Encoder(method="sparse", epochs=2),
    "variational": Encoder(method="variational", epochs=2, hidden=(8,)),
    "vime": Encoder(method="vime", epochs=2, hidden=(8,)),
}


def test_every_method_for_vectors_is_checked():
    needs_labels = {"classifier"}  # which the adapter has none of
    named = {info.name for info in listing() if "table" in info.kinds} - needs_labels
    # scikit-learn's checks set n_components, which a method without that option refuses, as it should
    assert set(CHECKED) == {name for name in named if "n_components" in options_of(find(name)[1])}


@parametrize_with_checks(list(CHECKED.values()))
def test_scikit_learn_check(estimator, check):
    check(estimator)  # asserts inside


@pytest.mark.parametrize("method", CHECKED)
def test_there_are_as_many_checks_as_there_should_be(method):
    """They run above: a tag can turn 47 of them into 1."""
    assert len(list(estimator_checks_generator(CHECKED[method]))) >= 40


def test_linear_is_pca():
    x = table(200)
    ours, theirs = Encoder("linear", n_components=3).fit(x), PCA(3).fit(x.astype(np.float64))
    codes = theirs.transform(x.astype(np.float64))
    codes *= np.sign((codes * ours.transform(x)).sum(0))  # the sign of an axis is free
    np.testing.assert_allclose(ours.transform(x), codes, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        ours.inverse_transform(ours.transform(x)), theirs.inverse_transform(theirs.transform(x)), atol=1e-3
    )
    assert ours.get_feature_names_out().tolist() == ["encoder0", "encoder1", "encoder2"]


def test_in_a_pipeline_a_grid_search_and_a_file(tmp_path):
    x = table(80)
    y = x[:, 0] > np.median(x[:, 0])
    pipeline = make_pipeline(Encoder("denoising", n_components=2, epochs=3, random_state=0), LogisticRegression())
    search = GridSearchCV(pipeline, {"encoder__n_components": [1, 3]}, cv=2).fit(x, y)
    assert search.best_params_["encoder__n_components"] in (1, 3)
    joblib.dump(search.best_estimator_, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert np.array_equal(again.predict_proba(x), search.best_estimator_.predict_proba(x))
    assert clone(pipeline).get_params()["encoder__n_components"] == 2


@pytest.mark.parametrize("method", CHECKED)
def test_codes_of_doubles_do_not_depend_on_the_rows_beside(method):
    x = table(200).astype(np.float64)
    encoder = Encoder(method, epochs=None if method == "linear" else 1, random_state=0).fit(x)
    codes = encoder.transform(x)
    assert codes.dtype == np.float64
    np.testing.assert_allclose(
        codes, np.vstack([encoder.transform(x[row : row + 1]) for row in range(200)]), atol=1e-12
    )
    np.testing.assert_allclose(codes, encoder.transform(x.astype(np.float32)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_linear_narrows_itself_to_a_narrow_table(columns):
    x = table(40)[:, :columns]
    assert Encoder("linear").fit(x).transform(x).shape == (40, columns)


def test_score_is_higher_for_what_was_learnt():
    x = table(120)
    short = Encoder("denoising", n_components=4, epochs=1, random_state=0).fit(x)
    long = Encoder("denoising", n_components=4, epochs=60, random_state=0).fit(x)
    assert short.score(x) < long.score(x) < 0


def test_images_and_methods_without_a_way_back():
    x = np.random.default_rng(0).uniform(size=(12, 8, 8))
    encoder = Encoder("rotation", epochs=1, random_state=0).fit(x)
    assert encoder.transform(x).shape == (12, 384)
    assert not hasattr(encoder, "inverse_transform")
    with pytest.raises(ValueError, match="no option 'n_components'"):
        Encoder("rotation", n_components=5, epochs=1).fit(x)
    with pytest.raises(ValueError, match="did you mean 'denoising'"):
        Encoder("denoisin").fit(x)


def test_further_options_by_name():
    encoder = Encoder("denoising", n_components=2, epochs=1, options={"level": 0.0, "clip": 1.0}).fit(table(30))
    assert encoder.model_.config["options"]["level"] == 0.0
    assert encoder.model_.config["training"]["clip"] == 1.0
