"""A trained model elsewhere: the ONNX file computes what PyTorch does, and the hub gives back what was put there."""

import importlib.util
import json
import shutil
import sys

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub.utils import filter_repo_objects
from torch import nn

import selfsup
from conftest import pictures, reseal, table
from selfsup import store
from selfsup.cli.main import main
from selfsup.errors import OptionError, RunError
from selfsup.methods import REGISTERED, find
from selfsup.methods.joint import Joint
from selfsup.model import hub as sharing, onnx as export

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in export.NEEDED),
    reason="needs the extra: pip install 'selfsup[export]'",
)
# methods of several views encode by one function: a file takes a second or two, and simclr's stands for theirs
ALIKE = {name for name in REGISTERED if name != "simclr" and find(name)[1].encode is Joint.encode}
CASES = [(name, kind) for name in sorted(set(REGISTERED) - ALIKE) for kind in find(name)[1].kinds if kind != "text"]


def data_of(kind, n=24, seed=0):
    return pictures(n, 3, 13, 10, seed) if kind == "image" else table(n, seed=seed)


def trained(method, kind, **options):
    labels = np.arange(24) % 2  # for a method that learns from them
    return selfsup.fit(data_of(kind), method, labels=labels, epochs=1, evaluate=False, progress=False, **options)


