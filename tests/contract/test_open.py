"""Whatever a user may add is added by one file of theirs: a method, a net, a penalty, a measure, a section, a vector format."""

import json
from textwrap import dedent

import numpy as np
import pytest

import selfsup
from selfsup import WordVectors
from selfsup.report import page
from selfsup.report.run import Run
from selfsup.testing import checks_of, pictures, table, text

TEXT = '''
    """Words by how long the sentence is that they stand in: a method of text alone."""
    import torch
    from torch import nn
    from selfsup import Method

    class Counting(Method):
        """Predict the mean of a sentence's neighbours in a table of words.

        Parameters
        ----------
        dim
            Width of a vector.
        """

        kinds = ("text",)
        sees, hides = "the first words of a sentence", "the last ones"
        by_heart = 0.9

        def __init__(self, dim: int = 10) -> None:
            super().__init__()
            self.dim = dim

        def view(self, data):
            return data.sequences(6)

        def build(self, about):
            self.table = nn.EmbeddingBag(about.form.size + 1, self.dim, padding_idx=about.form.size)
            self.scores = nn.Linear(self.dim, about.form.size)

        def hide(self, x, rng):
            return x[:, :3], x[:, 3:]

        def predict(self, seen):
            return self.scores(self.encode(seen)).log_softmax(1)

        def loss(self, guess, answer):
            surprise = -guess.gather(1, answer.clamp(min=0)) * (answer >= 0)
            return {"last words": surprise.sum(1)}

        def encode(self, x):
            return self.table(x.masked_fill(x < 0, self.table.padding_idx))
'''
BOTH = '''
    """A method of images and of text: what it needs of either is in the form."""
    import torch
    from torch import nn
    from selfsup import Method

    class Parts(Method):
        """Predict one half of a sample's values from the other."""

        kinds = ("image", "text")
        sees, hides = "one half of a sample", "the other half"

        def view(self, data):
            return data.rows() if data.form.kind == "image" else data.windows(3)

        def build(self, about):
            self.words = None
            if about.form.kind == "text":
                self.table = nn.Embedding(about.form.size + 1, 4)
                self.table.weight.requires_grad_(False)
            self.guess = nn.LazyLinear(1)
            size = about.form.size if about.form.kind == "image" else 7 * 4
            self.half = size // 2
            self.net = nn.Sequential(nn.Linear(self.half, 16), nn.ReLU(), nn.Linear(16, size - self.half))

        def flat(self, x):
            return (x if x.is_floating_point() else self.table(x + 1)).flatten(1)

        def hide(self, x, rng):
            x = self.flat(x)
            return x[:, : self.half], x[:, self.half :]

        def predict(self, seen):
            return self.net(seen)

        def loss(self, guess, answer):
            return {"other half": (guess - answer).square().mean(1)}

        def encode(self, x):
            return self.net[:2](self.flat(x)[:, : self.half])
'''.replace("            self.words = None\n", "").replace("            self.guess = nn.LazyLinear(1)\n", "")
PIECES = '''
    from markupsafe import Markup
    from torch import nn
    from selfsup.measures.table import Table

    def small(shape, hidden):
        """Blocks of a net for samples of a shape."""
        return [nn.Conv2d(shape[0], 4, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 6, 3, stride=2))]

    def even(x, z, reconstruction, model):
        """Charge for units of different size (B,)."""
        return z.var(1)

    def widths(evidence):
        """How many values a code has, and a word's vector."""
        if evidence.words is not None:
            return Table("widths", [{"encoder": "words", "width": evidence.words.vectors.shape[1]}])
        return Table("widths", [{"encoder": name, "layer": layer, "width": features.train.shape[1]}
                                for (name, layer), features in evidence.features.items()])

    class Greeting:
        """A section of the page."""

        def html(run):
            return Markup("<section><h2>Greetings</h2>from {}</section>").format(run.config["method"])
'''
FORMAT = '''
    import json
    import numpy as np
    from selfsup.system.files import write_bytes
    from selfsup.words.formats.io import FileFormat, Table

    class Lines(FileFormat):
        """A word and its vector a line, in JSON."""

        suffixes = (".jsonl",)

        def knows(self, path, head):
            return head.startswith(b"[")

        def read(self, path, head, wanted):
            rows = [json.loads(line) for line in path.read_text("utf8").splitlines()]
            return Table([word for word, _ in rows], np.array([vector for _, vector in rows], np.float32))

        def write(self, path, table, *, overwrite):
            rows = zip(table.words, table.numbers(0, len(table.words)).tolist(), strict=True)
            write_bytes(path, "".join(json.dumps([word, row]) + "\\n" for word, row in rows).encode())
'''


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        (tmp_path / name).write_text(dedent(content))
        return str(tmp_path / name)

    return written


