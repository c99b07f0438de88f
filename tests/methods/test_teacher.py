"""Methods with answers of their own: losses beside plain loops, the teacher's average and the centre in closed form."""

import math

import numpy as np
import pytest
import torch

import selfsup
from selfsup.data.open import open_data
from selfsup.errors import OptionError
from selfsup.methods import find
from selfsup.methods.joint.teacher import momentum_at
from selfsup.model.encode import build
from selfsup.testing import pictures, table

SMALL = {"hidden": (6, 6), "projector": (8, 5)}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def made(name, x=None, **options):
    return build(
        find(name)[1](**SMALL, **options), open_data(x if x is not None else pictures(6, 3, 12, 12)).whole(), 0
    )


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=rng(seed))


def unit(v):
    return v / math.sqrt((v * v).sum())


@pytest.mark.parametrize("views", [2, 4])
def test_byol_and_simsiam_are_plain_loops_over_pairs_of_views(views):
    guess, answer = drawn(5, views, 4), drawn(5, views, 4, seed=1)
    p, z = guess.double().numpy(), answer.double().numpy()
    byol, simsiam = np.zeros(5), np.zeros(5)
    for i in range(5):
        pairs = [(v, w) for v in range(views) for w in range(views) if v != w]
        for v, w in pairs:
            byol[i] += ((unit(p[i, v]) - unit(z[i, w])) ** 2).sum() / len(pairs)
            simsiam[i] += (1 - unit(p[i, v]) @ unit(z[i, w])) / len(pairs)
    for name, expected in (("byol", byol), ("simsiam", simsiam)):
        found = find(name)[1](**SMALL).loss(guess, answer)["distance"]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_dino_is_a_plain_loop_over_large_crops_and_others():
    one = made("dino", prototypes=7, temperature=0.3, teacher_temperature=0.2)
    guess, answer = drawn(4, 5, 7), drawn(4, 2, 7, seed=1)
    one.centre.copy_(drawn(7, seed=2))
    s, t, c = guess.double().numpy(), answer.double().numpy(), one.centre.double().numpy()
    expected = np.zeros(4)
    for i in range(4):
        for v in range(2):
            told = np.exp((t[i, v] - c) / 0.2)
            for w in range(5):
                if v != w:
                    says = np.exp(s[i, w] / 0.3)
                    expected[i] -= (told / told.sum() * np.log(says / says.sum())).sum() / 8
    np.testing.assert_allclose(one.loss(guess, answer)["cross_entropy"].numpy(), expected, rtol=1e-5, atol=1e-5)


def test_the_centre_is_a_moving_average_of_the_whole_batch():
    one = made("dino", prototypes=7, centre_momentum=0.8)
    answers = [drawn(3, 2, 7, seed=seed) for seed in range(4)]
    expected = sum(0.2 * 0.8 ** (3 - k) * answer.double().mean((0, 1)) for k, answer in enumerate(answers))
    for answer in answers:
        one.after_step(answer)
    torch.testing.assert_close(one.centre.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["byol", "dino"])
def test_a_teacher_is_the_average_of_the_students_it_met(name):
    one = made(name, momentum=0.7)
    first = {key: value.double().clone() for key, value in one.teacher.named_parameters()}
    assert first
    assert not any(value.requires_grad for value in one.teacher.parameters())
    students, keeps = [], []
    for step in range(5):
        with torch.no_grad():
            for key in first:
                one.get_parameter(key).add_(drawn(*one.get_parameter(key).shape, seed=step))
        students.append({key: one.get_parameter(key).double().clone() for key in first})
        one.progress = step / 5
        keeps.append(1 - 0.3 * (math.cos(math.pi * step / 5) + 1) / 2)
        one.after_step(torch.zeros(2, 2, getattr(one, "prototypes", 5)))
    for key, value in one.teacher.named_parameters():
        expected = math.prod(keeps) * first[key]
        expected = expected + sum((1 - keeps[k]) * math.prod(keeps[k + 1 :]) * students[k][key] for k in range(5))
        torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)


def test_momentum_rises_to_one_by_half_a_cosine():
    assert [momentum_at(0.9, at) for at in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.95, 1.0])


def test_a_teacher_s_norms_follow_its_own_batches_and_no_gradient_reaches_it():
    one = made("byol").train()
    x = torch.from_numpy(pictures(6, 3, 12, 12))
    seen, hidden = one.hide(x, rng())
    before = {key: value.clone() for key, value in one.teacher.named_buffers()}
    with torch.no_grad():
        for value in one.teacher.parameters():
            value.mul_(1.5)
    one.loss(one.predict(seen), one.target(hidden))["distance"].mean().backward()
    assert all(value.grad is None for value in one.teacher.parameters())
    assert all(p.grad is not None for n, p in one.named_parameters() if not n.startswith("teacher"))
    moved = [
        key
        for key, value in one.teacher.named_buffers()
        if key.endswith("running_mean") and not value.equal(before[key])
    ]
    assert moved
    own = dict(one.named_buffers())
    assert any(not own[key].equal(dict(one.teacher.named_buffers())[key]) for key in moved)
    kept = {key: value.clone() for key, value in one.teacher.named_buffers()}
    one.after_step(hidden)  # the average is of weights alone
    assert all(value.equal(kept[key]) for key, value in one.teacher.named_buffers())


def test_no_gradient_goes_through_the_answers_unless_it_is_asked_for():
    x = torch.from_numpy(pictures(6, 3, 12, 12))
    for stop in (True, False):
        one = made("simsiam", stop_gradient=stop).train()
        assert one.target(one.hide(x, rng())[1]).requires_grad is not stop


def test_a_student_sees_all_crops_and_a_teacher_the_large_ones():
    one = made("dino", local_views=3, prototypes=9, px=(8,))
    seen, hidden = one.hide(torch.from_numpy(pictures(6, 3, 12, 12)), rng())
    assert seen.whole.shape == hidden.shape == (6, 2, 3, 8, 8)
    assert seen.local.shape == (6, 3, 3, 4, 4)
    assert seen.whole.equal(hidden)
    guess, answer = one.predict(seen), one.target(hidden)
    assert guess.shape == (6, 5, 9)
    assert answer.shape == (6, 2, 9)
    assert not answer.requires_grad
    assert float(guess.detach().abs().max()) <= 1 + 1e-5


@pytest.mark.parametrize("name", ["byol", "dino"])
@pytest.mark.parametrize(("momentum", "said"), [(0.0, "a teacher without momentum"), (1.0, "must be less than 1")])
def test_a_teacher_needs_a_momentum_between_0_and_1(name, momentum, said):
    with pytest.raises(OptionError, match=said):
        find(name)[1](momentum=momentum)


def test_a_loaded_run_has_its_teacher_and_goes_on_seeing_rows_with_gaps(tmp_path):
    x = table(60, 6)
    x[::4, 1] = np.nan
    model = selfsup.fit(
        x, method="byol", **SMALL, epochs=2, batch_size=20, out=tmp_path / "run", evaluate=False, progress=False
    )
    again = selfsup.load(tmp_path / "run")
    theirs = again.method.state_dict()
    assert all(value.equal(theirs[key]) for key, value in model.method.state_dict().items())
    assert any(key.startswith("teacher.") for key in theirs)
