"""Trivial cues: what is left of an image, whether a task is solved by it, and what the verdict says of that."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import selfsup
from selfsup.measures.shortcuts import CUES, cue, place_read
from selfsup.measures.verdict import verdict
from selfsup.method import Method
from selfsup.report.sections import verdict as section
from selfsup.training.checks import checks
from selfsup.training.cues import border, colour, cues, cues_of, frame, grey, inside, least, light, most

X = torch.rand(80, 3, 20, 24, generator=torch.Generator().manual_seed(0))


def test_what_is_left_of_an_image():
    for one in (grey, colour, light, border, frame, inside, least, most):
        found = one(X)
        assert found.shape == X.shape
        assert found.is_contiguous()
        assert found.dtype == X.dtype
    assert torch.allclose(grey(X)[:, 2], X.mean(1))
    assert torch.allclose(colour(X)[3, 1], X[3, 1].mean().expand(20, 24))
    assert torch.equal(border(X)[:, :, 0], X[:, :, 0])
    assert torch.allclose(border(X)[5, :, 1:-1, 1:-1], X[5].mean((1, 2))[:, None, None].expand(3, 18, 22))
    assert torch.equal(border(X)[..., -1], X[..., -1])
    assert torch.equal(frame(X)[..., -4:], X[..., -4:])
    assert torch.allclose(frame(X)[5, :, 4:-4, 4:-4], X[5].mean((1, 2))[:, None, None].expand(3, 12, 16))
    assert torch.equal(inside(X)[:, :, 4:-4, 4:-4], X[:, :, 4:-4, 4:-4])
    assert torch.allclose(inside(X) + frame(X), X + X.mean((2, 3), keepdim=True), atol=1e-6)


def test_light_is_the_nearest_plane_by_least_squares():
    rows, columns = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 24), indexing="ij")
    design = np.stack([np.ones(480), rows.ravel(), columns.ravel()], 1)
    image = X[7, 2].double().numpy().ravel()
    plane = design @ np.linalg.lstsq(design, image, rcond=None)[0]
    assert np.allclose(light(X)[7, 2].numpy().ravel(), plane, atol=1e-5)


def test_the_darkest_and_the_brightest_hold_what_is_in_all_of_them():
    marked = X.clone()
    marked[:, :, 4, 5], marked[:, :, 9, 9] = 0.9, 0.2
    for one in (least, most):
        assert torch.equal(one(marked)[:, :, 4, 5], marked[:, :, 4, 5])
        assert torch.equal(one(marked)[:, :, 9, 9], marked[:, :, 9, 9])
        assert (one(marked) == one(marked)[:1]).all()
    assert float((least(X) > X).float().mean()) < 0.051
    assert float((most(X) < X).float().mean()) < 0.051


class Turned(Method):
    """Which way an image was turned, told by a function of what is seen; the images themselves where `own`."""

    def __init__(self, tell, own=False):
        super().__init__()
        self.tell, self.own = tell, own

    def hide(self, x, rng):
        turns = torch.randint(4, (len(x),), generator=rng)
        seen = torch.stack([torch.rot90(one, int(turn), (1, 2)) for one, turn in zip(x, turns, strict=True)])
        return seen, self.tell(seen) if self.own else turns

    def predict(self, seen):
        return self.tell(seen)

    def loss(self, guess, answer):
        if self.own:
            return {"error": (guess - answer).square() + 10}
        return {"error": torch.nn.functional.cross_entropy(guess, answer, reduction="none")}


def side(seen):
    """Which side is brightest, as logits: a light that falls from above is turned with the image."""
    sides = [seen[:, :, 0], seen[:, :, :, 0], seen[:, :, -1], seen[:, :, :, -1]]
    return 8 * torch.stack([one.mean((1, 2)) for one in sides], 1)


def squares():
    return torch.rand(80, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_a_light_that_gives_the_answer_is_found_and_a_tree_of_another_cue_is_not():
    lit = 0.2 * squares() + torch.linspace(0.8, 0, 16)[:, None]
    found = cues(Turned(side), lit)
    assert found["drawn"] == 1
    assert abs(found["cue_light"]) < 0.02
    assert max(abs(found["cue_least"]), abs(found["cue_most"]), abs(found["cue_border"])) < 0.02
    assert found["cue_grey"] == pytest.approx(0, abs=0.01)
    assert (
        found["cue_colour"] > 0.1
    )  # all sides alike: the loss of chance, beside that of guesses that are surely wrong
    bar = squares() * 0.5
    bar[:, :, 0] = 1
    found = cues(Turned(side), bar)
    assert abs(found["cue_border"]) < 0.02
    assert abs(found["cue_least"]) < 0.02
    assert "cue_most" in found  # asked where the darkest comes near


def test_what_is_a_part_of_the_image_is_not_drawn():
    def mean(seen):
        return seen.mean((1, 2, 3))

    found = cues(Turned(mean, own=True), squares())
    assert found["drawn"] == 0
    assert abs(found["cue_colour"]) < 1e-6  # the mean is the answer
    health = {"loss": 0.01, "loss_start": 1.0, "gap": 1.0, **found}
    assert cue(health) is None
    assert cue({**health, "drawn": 1.0}) is not None


def test_nothing_is_asked_where_there_are_no_images_or_no_gap():
    assert cues(Turned(side), torch.rand(20, 6)) == {}
    assert cues(Turned(side), torch.rand(1, 3, 8, 8)) == {}
    assert cues(Turned(lambda seen: torch.zeros(len(seen), 4)), squares()) == {}
    assert "grey" not in cues_of(squares()[:, :1])
    assert "frame" not in cues_of(squares()[..., :4, :4])
    assert set(cues_of(squares())) == {"grey", "light", "frame", "least", "most"}
    assert "cue_border" not in cues(
        Turned(side), squares()[..., :8, :8], before=1e9
    )  # a pixel of eight is no small part
    assert set(cues(Turned(side), squares(), all_of=False)) == {"cue_grey", "drawn"}


def test_samples_are_left_as_they_are():
    x = squares()
    before = x.clone()
    cues(Turned(side), x)
    assert torch.equal(x, before)


@cache
def lit(size=8):
    """Digits, lit from above."""
    images = load_digits().images[:500].astype(np.float32)
    return 0.4 * images + np.linspace(10, 0, size, dtype=np.float32)[:, None]


def test_a_light_from_above_is_a_shortcut_and_the_report_says_so(tmp_path):
    model = selfsup.fit(lit(), "rotation", hidden=(8, 16), epochs=12, progress=False, out=tmp_path / "run")
    found = model.evaluation.verdict
    assert found["kind"] == "shortcut"
    assert found["because"]["cue"] in CUES
    assert found["because"]["cue_left"] < 0.1
    assert "trivial cue gives the answer: where all that is left of an image is" in found["sentence"]
    page = (tmp_path / "run" / "report.html").read_text("utf8")
    assert "The cue that gives the answer" in page
    assert "Rise with the light alone" in page
    assert section.BECAUSE["cue_left"] in page


def rows(model, untrained, phase=0.125):
    def row(encoder, place, phase):
        return {
            "encoder": encoder, "layer": "", "width": 8, "place": place, "place_se": 0.004, "border": 0.2, "border_se": 0.02,
            "phase": phase, "phase_se": 0.01,
        }  # fmt: skip

    return [row("chance", 0.311, 0.125), row("model", model, phase), row("random init", untrained, 0.13)]


FOUND = {
    "gap": 1.0, "gap_start": 0.01, "gap_sd": 0.01, "loss": 0.6, "loss_start": 2.0, "loss_sd": 0.3, "shuffled": 1.6, "stir": 1.0,
    "spread": 1.0, "rank": 9.0, "width": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("audit", "grey", "kind", "words"),
    [
        (
            rows(0.167, 0.286),
            0.9,
            "shortcut",
            "olours tell where in its image a patch was cut",
        ),  # docs/methods/position.md
        (rows(0.167, 0.286), 0.1, "learning", ""),  # told without colours as well: by what the image shows
        (rows(0.293, 0.305), 0.9, "learning", ""),
        (rows(0.150, 0.167), 0.9, "learning", ""),  # told before training as well
        (rows(0.300, 0.305, 0.4), 0.9, "shortcut", "he grid of 8 pixels that JPEG leaves"),
        (rows(0.300, 0.305, 0.15), 0.9, "learning", ""),
        ([], 0.9, "learning", ""),
    ],
)
def test_what_the_audit_finds_is_a_shortcut(audit, grey, kind, words):
    found = verdict({**FOUND, "cue_grey": grey}, audit=audit)
    assert found["kind"] == kind
    assert words in found["sentence"]
    assert ("place_read" in found["because"]) == (kind == "shortcut")


def test_an_audit_without_the_untrained_net_says_nothing():
    assert place_read(rows(0.1, 0.3)[:2], {"cue_grey": 0.9}) is None


@pytest.mark.parametrize(("method", "fallen"), [("position", False), ("rotation", False), ("rotation", True)])
def test_cues_are_asked_where_patches_are_and_elsewhere_of_fallen_loss_only(monkeypatch, method, fallen):
    monkeypatch.setattr("selfsup.training.checks.cues", lambda *_, **how: {"drawn": 1.0})
    images = load_digits().images[:60].astype(np.float32)
    model = selfsup.fit(images, method, epochs=0, hidden=(4, 8), progress=False, evaluate=False)
    data = model.open(images, progress=False).whole()
    found = checks(
        model.method, data, data, model.device, {"loss": 0.35 if fallen else 0.9, "loss_start": 1.0, "gap": 1.0}
    ).numbers
    assert ("drawn" in found) == (fallen or method == "position")
