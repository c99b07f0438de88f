"""Where a backbone begins: runs, files with our names and with torchvision's, pretrained nets; and what does not fit."""

import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import selfsup
import timm_stand_in
from selfsup.errors import OptionError, RunError
from selfsup.nets import make_backbone
from selfsup.testing import pictures
from selfsup.training.begin import load_into

QUIET = {"progress": False, "evaluate": False}
NET = {"net": "resnet18", "hidden": (4, 4, 8, 8)}


@pytest.fixture(scope="module")
def images():
    return pictures(24, 3, 16, 16)


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("begin") / "run"
    selfsup.fit(images, "rotation", epochs=1, batch_size=8, out=out, **NET, **QUIET)
    return out


def same(a, b):
    return all(torch.equal(one, b.state_dict()[key]) for key, one in a.state_dict().items())


def test_from_a_run_of_another_method(images, run):
    model = selfsup.fit(images, "denoising", epochs=0, start=run, **NET, **QUIET)
    assert same(selfsup.load(run).method.backbone, model.method.backbone)
    assert model.config["start"]["words"] == f"the backbone begins with the weights of {run}"
    assert f"the backbone begins with the weights of {run}" in model.config["notes"]


def test_the_baseline_stays_random_and_the_verdict_says_so(tmp_path):
    x, options = pictures(24, 3, 8, 8), {"net": "conv", "hidden": (4,), "batch_size": 8, "progress": False}
    selfsup.fit(x, "rotation", epochs=1, out=tmp_path / "run", evaluate=False, **options)
    options |= {"epochs": 0, "labels": np.arange(24) % 2}
    begun = selfsup.fit(x, "rotation", start=tmp_path / "run", **options).evaluation.to_dict()
    plain = selfsup.fit(x, "rotation", **options).evaluation.to_dict()
    ours, theirs = (
        [
            row | {"lead_error": 0, "mean_lead_error": 0}
            for row in found["tables"]["probe"]
            if row["encoder"] == "random init"
        ]  # it is of the lead
        for found in (begun, plain)
    )
    assert ours
    assert ours == theirs
    assert "not those of the start" in begun["verdict"]["sentence"] + str(begun["verdict"]["because"])


@pytest.mark.parametrize("names", ["selfsup", "torchvision", "timm"])
def test_out_to_a_file_and_back(images, run, tmp_path, names):
    model = selfsup.load(run)
    file = selfsup.export_weights(model, tmp_path / "b.safetensors", names=names)
    tensors = load_file(file)
    assert ("layer2.0.downsample.0.weight" in tensors) == (names != "selfsup")
    fresh = make_backbone("resnet18", (3, 16, 16), NET["hidden"])
    assert not same(model.method.backbone, fresh)
    load_into(fresh, file)
    assert same(model.method.backbone, fresh)


def test_a_classifier_is_left_out_and_said(run, tmp_path):
    model = selfsup.load(run)
    tensors = load_file(selfsup.export_weights(model, tmp_path / "b.safetensors", names="torchvision"))
    tensors = {n: one for n, one in tensors.items() if "num_batches" not in n}  # which older files lack
    tensors |= {"fc.weight": torch.zeros(10, 8), "fc.bias": torch.zeros(10)}
    save_file({n: one.double() for n, one in tensors.items()}, tmp_path / "c.safetensors")
    fresh = make_backbone("resnet18", (3, 16, 16), NET["hidden"])
    said = load_into(fresh, tmp_path / "c.safetensors")
    assert said.endswith("c.safetensors (left out: 'fc.bias' and 'fc.weight')")
    theirs = model.method.backbone.state_dict()
    assert all(one.equal(theirs[n]) for n, one in fresh.state_dict().items() if "num_batches" not in n)