def ran(file, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def close(found, true):
    assert found.shape == true.shape
    return np.abs(found - true).max() <= 1e-4 * np.abs(true).max()


@pytest.fixture(scope="module")
def model():
    return trained("denoising", "table")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Word vectors with n-grams, and their run of a file by its absolute path."""
    place = tmp_path_factory.mktemp("home of words")
    (place / "text.txt").write_text("the sea is wide and the city is far\n" * 60)
    more = {"dim": 6, "sample": 0.0, "subwords": True, "buckets": 500, "epochs": 2, "progress": False}
    return selfsup.fit(place / "text.txt", "skipgram", out=place / "run", **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a folder, so that the absolute path of its data is in the run folder."""
    place = tmp_path_factory.mktemp("home")
    data = place / "a & b [1]"
    data.mkdir()
    pd.DataFrame(table(40), columns=list("abcdef")).to_parquet(data / "train.parquet")
    selfsup.fit(data, "linear", out=place / "run", progress=False)
    return place / "run"


@needs_onnx
class TestOnnx:
    @pytest.mark.parametrize(("method", "kind"), CASES)
    def test_every_method_computes_what_pytorch_does(self, method, kind, tmp_path):
        model = trained(method, kind)
        file = selfsup.export_onnx(model, tmp_path / "encode.onnx")
        for size in (1, 3, 17):
            x = data_of(kind, size, seed=size)
            codes = model.encode(x)
            assert close(ran(file, x), codes)
        if not model.method.decodes():
            with pytest.raises(OptionError, match="no decoder"):
                selfsup.export_onnx(model, tmp_path / "decode.onnx", part="decode")
            assert not (tmp_path / "decode.onnx").exists()
            return
        back = selfsup.export_onnx(model, tmp_path / "decode.onnx", part="decode")
        for size in (1, 7):
            z = model.encode(data_of(kind, size, seed=size))
            assert close(ran(back, z), model.decode(z))

    def test_a_net_of_ones_own(self, tmp_path):
        net = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.GELU(), nn.Conv2d(8, 16, 3, 2), nn.GELU())
        model = trained("rotation", "image", net=net)
        x = data_of("image", 4)
        assert close(ran(export.export_onnx(model, tmp_path / "own.onnx"), x), model.encode(x))

    @pytest.mark.parametrize("method", ["denoising", "rotation"])
    def test_resnet18(self, method, tmp_path):
        model = trained(method, "image", net="resnet18")
        x = data_of("image", 2)
        assert close(ran(export.export_onnx(model, tmp_path / "resnet.onnx"), x), model.encode(x))

    def test_missing_values_go_through(self, tmp_path):
        x = table(60)
        x[::7, 2] = np.nan
        model = selfsup.fit(x, "denoising", epochs=1, evaluate=False, progress=False)
        assert close(ran(export.export_onnx(model, tmp_path / "m.onnx"), x), model.encode(x))

    def test_a_run_folder(self, run, tmp_path):
        model = selfsup.load(run)
        file = export.export_onnx(model, tmp_path / "new" / "run.onnx")
        x = table(9, seed=4)
        assert close(ran(file, x), model.encode(x))

    def test_one_file_that_says_what_it_is(self, tmp_path):
        import onnx

        columns = [f"größe {k}" for k in range(6)]
        model = selfsup.fit(
            pd.DataFrame(table(30), columns=columns), "linear", epochs=1, evaluate=False, progress=False
        )
        file = export.export_onnx(model, tmp_path / "a.onnx")
        assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]
        proto = onnx.load(file)
        facts = {entry.key: entry.value for entry in proto.metadata_props}
        assert facts["selfsup"] == selfsup.__version__
        assert (facts["method"], facts["part"], facts["kind"]) == ("linear", "encode", "table")
        assert json.loads(facts["shape"]) == [6]
        assert (json.loads(facts["low"]), json.loads(facts["high"])) == (0, 1)
        assert json.loads(facts["columns"]) == columns
        assert [value.name for value in (*proto.graph.input, *proto.graph.output)] == ["x", "z"]
        assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param
        decode = onnx.load(export.export_onnx(model, tmp_path / "b.onnx", part="decode"))
        assert [value.name for value in (*decode.graph.input, *decode.graph.output)] == ["z", "x"]

    def test_no_path_of_this_machine_is_inside_and_the_model_is_left_alone(self, tmp_path):
        model = trained("denoising", "image")
        before = {name: tensor.clone() for name, tensor in model.method.state_dict().items()}
        one = export.export_onnx(model, tmp_path / "a.onnx").read_bytes()
        assert one == export.export_onnx(model, tmp_path / "b.onnx").read_bytes()
        assert b"site-packages" not in one
        assert str(store.__file__).rpartition("/")[0].encode() not in one
        assert not model.method.training
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.method.state_dict().items())

    def test_the_range_of_images_is_told(self, tmp_path):
        import onnx

        model = selfsup.fit(4 * pictures(24) - 2, "linear", evaluate=False, progress=False)
        proto = onnx.load(export.export_onnx(model, tmp_path / "a.onnx"))
        facts = {entry.key: entry.value for entry in proto.metadata_props}
        assert json.loads(facts["low"]) == model.form.low
        assert json.loads(facts["high"]) == model.form.high

    def test_an_opset_is_kept_or_refused(self, model, tmp_path):
        import onnx

        proto = onnx.load(export.export_onnx(model, tmp_path / "a.onnx", opset=18))
        assert {entry.domain: entry.version for entry in proto.opset_import}[""] == 18
        with pytest.raises(OptionError, match="'opset' must lie in .*; got 999"):
            export.export_onnx(model, tmp_path / "b.onnx", opset=999)
        assert not (tmp_path / "b.onnx").exists()

    def test_the_older_exporter_steps_in(self, model, monkeypatch, tmp_path):
        def fails(*given):
            raise NotImplementedError("an operator")

        monkeypatch.setattr(export, "_by_capture", fails)
        x = data_of("table", 3)
        assert close(ran(export.export_onnx(model, tmp_path / "a.onnx"), x), model.encode(x))
        monkeypatch.setattr(export, "_by_tracing", fails)
        with pytest.raises(RunError, match="'encode' of Denoising has no ONNX form here: an operator"):
            export.export_onnx(model, tmp_path / "b.onnx")
        assert not (tmp_path / "b.onnx").exists()

    @pytest.mark.parametrize("wrong", [0.5, float("nan")])
    def test_a_model_that_differs_is_not_written(self, model, monkeypatch, tmp_path, wrong):
        exporter = export._by_capture

        def changed(module, x, opset):
            with torch.no_grad():
                next(module.method.code.parameters()).fill_(wrong)
            return exporter(module, x, opset)

        monkeypatch.setattr(export, "_by_capture", changed)
        with pytest.raises(RunError, match="differs from PyTorch by up to .*nothing was written"):
            export.export_onnx(model, tmp_path / "a.onnx")
        assert not list(tmp_path.iterdir())

    def test_a_batch_size_that_is_fixed_is_found(self, model, monkeypatch, tmp_path):
        exporter = export._by_capture

        def fixed(module, x, opset):
            proto = exporter(module, x, opset)
            proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = len(x)
            return proto

        monkeypatch.setattr(export, "_by_capture", fixed)
        with pytest.raises(RunError, match="onnxruntime cannot run"):
            export.export_onnx(model, tmp_path / "a.onnx")
        assert not list(tmp_path.iterdir())


