"""Checks that train nothing: what each verb of a method must keep."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from selfsup import solvers
from selfsup.method import Method, Start, permute, step, total
from selfsup.options import options_of
from selfsup.testing.case import Case, Rules, demand, drawing_nothing, generator, leaves, near, same

CHECKS = Rules()


@CHECKS.add("method")
def every_option_and_what_is_hidden_is_said(case: Case) -> None:
    """For people: help, summary, and what the report and the card tell."""
    cls = case.cls
    demand(bool((cls.__doc__ or "").strip()), "the class has no docstring: its first line is the method's summary")
    without = [name for name, option in options_of(cls).items() if not option.help]
    demand(not without, f"no help for the option '{''.join(without[:1])}': put it under Parameters in the docstring")
    demand(bool(cls.sees), "say what it predicts from: the class attribute sees")
    demand(bool(cls.hides) and cls.hides != Method.hides, "say what is hidden: the class attribute hides")


@CHECKS.add("method")
def its_solvers_can_solve_it(case: Case) -> None:
    """Those that are named are known, and do not refuse."""
    demand(bool(case.cls.solvers), "solvers must name at least one solver")
    for name in case.cls.solvers:
        why = solvers.find(name)().refuses(case.new(), "cpu")
        demand(why is None, f"its own solver {name} refuses it: {why}")


@CHECKS.add()
def the_seed_decides_everything(case: Case) -> None:
    """Weights, and what is hidden; all else draws nothing."""
    one, other = case.make(), case.make()
    names = [name for name, value in one.state_dict().items() if not torch.equal(value, other.state_dict()[name])]
    demand(not names, f"the seed does not decide the weight '{''.join(names[:1])}': draw it in build, which is seeded")
    with drawing_nothing("start"):
        demand(isinstance(one.start(case.data), Start), "start must give a Start")
    x = case.x(one)
    with drawing_nothing("hide"):
        drawn = one.hide(x, generator())
    demand(same(drawn, other.hide(x, generator())), "hide does not give the same twice from the same rng")


@CHECKS.add()
def hide_leaves_x_alone_and_keeps_the_batch_axis(case: Case) -> None:
    """The leading axis of all that comes of a batch is its own."""
    method = case.make()
    x, before = case.x(method), case.x(method)
    seen, hidden = method.hide(x, generator())
    demand(same(x, before), "hide writes into x: make a copy")
    guess = method.predict(seen)
    for name, tree in {"seen": seen, "hidden": hidden, "the guess": guess, "the answer": method.target(hidden)}.items():
        for leaf in leaves(tree):
            demand(len(leaf) == len(x), f"{name} has a tensor of shape {tuple(leaf.shape)} for a batch of {len(x)}: the first "
                    "axis must be the batch")  # fmt: skip


@CHECKS.add()
def the_loss_is_finite_and_a_term_has_a_name(case: Case) -> None:
    """Terms are (B,) or scalars."""
    method = case.make()
    x = case.x(method)
    terms = step(method, x, generator())[0]
    demand(bool(terms) and all(isinstance(name, str) for name in terms), "loss must give a mapping of names to terms")
    for name, term in terms.items():
        demand(term.shape in ((), (len(x),)), f"the term '{name}' has shape {tuple(term.shape)}; allowed: () or (B,)")
        demand(bool(term.isfinite().all()), f"the term '{name}' is not finite")


@CHECKS.add()
def gradients_reach_every_trainable_parameter(case: Case) -> None:
    """A parameter without one would be trained in vain."""
    method = case.make().train()
    total(step(method, case.x(method), generator())[0]).backward()
    for name, weight in method.named_parameters():
        if weight.requires_grad:
            demand(
                weight.grad is not None,
                f"no gradient reaches '{name}': use it in predict, or set requires_grad_(False)",
            )
            whole = weight.grad.to_dense()  # type: ignore[union-attr]
            demand(bool(whole.isfinite().all()), f"the gradient of '{name}' is not finite")


@CHECKS.add()
@torch.no_grad()
def predict_target_and_loss_are_pure(case: Case) -> None:
    """They give the same twice, draw nothing and change nothing."""
    method = case.make().eval()
    seen, hidden = method.hide(case.x(method), generator())
    state = copy.deepcopy(method.state_dict())
    with drawing_nothing("predict, target or loss"):
        guess, answer = method.predict(seen), method.target(hidden)
        first, second = method.loss(guess, answer), method.loss(guess, answer)
        demand(same(guess, method.predict(seen)), "predict gives another guess the second time")
        demand(same(answer, method.target(hidden)), "target gives another answer the second time")
    demand(all(torch.equal(first[key], second[key]) for key in first), "loss gives another value the second time")
    changed = [name for name, value in method.state_dict().items() if not torch.equal(state[name], value)]
    demand(not changed, f"predict, target or loss changes '{''.join(changed[:1])}': after_step is the place for that")


@CHECKS.add("kind")
def permuted_guesses_are_wrong_ones(case: Case) -> None:
    """Else the gap could say nothing."""
    method = case.make()
    answer = method.target(method.hide(case.x(method), generator())[1])
    turned = permute(answer, torch.arange(len(leaves(answer)[0])).roll(1))
    demand(not same(turned, answer), "all answers of a batch are equal: there is nothing to learn from a sample")


@CHECKS.add()
@torch.no_grad()
def the_loss_of_a_batch_is_the_mean_of_its_halves(case: Case) -> None:
    """Unless the method says that it compares samples."""
    method = case.make().eval()
    if method.coupled:
        return
    x = case.x(method)
    seen, hidden = method.hide(x, generator())
    half = len(x) // 2

    def of(*rows: int) -> Tensor:
        some = torch.arange(*rows)
        return total(method.loss(method.predict(permute(seen, some)), method.target(permute(hidden, some))))

    whole, parts = of(0, 2 * half), (of(0, half) + of(half, 2 * half)) / 2
    demand(near(whole, parts), f"the loss of a batch is {float(whole):.6g}, but the mean of its halves {float(parts):.6g}: set "
            "coupled = True if it compares samples")  # fmt: skip


@CHECKS.add()
@torch.no_grad()
def codes_are_rows_and_do_not_depend_on_the_batch(case: Case) -> None:
    """(B, D) float32, alone or in company, and among the layers."""
    method = case.make().eval()
    x = case.x(method)
    with drawing_nothing("encode"):
        whole = method.encode(x)
    demand(whole.ndim == 2 and len(whole) == len(x), f"codes have shape {tuple(whole.shape)}, not ({len(x)}, D)")
    demand(whole.dtype == torch.float32, f"codes are {whole.dtype}, not float32")
    demand(bool(whole.isfinite().all()), "codes are not finite")
    parts = torch.cat([method.encode(part) for part in x.split(7)])
    demand(near(whole, parts) and near(whole[:1], method.encode(x[:1])), "a code depends on the samples beside it")
    layers = method.layers(x)
    for name, codes in layers.items():
        demand(
            codes.ndim == 2 and len(codes) == len(x),
            f"layer '{name}' has shape {tuple(codes.shape)}, not ({len(x)}, D)",
        )
    demand(any(torch.equal(codes, whole) for codes in layers.values()), "the code is none of the layers")


@CHECKS.add()
@torch.no_grad()
def scores_and_figures_are_numbers(case: Case) -> None:
    """What score, measures, remarks and rates give."""
    method = case.make().eval()
    x = case.x(method)
    score = method.score(x, generator())
    demand(
        score.shape == (len(x),) and bool(score.isfinite().all()),
        f"score gives {tuple(score.shape)}, not B finite numbers",
    )
    figures = method.measures(x)
    bad = [name for name, value in figures.items() if not (isinstance(value, float) and math.isfinite(value))]
    demand(not bad, f"the figure '{''.join(bad[:1])}' of measures is no finite number")
    demand(all(isinstance(one, str) for one in method.remarks(figures)), "remarks must be sentences")
    names = [name for name, _ in method.named_parameters()]
    for prefix, factor in method.rates().items():
        demand(
            any(name.startswith(prefix) for name in names), f"rates names '{prefix}', and no parameter begins with it"
        )
        demand(0 <= factor < math.inf, f"the rate of '{prefix}' is {factor}")


@CHECKS.add()
@torch.no_grad()
def what_comes_out_has_the_form_of_the_data(case: Case) -> None:
    """What decode, sample, words and atoms give, where there are such verbs."""
    method = case.make().eval()
    form, x = case.data.form, case.x(method)
    if method.decodes():
        shape = tuple(method.decode(method.encode(x)).shape)
        demand(shape == (len(x), *form.shape), f"decode gives {shape}, not {(len(x), *form.shape)}")
    if method.samples():
        drawn = method.sample(3, generator())
        demand(tuple(drawn.shape) == (3, *form.shape), f"sample gives {tuple(drawn.shape)}, not {(3, *form.shape)}")
        demand(
            torch.equal(drawn, method.sample(3, generator())), "sample does not give the same twice from the same rng"
        )
    if callable(words := getattr(method, "words", None)):
        found = words()
        demand(found.ndim == 2 and len(found) == form.size, f"words gives {tuple(found.shape)}, not ({form.size}, D)")
        demand(not found.requires_grad and bool(found.isfinite().all()), "words must be finite and detached")
    if callable(atoms := getattr(method, "atoms", None)):
        demand(tuple(atoms().shape[1:]) == (form.size,), f"atoms gives {tuple(atoms().shape)}, not (M, {form.size})")
