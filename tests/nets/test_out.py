"""Backbones out: a plain module, a state dict with the names of others, and codes of patches."""

import copy
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

import selfsup
from selfsup.cli.main import main
from selfsup.errors import OptionError, RunError
from selfsup.testing import pictures

QUIET = {"progress": False, "evaluate": False}


@pytest.fixture(scope="module")
def images():
    return pictures(20, 3, 16, 16)


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    selfsup.fit(images, "rotation", net="resnet18", hidden=(4, 4, 8, 8), epochs=1, batch_size=8, out=out, **QUIET)
    return out


@pytest.fixture(scope="module")
def model(run):
    return selfsup.load(run)


def test_a_plain_module_gives_the_last_blocks_codes(model, images):
    plain = model.backbone()
    assert isinstance(plain, nn.Module)
    assert not plain.training
    codes = plain(torch.from_numpy(images))
    assert np.allclose(codes.detach().numpy(), model.layers(images)["block4"], atol=1e-5)
    codes.sum().backward()  # it can be trained on
    assert all(parameter.grad is not None for parameter in plain.parameters())
    before = {name: one.clone() for name, one in model.method.state_dict().items()}
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.zero_()
    assert all(one.equal(before[name]) for name, one in model.method.state_dict().items())  # a copy
    assert torch.equal(copy.deepcopy(plain)(torch.from_numpy(images)), plain(torch.from_numpy(images)))


def test_a_backbone_of_vectors(images):
    x = images[:, 0, :5, 0]
    model = selfsup.fit(x, "denoising", epochs=1, **QUIET)
    codes = model.backbone()(torch.from_numpy(x))
    assert codes.shape == (20, model.method.backbone.widths[-1])
    with pytest.raises(OptionError, match="no backbone that stands alone"):
        selfsup.fit(x, "linear", **QUIET).backbone()


def test_a_method_that_makes_images_ready_has_no_plain_module(images):
    model = selfsup.fit(images, "position", patch=4, epochs=0, **QUIET)
    with pytest.raises(OptionError, match="in a way of its own.*export the whole encoder as ONNX"):
        model.backbone()


def test_the_file_says_how_images_are_standardised(model, tmp_path):
    file = selfsup.export_weights(model, tmp_path / "b.safetensors", names="torchvision")
    with safe_open(file, "pt") as found:
        about, names = found.metadata(), set(found.keys())
    assert json.loads(about["shape"]) == [3, 16, 16]
    assert np.allclose(json.loads(about["mean"]), model.method.scale.mean.flatten())
    assert np.allclose(json.loads(about["std"]), model.method.scale.std.flatten())
    assert (about["names"], about["method"]) == ("torchvision", "rotation")
    assert len(names) == 122 - 2  # tensors of torchvision's resnet18, less fc
    assert not any(name.startswith(("fc", "blocks")) for name in names)
    with pytest.raises(RunError, match="exists"):
        selfsup.export_weights(model, file)


def test_a_net_without_such_names(images, tmp_path):
    model = selfsup.fit(images, "rotation", net="conv", hidden=(4,), epochs=0, **QUIET)
    with pytest.raises(OptionError, match="option 'names': the net 'conv of 1 block.* is not one of torchvision's"):
        selfsup.export_weights(model, tmp_path / "b.safetensors", names="torchvision")
    assert not (tmp_path / "b.safetensors").exists()
    assert selfsup.export_weights(model, tmp_path / "b.safetensors").exists()


def test_patches_are_the_places_of_the_codes_map(model, images):
    places = model.encode(images, patches=True)
    assert places.shape == (20, 8, 8, 4)  # block 2 of 4
    assert places.dtype == np.float32
    assert np.allclose(places.mean((1, 2)), model.encode(images), atol=1e-5)
    last = model.encode(images, "block4", patches=True)
    assert last.shape == (20, 2, 2, 8)
    with pytest.raises(OptionError, match="did you mean 'block4'"):
        model.encode(images, "block5", patches=True)


def test_what_has_no_patches_says_so(images):
    table = selfsup.fit(images[:, 0, :5, 0], "denoising", epochs=0, **QUIET)
    with pytest.raises(OptionError, match="has no maps here: option 'patches' is for images"):
        table.encode(images[:, 0, :5, 0], patches=True)
    flat = selfsup.fit(images, "denoising", net="mlp", epochs=0, **QUIET)
    with pytest.raises(OptionError, match="not mlp"):
        flat.encode(images, patches=True)


def test_on_the_command_line(model, run, images, tmp_path, capsys):
    np.save(tmp_path / "x.npy", images.transpose(0, 2, 3, 1))
    file, codes = str(tmp_path / "b.safetensors"), str(tmp_path / "codes.npy")
    assert main(["export", str(run), "--out", file, "--names", "timm"]) == 0
    assert "its metadata say mean and std" in capsys.readouterr().out
    assert main(["encode", str(run), str(tmp_path / "x.npy"), "--patches", "--out", codes, "--no-progress"]) == 0
    assert "20 times 8 x 8 codes of 4 values" in capsys.readouterr().out
    assert np.allclose(np.load(codes), model.encode(images, patches=True), atol=1e-5)
    words = [
        (["export", "--out", str(tmp_path / "b.onnx"), "--names", "timm"], "--names is not for .onnx"),
        (["export", "--out", str(tmp_path / "c.safetensors"), "--part", "decode"], "--part is not for .safetensors"),
        (["export", "--out", str(tmp_path / "c.bin")], "--out must end in .onnx or .safetensors"),
        (
            ["encode", str(tmp_path / "x.npy"), "--patches", "--out", str(tmp_path / "c.parquet")],
            "must end in .npy for --patches",
        ),
    ]
    for (verb, *rest), told in words:
        assert main([verb, str(run), *rest]) == 2
        assert told in capsys.readouterr().err
    start = [
        "fit",
        str(tmp_path / "x.npy"),
        "--method",
        "rotation",
        "--net",
        "resnet18",
        "--hidden",
        "4,4,8,8",
        "--epochs",
        "0",
    ]
    assert main([*start, "--start", file, "--out", str(tmp_path / "run"), "--no-evaluate", "--no-progress"]) == 0
    ours, theirs = selfsup.load(tmp_path / "run").method.backbone, model.method.backbone
    assert all(one.equal(theirs.state_dict()[name]) for name, one in ours.state_dict().items())
