"""SCARF and VIME: their losses against plain references, categories, missing values, and that something is learnt."""

import math

import numpy as np
import pytest
import torch

import selfsup
from selfsup.data.dataset import Dataset
from selfsup.data.form import Field, Form
from selfsup.errors import SelfsupError
from selfsup.measures.verdict import judge_health
from selfsup.method import shuffle_gap
from selfsup.methods.scarf import Scarf
from selfsup.methods.vime import Answer, Guess, Vime
from selfsup.model.encode import build

FIELDS = (
    Field("size", "number"),
    Field("colour", "category", ("blue", "green", "red")),
    Field("old", "boolean"),
    Field("weight", "number"),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mixed(rows=80, gaps=True):
    """A table of numbers, a category and a boolean that all follow one hidden number; some cells are missing."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=rows)
    noise = 0.1 * rng.normal(size=(2, rows))
    colour = np.digitize(hidden + noise[0], (-0.5, 0.5))
    x = np.column_stack([100 + 20 * hidden + noise[1], np.eye(3)[colour], hidden > 0, -hidden + noise[0]])
    x = x.astype(np.float32)
    if gaps:
        x[::7, 0] = np.nan
        x[3::11, 1:4] = np.nan
    form = Form("table", (6,), columns=tuple(f.name for f in FIELDS), fields=FIELDS, missing=gaps)
    return Dataset(x, form, "made data", f"mixed {rows} {gaps}", None, ())


def made(cls, **options):
    data = mixed().whole()
    return build(cls(**options), data, 0), data.rows()[:]


def test_scarf_is_the_cross_entropy_of_cosines_written_out():
    rows, copies = torch.randn(2, 5, 1, 4, generator=seeded())
    found = Scarf(temperature=0.3).loss(rows, copies)["contrast"]

    def cosine(a, b):
        return sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))

    z, w = rows[:, 0].double().numpy(), copies[:, 0].double().numpy()
    for i in range(5):
        likeness = [math.exp(cosine(z[i], w[k]) / 0.3) for k in range(5)]
        assert float(found[i]) == pytest.approx(-math.log(likeness[i] / sum(likeness)), rel=1e-5)


def test_scarf_sees_the_row_as_it_is_and_hides_a_copy_of_it():
    method, x = made(Scarf, swap=0.5)
    seen, hidden = method.hide(x, seeded())
    assert torch.equal(seen[:, 0].nan_to_num(-1), x.nan_to_num(-1))
    assert hidden.shape == (80, 1, 6)
    known = ~hidden[..., 1].isnan()
    assert (hidden[..., 1:4].sum(2)[known] == 1).all()


def test_vime_is_equations_3_to_5_written_out():
    """Squared deviations of numbers, the surprise at a boolean and at a category; a missing value costs nothing."""
    method, _ = made(Vime, alpha=1.5)
    guess = Guess(torch.randn(2, 6, generator=seeded(1)), torch.zeros(2, 6), torch.randn(2, 4, generator=seeded(2)))
    nan = math.nan
    x = torch.tensor([[0.3, 0, 1, 0, 1, -2], [nan, nan, nan, nan, 0, 0.5]])
    mask = torch.tensor([[1.0, 0, 0, 1], [0.0, 1, 0, 0]])
    terms = method.loss(guess, Answer(x, mask))
    out, logits, values = guess.output.double().tolist(), guess.mask.double().tolist(), x.tolist()

    def surprise(logit, true):
        chance = 1 / (1 + math.exp(-logit))
        return -math.log(chance if true else 1 - chance)

    for b in range(2):
        told = sum(surprise(a, t) for a, t in zip(logits[b], mask[b].tolist(), strict=True)) / 4
        assert float(terms["mask"][b]) == pytest.approx(told, rel=1e-5)
        numbers = [(out[b][k] - values[b][k]) ** 2 for k in (0, 5) if not math.isnan(values[b][k])]
        kinds = [math.exp(out[b][k]) for k in (1, 2, 3)]
        colour = -math.log(kinds[1] / sum(kinds)) if b == 0 else 0.0
        whole = 1.5 * (sum(numbers) + colour + surprise(out[b][4], values[b][4])) / 4
        assert float(terms["reconstruction"][b]) == pytest.approx(whole, rel=1e-5)


def test_vime_asks_which_columns_have_another_value_a_category_being_one():
    method, x = made(Vime, swap=0.5)
    seen, answer = method.hide(x, seeded())
    assert not seen.isnan().any()
    assert answer.mask.shape == (80, 4)
    assert torch.equal(answer.x.isnan(), x.isnan())
    assert method.mask.out_features == 4
    known = ~x.isnan()[:, 1] & (seen[:, 1:4].amax(1) == 1)
    other = (seen[:, 1:4] != x[:, 1:4]).any(1)
    assert torch.equal(answer.mask[known, 1].bool(), other[known])
    assert answer.mask[:, 1].mean() < answer.mask[:, 3].mean()  # a swapped colour is often the same colour


@pytest.mark.parametrize("name", ["scarf", "vime"])
def test_a_table_of_all_kinds_of_columns_is_learnt_saved_and_loaded(name, tmp_path):
    """Through a file, as a user has it, with gaps; the loss owes something to each row."""
    table = mixed(120).whole().rows()[:].numpy()
    lines = ["size,colour,old,weight"]
    for row in table:
        size = "" if np.isnan(row[0]) else f"{row[0]:.3f}"
        colour = "" if np.isnan(row[1]) else FIELDS[1].values[int(row[1:4].argmax())]
        lines.append(f"{size},{colour},{bool(row[4])},{row[5]:.3f}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    model = selfsup.fit(
        tmp_path / "t.csv", method=name, out=tmp_path / "run", epochs=40, hidden=(32,), evaluate=False, progress=False
    )
    x = torch.from_numpy(table)
    found = shuffle_gap(model.method, x)
    assert found["gap"] > 0.1 * found["shuffled"]
    codes = model.encode(tmp_path / "t.csv")
    assert np.isfinite(codes).all()
    assert np.array_equal(codes, selfsup.load(tmp_path / "run").encode(tmp_path / "t.csv"))


@pytest.mark.parametrize("name", ["scarf", "vime"])
def test_images_are_refused(name):
    with pytest.raises(SelfsupError, match="table"):
        selfsup.fit(np.zeros((20, 8, 8), np.float32), method=name, epochs=1, progress=False)


def test_a_loss_that_falls_while_its_gap_shrinks_is_not_called_learning():
    """Of vicreg after two epochs of 60 rows: the variance had grown, and views of a row were no longer told from others."""
    seen = {"gap": 0.2174, "gap_start": 2.3587, "gap_sd": 0.0286, "stir": 3.0, "loss": 45.607, "loss_start": 46.3936}
    seen |= {"loss_sd": 0.0, "shuffled": 45.82, "spread": 0.9, "rank": 8.5, "width": 256.0}
    assert judge_health(seen) == "as before"
    assert judge_health({**seen, "gap": 2.2}) == "learnt"