def test_a_file_that_exists_is_kept(model, tmp_path):
    (tmp_path / "a.onnx").write_text("mine")
    with pytest.raises(RunError, match="a.onnx exists; choose another"):
        export.export_onnx(model, tmp_path / "a.onnx")
    with pytest.raises(RunError, match="exists"):
        export.export_onnx(model, tmp_path, overwrite=True)
    assert (tmp_path / "a.onnx").read_text() == "mine"


@needs_onnx
def test_a_file_that_exists_is_overwritten_when_asked(model, tmp_path):
    (tmp_path / "a.onnx").write_text("mine")
    export.export_onnx(model, tmp_path / "a.onnx", overwrite=True)
    assert (tmp_path / "a.onnx").read_bytes() != b"mine"


def test_a_part_that_is_unknown(model, tmp_path):
    with pytest.raises(OptionError, match="unknown part 'encoder'; did you mean 'encode'"):
        export.export_onnx(model, tmp_path / "a.onnx", part="encoder")


@pytest.mark.parametrize("name", export.NEEDED)
def test_a_missing_extra_says_how_to_install_it(model, monkeypatch, tmp_path, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match=r"pip install (-e )?'.*\[export\]'"):
        export.export_onnx(model, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_word_vectors_have_no_net_to_export(words, tmp_path, capsys):
    said = "word vectors are a table and need no network: model.word_vectors.save('vectors.txt') is read everywhere"
    for part in ("encode", "decode"):
        with pytest.raises(OptionError) as error:
            selfsup.export_onnx(words, tmp_path / "m.onnx", part=part)
        assert str(error.value) == said
    assert main(["export", str(words.folder), "--out", str(tmp_path / "m.onnx")]) == 2
    assert capsys.readouterr() == ("", f"selfsup: {said}\n")
    assert not list(tmp_path.iterdir())


class Hub:
    """A stand-in for the hub: a folder; names are matched by the hub's own rules."""

    def __init__(self, root):
        self.root, self.private = root, {}

    def api(self, token=None):
        self.token = token
        return self

    def create_repo(self, repo_id, *, private, exist_ok):
        assert exist_ok
        (self.root / repo_id).mkdir(parents=True, exist_ok=True)
        self.private.setdefault(repo_id, private)
        return f"https://hub.example/{repo_id}"

    def repo_info(self, repo_id):
        class Info:
            private = self.private[repo_id]

        return Info

    def upload_folder(self, *, repo_id, folder_path, commit_message, delete_patterns):
        there = self.root / repo_id
        for name in filter_repo_objects([path.name for path in there.iterdir()], allow_patterns=delete_patterns):
            (there / name).unlink()
        shutil.copytree(folder_path, there, dirs_exist_ok=True)

    def snapshot_download(self, repo_id, *, revision, allow_patterns):
        fetched = self.root / "cache" / repo_id
        there = self.root / repo_id
        names = [str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()]
        for name in filter_repo_objects(names, allow_patterns=allow_patterns):
            (fetched / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(there / name, fetched / name)
        return str(fetched)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    made = Hub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "HfApi", made.api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


class TestHub:
    def test_there_and_back(self, hub, run):
        address = selfsup.push_to_hub(run, "me/model", token="t")
        assert address == "https://hub.example/me/model"
        assert hub.token == "t"
        x = table(8, seed=3)
        for name in ("me/model", "hub:me/model"):
            assert np.array_equal(selfsup.from_pretrained(name).encode(x), selfsup.load(run).encode(x))

    def test_a_model_without_a_folder(self, hub, model):
        selfsup.push_to_hub(model, "hub:me/model", private=True)
        x = data_of("table", 5)
        assert hub.private == {"me/model": True}
        assert np.array_equal(selfsup.from_pretrained("me/model").encode(x), model.encode(x))

    def test_only_files_of_a_run_go_and_no_path_of_this_machine(self, hub, run, tmp_path):
        here = tmp_path / "run"
        shutil.copytree(run, here)
        (here / "resume").mkdir()
        (here / "resume" / "state.safetensors").write_bytes(b"")
        (here / "notes.txt").write_text("mine")
        assert str(run.parent).encode() in (here / store.CONFIG).read_bytes()
        selfsup.push_to_hub(here, "me/model")
        there = hub.root / "me" / "model"
        assert {path.name for path in there.iterdir()} <= set(sharing.PUSHED)
        for file in there.iterdir():
            assert str(run.parent).encode() not in file.read_bytes(), file.name
        assert json.loads((there / store.CONFIG).read_text())["data"]["source"] == "a & b [1]"
        assert r"a &amp; b \[1\]" in (there / store.CARD).read_text()
        assert str(run.parent).encode() in (here / store.CONFIG).read_bytes()

    def test_a_model_in_memory_leaves_no_path_either(self, hub, run):
        selfsup.push_to_hub(selfsup.load(run), "me/model")
        for file in (hub.root / "me" / "model").iterdir():
            assert str(run.parent).encode() not in file.read_bytes(), file.name
        assert "selfsup encode model DATA" in (hub.root / "me" / "model" / store.REPORT).read_text()

    def test_the_card_has_a_head(self, hub, run):
        yaml = pytest.importorskip("yaml")
        selfsup.push_to_hub(run, "me/model")
        head = (hub.root / "me" / "model" / store.CARD).read_text().split("---\n")[1]
        assert yaml.safe_load(head)["library_name"] == "selfsup"

    def test_what_an_older_push_left_behind_goes(self, hub, run, model):
        selfsup.push_to_hub(run, "me/model")
        (hub.root / "me" / "model" / "more.txt").write_text("kept")
        assert (hub.root / "me" / "model" / store.EVALUATION).exists()
        selfsup.push_to_hub(model, "me/model")
        assert not (hub.root / "me" / "model" / store.EVALUATION).exists()
        assert (hub.root / "me" / "model" / "more.txt").exists()
        assert selfsup.from_pretrained("me/model").evaluation is None

    def test_word_vectors_there_and_back(self, hub, words, model, tmp_path):
        here = words.folder
        assert str(here.parent).encode() in (here / store.CONFIG).read_bytes()
        selfsup.push_to_hub(here, "me/words")
        there = hub.root / "me" / "words"
        assert {"vectors.safetensors", "vocabulary.jsonl", "ngrams.safetensors", store.WEIGHTS} <= {
            path.name for path in there.iterdir()
        }
        for file in there.iterdir():
            assert str(here.parent).encode() not in file.read_bytes(), file.name
        back = selfsup.from_pretrained("me/words")
        assert back.words == words.words
        assert np.array_equal(back.vectors, words.vectors)
        assert np.array_equal(back["seas"], words["seas"])  # of its n-grams
        assert np.array_equal(back.encode(["The sea!"]), words.encode(["The sea!"]))
        for name, tensor in words.method.state_dict().items():
            assert torch.equal(back.method.state_dict()[name], tensor), name
        selfsup.push_to_hub(selfsup.load(here), "me/again")
        assert np.array_equal(selfsup.from_pretrained("me/again").vectors, words.vectors)
        selfsup.push_to_hub(model, "me/words")
        assert not (there / "vectors.safetensors").exists()

    def test_a_private_push_to_a_public_place_is_refused(self, hub, run):
        hub.create_repo("me/model", private=False, exist_ok=True)
        with pytest.raises(RunError, match="exists and is public"):
            selfsup.push_to_hub(run, "me/model", private=True)
        assert not list((hub.root / "me" / "model").iterdir())

    def test_foreign_files_are_not_fetched(self, hub, run):
        selfsup.push_to_hub(run, "me/model")
        there = hub.root / "me" / "model"
        for name in ("evil.py", "weights.bin", "other.json", "huge.safetensors", "sub/config.json"):
            (there / name).parent.mkdir(exist_ok=True)
            (there / name).write_bytes(b"boom")
        assert selfsup.from_pretrained("me/model").config["method"] == "linear"
        fetched = hub.root / "cache" / "me" / "model"
        names = {str(path.relative_to(fetched)) for path in fetched.rglob("*") if path.is_file()}
        assert names <= set(sharing.FETCHED)

    def test_a_repository_of_something_else(self, hub):
        (hub.root / "you" / "bert").mkdir(parents=True)
        (hub.root / "you" / "bert" / "pytorch_model.bin").write_bytes(b"boom")
        with pytest.raises(RunError, match="hub:you/bert holds no model of selfsup"):
            selfsup.from_pretrained("you/bert")

    def test_code_that_a_repository_names_is_not_imported(self, hub, run):
        selfsup.push_to_hub(run, "me/model")
        file = hub.root / "me" / "model" / store.CONFIG
        file.write_text(json.dumps(json.loads(file.read_text()) | {"method": "evil:Evil"}))
        reseal(file.parent)
        with pytest.raises(RunError, match="not selfsup's own"):
            selfsup.from_pretrained("me/model")
        assert "evil" not in sys.modules

    def test_a_folder_that_is_no_run_is_not_pushed(self, hub, tmp_path):
        with pytest.raises(RunError, match="config.json is missing"):
            selfsup.push_to_hub(tmp_path, "me/model")
        assert not hub.root.exists()


def test_from_pretrained_reads_a_folder(run):
    x = table(6)
    assert np.array_equal(selfsup.from_pretrained(run).encode(x), selfsup.load(run).encode(x))
    assert np.array_equal(selfsup.from_pretrained(str(run)).encode(x), selfsup.load(run).encode(x))


def test_without_a_way_to_the_hub(run, monkeypatch, tmp_path):
    """The hub's own client, told to be offline."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(RunError, match="'nobody/nothing' is no run folder here, and .* no way to the hub"):
        selfsup.from_pretrained("nobody/nothing")
    with pytest.raises(RunError, match="cannot push to hub:nobody/nothing"):
        selfsup.push_to_hub(run, "nobody/nothing", token="none")


@pytest.mark.parametrize("name", ["runs/a/b", "hub:", "/no/such/run"])
def test_a_name_that_cannot_be_one(name):
    with pytest.raises(RunError, match="cannot be loaded"):
        selfsup.from_pretrained(name)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("RepositoryNotFoundError", "no such repository, or it is private"),
        ("RevisionNotFoundError", "no revision 'v9'"),
    ],
)
def test_what_the_hub_refuses_is_said(monkeypatch, kind, words):
    error = getattr(huggingface_hub.errors, kind)

    def refuse(*given, **more):
        raise error.__new__(error, "404 Client Error")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(RunError, match=words):
        selfsup.from_pretrained("me/model", revision="v9")
