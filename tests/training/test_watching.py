"""The numbers that need no labels after every epoch, the early warning, and what TensorBoard is given."""

import logging
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import broken
import selfsup
from selfsup.errors import Interrupted, MissingError, OptionError
from selfsup.measures.health import shape_of
from selfsup.solvers.task import Pause
from selfsup.training import board, watching
from selfsup.training.loop import Loop
from selfsup.training.measure import measure

QUIET = {"progress": False, "evaluate": False}


def table(n=400, d=12, latent=6, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, latent)) @ rng.normal(size=(latent, d)) + 0.1 * rng.normal(size=(n, d))).astype("f4")


class Planted(broken.Honest):
    """Codes of which all dimensions but one are lost as the training goes on."""

    def encode(self, x):
        codes, left = super().encode(x), (1 - self.progress) ** 6
        return torch.cat([codes[:, :1], codes[:, 1:] * left], 1)


class Near(broken.Honest):
    """Codes that draw near to one point."""

    def encode(self, x):
        return 1 + super().encode(x) * (1 - self.progress) ** 6


class Point(broken.Honest):
    """Codes that are one point from the first step on."""

    def encode(self, x):
        return super().encode(x) if self.progress == 0 else torch.ones(len(x), self.hidden)


class Infinite(broken.Honest):
    """Codes that blow up halfway, though the loss does not."""

    def encode(self, x):
        return super().encode(x) / (0.0 if self.progress > 0.5 else 1.0)


class Apart(broken.Collapsing):
    """A wider rate: SimSiam without its stop-gradient, whose codes keep two or three dimensions."""

    recipe = {"lr": 3e-2, "steps": 400}


class Drawn(Apart):
    """Two views are drawn together by their distance, and nothing keeps samples apart: all become one point."""

    recipe = {"lr": 1e-2, "steps": 400}

    def build(self, about):
        width = about.form.size
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 32))

    def predict(self, seen):
        return self.encoder(seen)

    target = predict

    def loss(self, guess, answer):
        return {"distance": (guess - answer).square().sum(1)}


def test_every_epoch_has_the_numbers_of_its_codes():
    x = table()
    model = selfsup.fit(x, "denoising", epochs=4, **QUIET)
    records = [model.start, *model.history]
    assert [record["epoch"] for record in records] == [0, 1, 2, 3, 4]
    for record in records:
        assert record["width"] == 12
        assert 1 <= record["rank"] <= 12
        assert 0 <= record["spread"] <= 1
        assert 0 <= record["dead_dims"] <= 1


def test_the_numbers_are_those_of_health_on_the_same_rows():
    x = table(200)
    method = selfsup.fit(x, broken.Honest, epochs=1, **QUIET).method
    probe = torch.from_numpy(x)
    found = watching.shape(method, probe)
    with torch.no_grad():
        expected = shape_of(method.encode(probe).numpy())
    assert {key: pytest.approx(expected[key]) for key in watching.SHAPE} == found
    assert measure(method, probe, 1, shaped=False).keys().isdisjoint(watching.SHAPE)


def test_words_are_looked_at_by_rows_of_their_table(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(f"w{one}" for one in rng.integers(0, 700, 20)) for _ in range(300)))
    model = selfsup.fit(text, "skipgram", dim=8, min_count=1, epochs=2, threads=1, **QUIET)
    records = [model.start, *model.history]
    assert [record["width"] for record in records] == [8] * len(records)
    table = model.method.words()
    rows = table[watching._some(len(table))].numpy()
    assert len(rows) == 512
    assert records[-1]["rank"] == pytest.approx(shape_of(rows)["rank"])


def test_word_vectors_that_leave_their_noise_are_no_alarm():
    path = [record(0, 49.3, spread=1.0, width=50), record(0.3, 2.4, spread=0.36, width=50)]
    assert watching.alarm(path) is not None
    assert watching.alarm(path, ranked=False) is None
    assert watching.alarm([path[0], record(1, 2.4, spread=0.001)], ranked=False) is not None


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (Planted, r"epoch \d+: codes are collapsing: \d\.\d dimensions of 12, were \d\.\d"),
        (Near, r"epoch \d+: codes are collapsing to one point: they differ by .* of their size, was "),
        (Point, "epoch 1: codes are one point: they differ from sample to sample by rounding alone"),
        (Infinite, "epoch 3: codes are not finite: lower the learning rate"),
    ],
)
def test_a_planted_collapse_is_warned_of_and_noted(cls, said, caplog):
    x = table()
    with caplog.at_level(logging.WARNING, "selfsup"):
        model = selfsup.fit(x, cls, epochs=5, batch_size=64, **QUIET)
    warned = [record.message for record in caplog.records if "codes are" in record.message]
    assert len(warned) == 1
    assert re.match(said, warned[0])
    note = next(note for note in model.config["notes"] if "codes are" in note)
    warning, _, name = warned[0].rpartition(" (")
    assert name.endswith(f"{cls.__name__})")
    assert note.startswith("at " + warning.replace(":", "", 1))


