"""Bad input of the methods of views, teachers and masks: a clear error, a stated change or a sound run; never a NaN."""

import logging

import numpy as np
import pytest

import selfsup
from selfsup.cli import main as cli
from selfsup.errors import DataError, OptionError, SelfsupError, TrainingError
from selfsup.measures import health
from selfsup.measures.verdict import judge_health
from selfsup.methods import REGISTERED, find
from selfsup.options import options_of
from selfsup.testing import pictures, table
from selfsup.training.watching import alarm

VIEWS = ("barlow", "byol", "dino", "emp", "lejepa", "simclr", "simsiam", "vicreg")
MASKS = ("jepa", "mae")
TABLES = ("scarf", "vime")
MODERN = (*VIEWS, *MASKS, *TABLES)
SMALL = {"hidden": (4, 4), "projector": (8, 4), "predictor": (4,), "prototypes": 4, "local_views": 1}
QUIET = {"evaluate": False, "progress": False, "epochs": 1, "batch_size": 8}


def fitted(x, method, **options):
    known = options_of(find(method)[1])
    small = {name: value for name, value in SMALL.items() if name in known}
    return selfsup.fit(x, method, **{**small, **QUIET, **options})


def data_of(method, rows=12, side=10):
    return table(rows) if method in TABLES else pictures(rows, 1, side, side)


def sound(model, x):
    """Codes and every figure of every record are finite."""
    figures = [value for record in model.history for value in record.values() if isinstance(value, float)]
    return np.isfinite(model.encode(x)).all() and np.isfinite(figures).all()


@pytest.mark.parametrize("method", MODERN)
def test_few_rows_are_refused_or_learnt_from(method):
    with pytest.raises(DataError, match="learning needs at least 2 samples; got 1"):
        fitted(data_of(method, 1), method)
    with pytest.raises(OptionError, match="'batch_size' must be a whole number at least 2"):
        fitted(data_of(method), method, batch_size=1)
    for rows, size in ((2, 8), (5, 2), (9, 8)):  # 9: eight are learnt from, and one alone would be measured on
        x = data_of(method, rows)
        assert sound(fitted(x, method, batch_size=size), x)


@pytest.mark.parametrize("method", VIEWS)
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("views", 1, "'views' must be a whole number at least 2; got 1"),
        ("views", 3, "'views' must be even"),
        ("projector", (), "a projector needs at least one layer"),
        ("projector", (0,), "'projector' must be .* at least 1"),
        ("scale", (1.0, 0.2), "'scale' must be the least share, then the greatest; got 1 and 0.2"),
        ("scale", (0.0, 1.0), "'scale' must be .* greater than 0"),
        ("px", (), "'px' needs at least one side"),
        ("px", (0,), "'px' must be .* at least 4"),
        ("swap", 0.0, "'swap' must be a number greater than 0 and less than 1"),
        ("swap", 1.0, "'swap' must be a number greater than 0 and less than 1"),
        ("blocks", 9, "'blocks' must be at most 2"),
        ("mirror", 2.0, "'mirror' must be a number from 0 to 1"),
    ],
)
def test_options_of_views_out_of_range_are_named(method, option, value, said):
    with pytest.raises(OptionError, match=said):
        fitted(data_of(method), method, **{option: value})


@pytest.mark.parametrize(
    ("method", "option", "value"), [("simclr", "px", (5,)), ("byol", "cells", 2), ("vicreg", "scale", (0.5, 1.0))]
)
def test_options_of_images_are_refused_of_tables(method, option, value):
    with pytest.raises(OptionError, match=f"option '{option}' is for images, and would do nothing to tables"):
        fitted(table(12), method, **{option: value})
    with pytest.raises(OptionError, match="option 'swap' is for tables, and would do nothing to images"):
        fitted(pictures(8, 3, 10, 10), method, swap=0.5)


@pytest.mark.parametrize("method", ["byol", "dino", "jepa"])
@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_a_teacher_without_momentum_is_refused(method, momentum):
    with pytest.raises(OptionError, match="'momentum' must be (greater|less)"):
        fitted(data_of(method), method, momentum=momentum)


