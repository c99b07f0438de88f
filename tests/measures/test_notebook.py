"""What a notebook shows of a model, its evidence and a table: whole, escaped, and without a script."""

from html.parser import HTMLParser

import numpy as np
import pytest

import selfsup
from selfsup.measures import html
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.table import Table

EVIL = "<script>alert(1)</script>&\"'"
FORBIDDEN = ("<script", "<style", "<link", "<img", "url(", "http", "onclick")


class Reader(HTMLParser):
    """The text, and whether every tag is closed in its order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.text = [], ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture(scope="module")
def model():
    x = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    return selfsup.fit(x, x[:, 0] > 0, epochs=1, progress=False)


def test_a_model_says_what_it_is(model):
    page = model._repr_html_()
    text = Reader(page).text
    for said in ("denoising", "120 vectors of 6 values", "mlp", model.evaluation.verdict["sentence"]):
        assert said in text
    assert len(page) < 4000
    assert not any(word in page for word in FORBIDDEN)


def test_an_evaluation_shows_the_verdict_and_every_table(model):
    found = model.evaluation
    page = found._repr_html_()
    text = Reader(page).text
    assert found.verdict["kind"] in text
    assert found.verdict["sentence"] in text
    for table in found.tables:
        assert Reader(table._repr_html_()).text.split("  ")[0].strip() in text
    assert all(f"Note: {note}" in text for note in found.notes)
    assert not any(word in page for word in FORBIDDEN)


def test_words_of_a_stranger_are_escaped(model):
    verdict = {"kind": EVIL, "sentence": EVIL, "because": {}}
    found = Evaluation(verdict, {}, [Table(EVIL, [{EVIL: EVIL, "n": 1.5, "list": [EVIL]}], note=EVIL)], [EVIL])
    for page in (found._repr_html_(), html.facts([(EVIL, EVIL)])):
        assert "<script" not in page
        assert "alert(1)" in Reader(page).text


def test_nothing_measured_and_long_tables():
    assert Reader(Evaluation()._repr_html_()).text.strip() == ""
    page = Table("own", [{"row": row} for row in range(html.ROWS + 7)])._repr_html_()
    assert page.count("<td") == html.ROWS
    assert "and 7 more rows" in Reader(page).text


def test_a_model_that_is_not_judged_and_one_that_is_loaded(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    made = selfsup.fit(x, "linear", evaluate=False, progress=False, out=tmp_path / "run")
    assert "linear" in Reader(made._repr_html_()).text
    assert "Run folder" in Reader(selfsup.load(tmp_path / "run")._repr_html_()).text
