"""What a notebook shows of a model, its evidence and a table: whole, escaped, and without a script."""

import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import selfsup
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.table import Table
from selfsup.system import html
from selfsup.system.progress import Progress
from selfsup.words import WordVectors

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


def test_vectors_show_their_first_words_and_the_nearest():
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    vectors[1] = 2 * vectors[0]
    page = WordVectors(["one", EVIL, *(f"w{row}" for row in range(28))], vectors, range(30, 0, -1))._repr_html_()
    text = Reader(page).text
    assert "30" in text
    assert "4 values, stored as float32" in text
    assert text.split("one", 1)[1].split()[:2] == ["30", EVIL + ","]  # the nearest to it comes first
    assert not [word for word in FORBIDDEN if word in page]


@pytest.mark.parametrize(
    "vectors", [WordVectors(["a"], [[0.0, 0.0]]), WordVectors(["a", "b"], [[0.0, 0.0], [1.0, 1.0]])]
)
def test_vectors_without_neighbours_show_their_words(vectors):
    assert "nearest" not in Reader(vectors._repr_html_()).text


class Handle:
    """What IPython's `display` gives: its line can be replaced."""

    def __init__(self, shown):
        self.shown = [shown]

    def update(self, data, raw):
        assert raw
        self.shown.append(data)


def test_progress_is_one_line_of_a_notebooks_cell(monkeypatch, capsys):
    handles = []

    def display(data, raw, display_id):
        assert raw
        assert display_id
        handles.append(Handle(data))
        return handles[-1]

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(
        sys.modules,
        "IPython",
        SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=display)),
    )
    shown = Progress()
    for line in ("epoch 1", "epoch 2"):
        shown.show(line, force=True)
    shown.close("done")
    assert [handle.shown for handle in handles] == [[{"text/plain": line} for line in ("epoch 1", "epoch 2", "done")]]
    assert capsys.readouterr() == ("", "")
    shell.kernel = None  # IPython on a terminal
    Progress().close("done")
    assert len(handles) == 1
    assert capsys.readouterr().err == "done\n"