@pytest.mark.parametrize("cls", [Apart, Drawn])
def test_a_real_collapse_is_seen_within_some_epochs(cls, caplog):
    with caplog.at_level(logging.WARNING, "selfsup"):
        model = selfsup.fit("digits", cls, epochs=6, batch_size=64, **QUIET)
    assert "codes are collapsing" in caplog.text
    assert any("codes are collapsing" in note for note in model.config["notes"])


@pytest.mark.parametrize("method", ["denoising", "undercomplete", "contractive", "sparse", "variational", "linear"])
@pytest.mark.parametrize("latent", [1, 2, 6])
def test_sound_methods_are_not_warned_of(method, latent, caplog):
    epochs = {} if method == "linear" else {"epochs": 6}
    with caplog.at_level(logging.WARNING, "selfsup"):
        model = selfsup.fit(table(latent=latent), method, **epochs, **QUIET)
    assert "codes are" not in caplog.text + " ".join(model.config["notes"])


def test_in_a_long_first_epoch_nobody_waits_for_its_end(caplog, monkeypatch):
    monkeypatch.setattr("selfsup.training.loop.GLANCE", 1e-6)
    with caplog.at_level(logging.WARNING, "selfsup"):
        model = selfsup.fit(table(), Planted, epochs=1, batch_size=16, **QUIET)
    first, *_, last = [one.message for one in caplog.records if "codes are" in one.message]
    assert 0 < float(first.split()[1].rstrip(":")) < 1
    assert last.startswith("epoch 1: codes are collapsing")
    assert [one["epoch"] for one in model.history] == [1]


def record(epoch, rank, spread=0.5, dead=0.0, width=64):
    return {"epoch": epoch, "rank": rank, "width": width, "spread": spread, "dead_dims": dead}


def test_the_alarm_at_its_thresholds():
    first = record(0, 28.0)
    assert watching.alarm([first]) is None
    assert watching.alarm([first, record(1, 7.0)]) is None
    assert watching.alarm([first, record(1, 3.1)]) == "codes are collapsing: 3.1 dimensions of 64, were 28.0"
    assert watching.alarm([first, record(1, 20.0, spread=0.01)]) is None
    assert "differ by 0.0099 of their size, was 0.5" in watching.alarm([first, record(1, 20.0, spread=0.0099)])
    assert "one point" in watching.alarm([first, record(1, 1.0, 0.0, 1.0)])
    assert watching.alarm([first, {"epoch": 1}]) is None
    # of what had few dimensions before training none can be missed
    assert watching.alarm([record(0, 2.9), record(1, 1.0)]) is None


def test_an_alarm_begins_once_and_its_end_is_noted():
    path = [record(0, 28.0), record(1, 3.1), record(2, 3.0), {"epoch": 3}, record(4, 20.0)]
    assert [watching.began(path[:n]) is not None for n in range(1, 6)] == [False, True, False, False, False]
    assert watching.notes_of(path) == [
        "at epoch 1 codes are collapsing: 3.1 dimensions of 64, were 28.0; at the end 20.0 dimensions"
    ]
    assert watching.notes_of(path[:2]) == ["at epoch 1 codes are collapsing: 3.1 dimensions of 64, were 28.0"]
    assert watching.notes_of(path[:1]) == []


def test_looks_grow_rare_by_counts_alone():
    records = []
    for epoch in range(2001):
        records.append({"epoch": epoch} | ({"rank": 3.0} if watching.due(records, epoch, 100) else {}))
    looked = [one["epoch"] for one in records if "rank" in one]
    assert looked[: watching.FREE] == list(range(watching.FREE))
    assert len(looked) == watching.FREE + 2000 * 100 // watching.BETWEEN
    # large epochs are looked at each time
    records = []
    for epoch in range(40):
        records.append({"epoch": epoch} | ({"rank": 3.0} if watching.due(records, epoch, 50_000) else {}))
    assert all("rank" in one for one in records)