@pytest.mark.parametrize(
    ("content", "name", "kinds"), [(TEXT, "Counting", 1), (BOTH, "Parts", 2)], ids=["text", "both"]
)
def test_a_method_is_one_file(write, content, name, kinds):
    checks = checks_of(write("mine.py", content) + f":{name}")
    assert len({check.case.rpartition(" ")[2] for check in checks}) == kinds
    for check in checks:
        check.run()


def test_a_method_of_text_without_word_vectors_encodes_texts(write, tmp_path):
    path = write("mine.py", TEXT) + ":Counting"
    model = selfsup.fit(text(200), method=path, epochs=1, out=tmp_path / "run", progress=False)
    codes = model.encode(["word1 word2 word3", "word9"])
    assert codes.shape == (2, 10)
    again = selfsup.load(tmp_path / "run", method=path)
    np.testing.assert_array_equal(again.encode(["word1 word2 word3", "word9"]), codes)


@pytest.mark.parametrize("method", ["undercomplete", "rotation"])
def test_a_net_is_one_file(write, tmp_path, method):
    net = write("pieces.py", PIECES) + ":small"
    model = selfsup.fit(
        pictures(60), method=method, net=net, epochs=1, out=tmp_path / "run", evaluate=False, progress=False
    )
    assert model.config["net"] == "small of 2 blocks, 4-6 channels"
    again = selfsup.load(tmp_path / "run", given={"net": net})
    np.testing.assert_array_equal(again.encode(pictures(3)), model.encode(pictures(3)))


def test_a_penalty_is_one_file(write, tmp_path):
    path = write("pieces.py", PIECES) + ":even"
    model = selfsup.fit(
        table(60),
        method="undercomplete",
        omega=path,
        penalty=0.5,
        epochs=2,
        out=tmp_path / "run",
        evaluate=False,
        progress=False,
    )
    assert set(model.history[-1]["terms"]) == {"reconstruction", "even"}
    again = selfsup.load(tmp_path / "run", given={"omega": path})
    np.testing.assert_array_equal(again.score_samples(table(5)), model.score_samples(table(5)))


def test_a_measure_is_one_file_and_the_page_shows_its_table(write, tmp_path):
    path = write("pieces.py", PIECES) + ":widths"
    x, labels = table(80), np.arange(80) % 2
    model = selfsup.fit((x, labels), method="linear", n_components=2, out=tmp_path / "run", progress=False)
    found = selfsup.evaluate(model, x, labels=labels, measures=(path,), progress=False)
    rows = found.rows("widths")
    assert {"encoder": "model", "layer": "code", "width": 2} in rows
    assert "widths" in str(found)
    model.evaluation = found
    model.write_evidence(tmp_path / "run")
    assert "widths" in (tmp_path / "run" / "report.html").read_text().lower()


def test_a_section_is_one_file(write, tmp_path):
    selfsup.fit(table(60), method="linear", out=tmp_path / "run", evaluate=False, progress=False)
    path = write("pieces.py", PIECES) + ":Greeting"
    assert "<h2>Greetings</h2>from linear" in page(tmp_path / "run", sections=(path,))
    assert Run.read(tmp_path / "run").config["method"] == "linear"


def test_a_format_is_one_file(write, tmp_path):
    path = write("lines.py", FORMAT) + ":Lines"
    vectors = WordVectors(["a", "b"], np.array([[1, 2], [3, 4]], np.float32))
    vectors.save(tmp_path / "mine.jsonl", format=path)
    assert json.loads((tmp_path / "mine.jsonl").read_text().splitlines()[1]) == ["b", [3.0, 4.0]]
    again = WordVectors.load(tmp_path / "mine.jsonl", format=path)
    assert again.words == ["a", "b"]
    np.testing.assert_array_equal(again.vectors, vectors.vectors)