@pytest.mark.parametrize("method", VIEWS)
def test_images_of_any_size_and_channels_give_views(method):
    for x in (pictures(8, 1, 1, 1), pictures(8, 2, 3, 7), pictures(8, 3, 1, 9)):
        assert sound(fitted(x, method), x)
    x = pictures(8, 1, 6, 6)
    assert sound(fitted(x, method, px=(4, 24), colour=2.0, blur=0.5, solarize=0.5), x)  # larger views than images


@pytest.mark.parametrize("method", MASKS)
def test_patches_that_do_not_fit_are_named(method):
    with pytest.raises(OptionError, match="'patch' must be at most 10, the shorter side of the images; got 100"):
        fitted(data_of(method), method, patch=100)
    with pytest.raises(OptionError, match="patch"):
        fitted(pictures(8, 1, 2, 2), method)
    x = data_of(method)
    assert sound(fitted(x, method, patch=3), x)  # sides that are no multiple are filled up


@pytest.mark.parametrize("method", [name for name in MODERN if "table" in find(name)[1].kinds])
def test_tables_with_one_column_gaps_or_nothing(method):
    one, gaps = table(12, 1), table(12)
    gaps[::3, 1] = np.nan
    for x in (one, gaps):
        assert sound(fitted(x, method), x)
    with pytest.raises(DataError, match="every value is missing"):
        fitted(np.full((12, 3), np.nan, np.float32), method)
    with pytest.raises(DataError, match="are the same, to the bit"):
        fitted(np.zeros((12, 3), np.float32), method)


@pytest.mark.parametrize("method", TABLES)
def test_what_is_for_tables_alone_refuses_images(method):
    with pytest.raises(SelfsupError, match="table"):
        fitted(pictures(8), method)


@pytest.mark.parametrize("method", MODERN)
@pytest.mark.parametrize("lr", [1e3, 1e30])
def test_a_rate_at_which_all_blows_up_gives_a_sentence_or_finite_codes(method, lr):
    x, said = data_of(method, 24), ""
    try:
        codes = fitted(x, method, lr=lr, epochs=3).encode(x)
    except TrainingError as error:
        codes, said = np.zeros(1), str(error)
    assert np.isfinite(codes).all()
    assert not said or "lr" in said


def test_one_held_out_row_is_no_measure_of_a_loss_that_compares(caplog):
    x = pictures(9, 1, 8, 8)
    with caplog.at_level(logging.WARNING, "selfsup"):
        model = fitted(x, "simclr", epochs=2)
    assert all(record["gap"] != 0 for record in model.history)


@pytest.mark.parametrize(("own", "said"), [(True, "answers are becoming the same"), (False, "")])
def test_a_loss_that_falls_as_the_answers_become_one_is_called_a_collapse(own, said):
    """As BYOL without its predictor on digits: codes keep their dimensions, and the loss falls to nothing."""
    shape = {"rank": 20.0, "width": 64, "spread": 0.4, "dead_dims": 0.0}
    first = shape | {"epoch": 0, "heldout": 0.23, "shuffled": 0.23, "gap": 0.003, "gap_calibrated": 0.078}
    last = shape | {"epoch": 9, "heldout": 0.001, "shuffled": 0.0023, "gap": 0.0013, "gap_sd": 1e-5}
    told = alarm([first, last], own=own) or ""
    assert told.startswith(said)
    assert bool(told) == own
    found = health(np.random.default_rng(0).normal(size=(50, 8)), first, last)
    assert (judge_health(found | {"own": float(own)}) == "answers alike") == own
    assert alarm([first, last | {"gap": 0.1}], own=own) is None


@pytest.mark.parametrize("words", [
    ["--views", "3"], ["--scale", "1,0.2"], ["--projector", "0"], ["--px", "0"], ["--batch-size", "1"],
    ["--momentum", "0"], ["--swap", "0"], ["--predictor", "-1"],
])  # fmt: skip
def test_the_command_line_says_it_in_a_sentence(words, tmp_path, capsys):
    np.save(tmp_path / "x.npy", pictures(8, 1, 8, 8))
    out = tmp_path / "run"
    code = cli.main(["fit", str(tmp_path / "x.npy"), "--method", "byol", "--out", str(out), "--no-progress", *words])
    told = capsys.readouterr()
    assert code == 2
    assert words[0].lstrip("-").split("-")[0] in told.err
    assert "Traceback" not in told.err
    assert not out.exists()


def test_every_new_method_is_asked():
    assert set(MODERN) <= set(REGISTERED)