def test_a_resumed_run_has_the_same_records(tmp_path, monkeypatch):
    x = table(600)
    options = {"epochs": 22, "batch_size": 64, "checkpoint_every": 0.0, **QUIET}
    whole = selfsup.fit(x, broken.Honest, out=tmp_path / "whole", **options)
    true = Loop._pause

    def stopped(self, task, pause: Pause):
        if pause.epoch > 12.5:
            self._stop.set()
        true(self, task, pause)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_pause", stopped)
        with pytest.raises(Interrupted):
            selfsup.fit(x, broken.Honest, out=tmp_path / "run", **options)
    again = selfsup.fit(x, broken.Honest, out=tmp_path / "run", resume=True, **options)
    timed = ("seconds", "samples_per_second", "data_wait")
    one, two = (
        [{key: value for key, value in each.items() if key not in timed} for each in [model.start, *model.history]]
        for model in (whole, again)
    )
    assert one == two
    assert [each["epoch"] for each in one if "rank" in each] == [*range(watching.FREE), 18, 22]
    assert (tmp_path / "whole/model.safetensors").read_bytes() == (tmp_path / "run/model.safetensors").read_bytes()


def test_the_weights_are_the_same_whether_anybody_looks(monkeypatch):
    x = table(200)
    seen = selfsup.fit(x, "denoising", epochs=3, **QUIET)
    monkeypatch.setattr(watching, "due", lambda *_: False)
    monkeypatch.setattr("selfsup.training.loop.due", lambda *_: False)
    blind = selfsup.fit(x, "denoising", epochs=3, **QUIET)
    assert "rank" not in blind.history[0]
    for one, two in zip(seen.method.parameters(), blind.method.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_line_of_progress_and_the_page_show_the_rank(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("selfsup.system.progress.Progress.due", lambda self: self.enabled)
    model = selfsup.fit(table(), "denoising", epochs=3, evaluate=False, out=tmp_path / "run")
    assert f"rank {model.start['rank']:.3g} of 12" in capsys.readouterr().err
    page = (tmp_path / "run/report.html").read_text()
    assert "Effective rank of codes, 12 wide" in page
    assert 'id="ranks-0"' in page or "ranks-" in page


# TensorBoard


def events(folder: Path):
    """Events of all files of a folder, read as TensorBoard does: lengths and contents, each with its checksum."""
    pb = pytest.importorskip("tensorboardX.proto.event_pb2")
    crc = pytest.importorskip("tensorboardX.record_writer").masked_crc32c
    for file in sorted(folder.iterdir()):
        raw, at = file.read_bytes(), 0
        while at < len(raw):
            (size,) = struct.unpack("<Q", raw[at : at + 8])
            body = raw[at + 12 : at + 12 + size]
            assert struct.unpack("<I", raw[at + 8 : at + 12])[0] == crc(raw[at : at + 8])
            assert struct.unpack("<I", raw[at + 12 + size : at + 16 + size])[0] == crc(body)
            at += 16 + size
            yield pb.Event.FromString(body)


def scalars(folder):
    return {(event.step, v.tag): v.simple_value for event in events(folder) for v in event.summary.value}


def test_tensorboard_is_given_what_the_records_hold(tmp_path):
    model = selfsup.fit(table(), "denoising", epochs=3, tensorboard=tmp_path / "board/one", **QUIET)
    found = scalars(tmp_path / "board/one")
    for step, each in enumerate([model.start, *model.history]):
        for name, value in board.numbers(each).items():
            assert found.pop((step, name)) == pytest.approx(value, rel=1e-6)
    assert not found


def test_tensorboard_goes_on_where_a_run_was_interrupted(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    records = [record(step, 20.0 + step) for step in range(6)]
    first = board.Board(tmp_path)
    for n in range(1, 5):
        first(records[:n])
    board.Board(tmp_path)(records[:4])  # resumed from a state of before the last record
    marks = [event.step for event in events(tmp_path) if event.HasField("session_log")]
    assert sorted(marks) == [0, 3]
    assert {step for step, name in scalars(tmp_path) if name == "rank"} == {0, 1, 2, 3}


def test_a_disk_that_fills_up_costs_the_board_and_not_the_run(tmp_path, monkeypatch, caplog):
    pytest.importorskip("tensorboardX")
    made = board.Board(tmp_path)
    made([record(0, 3.0)])

    def full(event):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made._writer, "write_event", full)
    made([record(0, 3.0), record(1, 3.0)])
    made([record(0, 3.0), record(1, 3.0), record(2, 3.0)])
    assert caplog.text.count("No space left on device") == 1


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_training(tmp_path):
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="option 'tensorboard': .*file is a file"):
        selfsup.fit(table(), "denoising", tensorboard=tmp_path / "file/board", **QUIET)
    for inside in ("run", "run/board", "run.partial/board"):
        with pytest.raises(OptionError, match="lies in the run folder"):
            selfsup.fit(table(), "denoising", out=tmp_path / "run", tensorboard=tmp_path / inside, **QUIET)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_the_package_the_install_line_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingError, match=r"this needs the package tensorboardX: pip install .*\[tensorboard\]"):
        selfsup.fit(table(), "denoising", tensorboard=tmp_path / "board", **QUIET)
    assert not (tmp_path / "board").exists()