def test_whole_runs_files_and_wrapped_ones(run, tmp_path):
    backbone = selfsup.load(run).method.backbone
    for prefix in ("backbone.", "module.backbone.", "base.backbone."):
        state = {prefix + name: one.contiguous() for name, one in backbone.state_dict().items()}
        save_file(state | {"head.weight": torch.ones(2)}, tmp_path / "whole.safetensors")
        fresh = make_backbone("resnet18", (3, 16, 16), NET["hidden"])
        load_into(fresh, tmp_path / "whole.safetensors")
        assert same(backbone, fresh)


@pytest.mark.parametrize(
    ("net", "shape", "told"),
    [
        ("resnet50", (3, 16, 16), "'layer1.0.bn3.bias'|missing"),
        ("conv", (3, 16, 16), "'blocks.0.0.weight' .and 19 more. missing"),
        (
            "resnet18",
            (1, 16, 16),
            "is .4, 3, 3, 3. and must be .4, 1, 3, 3.: it was trained on 3 channels, and these data have 1",
        ),
        ("resnet18", (3, 80, 80), "the kernels are 3x3 and 7x7, .*another option 'size'"),
    ],
)
def test_another_net_is_refused_with_what_differs(run, tmp_path, net, shape, told):
    file = selfsup.export_weights(selfsup.load(run), tmp_path / "b.safetensors", names="torchvision")
    backbone = make_backbone(net, shape, NET["hidden"])
    before = {name: one.clone() for name, one in backbone.state_dict().items()}
    with pytest.raises(OptionError, match=f"option 'start': .*does not fit net '{net} of .*({told})"):
        load_into(backbone, file)
    assert all(one.equal(before[name]) for name, one in backbone.state_dict().items())  # nothing is half loaded


def test_places_of_another_size_are_no_start(tmp_path):
    save = {name: one.contiguous() for name, one in make_backbone("vit-tiny", (3, 32, 32), (16,)).state_dict().items()}
    save_file(save, tmp_path / "b.safetensors")
    load_into(make_backbone("vit-tiny", (3, 32, 32), (16,)), tmp_path / "b.safetensors")
    with pytest.raises(
        OptionError, match="places' is .1, 16, 8, 8. and must be .1, 16, 9, 9.: .*images of another size"
    ):
        load_into(make_backbone("vit-tiny", (3, 36, 36), (16,)), tmp_path / "b.safetensors")


def test_a_deeper_net_of_the_same_family_is_no_start(run, tmp_path):
    tensors = load_file(selfsup.export_weights(selfsup.load(run), tmp_path / "b.safetensors", names="torchvision"))
    tensors["layer1.2.conv1.weight"] = torch.zeros(4, 4, 3, 3)
    save_file(tensors, tmp_path / "c.safetensors")
    with pytest.raises(OptionError, match="'layer1.2.conv1.weight' not of this net"):
        load_into(make_backbone("resnet18", (3, 16, 16), NET["hidden"]), tmp_path / "c.safetensors")


def test_places_that_hold_no_weights(run, tmp_path, images):
    (tmp_path / "torn.safetensors").write_bytes(b"\x09\0\0\0\0\0\0\0{")
    (tmp_path / "net.pth").write_bytes(b"\x80\x02")
    (tmp_path / "folder").mkdir()
    for source, kind, told in [
        ("torn.safetensors", RunError, "damaged, or no safetensors file"),
        ("net.pth", OptionError, "must end in .safetensors, since other files of weights may hold code"),
        ("nowhere", OptionError, "no run folder and no file"),
        ("folder", RunError, "config.json"),
    ]:
        with pytest.raises(kind, match=told):
            selfsup.fit(images, "rotation", start=tmp_path / source, **QUIET)
    with pytest.raises(OptionError, match="both given"):
        selfsup.fit(images, "rotation", start=run, warm_start=run, **NET, **QUIET)
    with pytest.raises(OptionError, match="method 'linear' has none"):
        selfsup.fit(images, "linear", start=run, **QUIET)


def test_a_changed_run_is_noticed(run, tmp_path, images):
    import shutil

    shutil.copytree(run, tmp_path / "run")
    content = bytearray((tmp_path / "run" / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "run" / "model.safetensors").write_bytes(content)
    with pytest.raises(RunError, match="changed since it was written"):
        selfsup.fit(images, "rotation", start=tmp_path / "run", **NET, **QUIET)


def test_words_of_a_methods_own_stay(images):
    x = images[:, 0, :6, 0]
    assert selfsup.fit(x, "undercomplete", start="pca", epochs=1, **QUIET).config["start"]["name"] == "pca"
    assert selfsup.fit(x, "undercomplete", start="random", epochs=1, **QUIET).config["options"]["start"] == "random"
    with pytest.raises(OptionError, match="one of 'pca', 'random'"):
        selfsup.fit(x, "undercomplete", start="pka", **QUIET)


def test_a_continuation_must_begin_alike(images, run, tmp_path, monkeypatch):
    from selfsup.training import loop

    def stops(self, task, pause):
        if pause.epoch >= 1:
            self._stop.set()
        told(self, task, pause)

    told, out = loop.Loop._pause, tmp_path / "out"
    options = {"epochs": 2, "batch_size": 8, "out": out, **NET, **QUIET}
    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_pause", stops)
        with pytest.raises(selfsup.errors.Interrupted):
            selfsup.fit(images, "rotation", start=run, **options)
    with pytest.raises(RunError, match="start"):
        selfsup.fit(images, "rotation", resume=True, **options)
    resumed = selfsup.fit(images, "rotation", start=run, resume=True, **options)
    whole = selfsup.fit(images, "rotation", start=run, **{**options, "out": tmp_path / "whole"})
    assert same(resumed.method, whole.method)


class TestTimm:
    @pytest.fixture(autouse=True)
    def _timm(self, monkeypatch):
        timm_stand_in.install(monkeypatch)

    def hub(self, monkeypatch, answer):
        module = types.ModuleType("huggingface_hub")
        module.hf_hub_download = answer
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)

    def test_pretrained_weights(self, monkeypatch, tmp_path, images):
        net = timm_stand_in.TinyConv()
        save_file(net.state_dict(), tmp_path / "model.safetensors")
        asked = []

        def download(place, name, local_files_only=False):
            asked.append((place, name))
            if local_files_only:
                raise OSError("not in the cache")
            return str(tmp_path / "model.safetensors")

        self.hub(monkeypatch, download)
        model = selfsup.fit(images, "rotation", net="timm:tiny_conv", start="timm:tiny_conv", epochs=0, **QUIET)
        assert set(asked) == {("timm/tiny_conv.a1_in1k", "model.safetensors")}
        backbone = model.method.backbone
        assert all(one.equal(net.state_dict()[backbone.names[n]]) for n, one in backbone.state_dict().items())
        assert "left out: 'fc.bias' and 'fc.weight'" in model.config["start"]["words"]
        again = selfsup.fit(
            images, "rotation", net="timm:tiny_conv", start=tmp_path / "model.safetensors", epochs=0, **QUIET
        )
        assert same(backbone, again.method.backbone)

    def test_without_a_network_it_says_where_to_put_the_file(self, monkeypatch, images):
        def download(place, name, local_files_only=False):
            raise OSError("no way to the hub.\nmore")

        self.hub(monkeypatch, download)
        with pytest.raises(
            RunError, match="cannot be fetched .no way to the hub.; .*start='model.safetensors'"
        ) as caught:
            selfsup.fit(images, "rotation", net="timm:tiny_conv", start="timm:tiny_conv", **QUIET)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("start", "told"),
        [
            ("timm:tiny_conf", "did you mean 'timm:tiny_conv'"),
            (
                "timm:tiny_conv.in22k",
                "no pretrained weights 'tiny_conv.in22k' on the hub; there are 'timm:tiny_conv.a1_in1k'",
            ),
            ("timm:tiny_swin", "no pretrained weights 'tiny_swin' on the hub"),
        ],
    )
    def test_names_that_timm_does_not_have(self, images, start, told):
        with pytest.raises(OptionError, match=told):
            selfsup.fit(images, "rotation", net="timm:tiny_conv", start=start, **QUIET)
