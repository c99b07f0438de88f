"""Nets of timm, by a stand-in for it: how they are cut, what they are told, and what is said where timm is not there."""

import sys

import numpy as np
import pytest
import torch

import selfsup
import timm_stand_in
from selfsup.errors import MissingError, OptionError
from selfsup.nets import make_backbone
from selfsup.testing import pictures

QUIET = {"progress": False, "evaluate": False}


@pytest.fixture
def timm(monkeypatch):
    timm_stand_in.install(monkeypatch)


def whole(name, shape, backbone):
    """The net as timm makes it, with the weights of the backbone."""
    cls = timm_stand_in.NETS[name]
    net = cls(in_chans=shape[0], num_classes=0, **({"img_size": shape[1:]} if "vit" in name else {}))
    net.load_state_dict(
        {backbone.names[key]: one for key, one in backbone.state_dict().items()}
    )  # strict: all and no other
    return net.eval()


@pytest.mark.parametrize(
    ("name", "shape", "maps"),
    [
        ("tiny_conv", (4, 16, 16), [(8, 16, 16), (8, 16, 16), (8, 8, 8)]),
        ("tiny_vit", (3, 32, 24), [(13, 12)] * 4),  # eight blocks as four
        ("turned_vit", (3, 32, 32), [(17, 12)]),  # whose blocks in sequence are not what it does
        ("tiny_swin", (1, 16, 16), [(6, 4, 4)]),
    ],
)
def test_blocks_in_sequence_are_the_net(timm, name, shape, maps):
    torch.manual_seed(0)
    backbone = make_backbone(f"timm:{name}", shape).eval()
    assert backbone.maps == maps
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.rand(2, *shape)
    wanted = whole(name, shape, backbone).forward_features(x)
    found = backbone(x)
    assert torch.allclose(found, wanted.permute(0, 3, 1, 2) if name == "tiny_swin" else wanted, rtol=1e-4, atol=1e-4)


def test_tokens_become_a_vector_and_a_map(timm):
    backbone = make_backbone("timm:tiny_vit", (3, 32, 24)).eval()
    tokens = backbone(torch.rand(2, 3, 32, 24))
    assert torch.equal(backbone.pooled(tokens), tokens[:, 0])  # the class token, which such a net is read from
    places = backbone.mapped(tokens)
    assert places.shape == (2, 12, 4, 3)
    assert torch.equal(places[1, :, 2, 1], tokens[1, 1 + 2 * 3 + 1])


def test_it_begins_as_timm_makes_it(timm):
    backbone = make_backbone("timm:tiny_conv", (3, 16, 16))
    state = {backbone.names[key]: one for key, one in backbone.state_dict().items()}
    assert state["layer1.0.norm.weight"].abs().max() == 0
    assert state["bn1.weight"].equal(torch.ones(8))
    assert state["bn1.num_batches_tracked"] == 0
    assert backbone.training
    assert backbone.words == "timm:tiny_conv of 3 blocks, 8-8-8 channels"


def test_a_run_with_such_a_net(timm, tmp_path):
    x = pictures(16, 3, 16, 16)
    model = selfsup.fit(x, "rotation", net="timm:tiny_conv", epochs=1, batch_size=8, out=tmp_path / "run", **QUIET)
    assert model.config["options"]["net"] == "timm:tiny_conv"
    again = selfsup.load(tmp_path / "run")
    assert np.array_equal(again.encode(x), model.encode(x))
    model = selfsup.fit(pictures(16, 3, 16, 16), "rotation", net="timm:tiny_vit", epochs=1, batch_size=8, **QUIET)
    assert model.encode(x, patches=True).shape == (16, 2, 2, 12)


@pytest.mark.parametrize(
    ("net", "shape", "hidden", "told"),
    [
        ("timm:tiny_conf", (3, 16, 16), None, "unknown net 'timm:tiny_conf'; did you mean 'timm:tiny_conv'"),
        ("timm:qqq", (3, 16, 16), None, "gives all names"),
        ("timm:tiny_conv", (3, 16, 16), (8,), "leave option 'hidden' out"),
        ("timm:tiny_conv", (12,), None, "needs images"),
        ("timm:tiny_swin", (3, 2, 2), None, "does not take images .3, 2, 2.: .*try another option 'size'"),
    ],
)
def test_what_cannot_be_is_said(timm, net, shape, hidden, told):
    with pytest.raises(OptionError, match=told):
        make_backbone(net, shape, hidden)


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # as if it were not installed
    with pytest.raises(MissingError, match=r"pip install (-e )?'.*\[timm\]'"):
        make_backbone("timm:resnet18", (3, 32, 32))


@pytest.mark.parametrize(
    "source",
    ['raise RuntimeError("operator torchvision::nms does not exist\\nmore")', "import no_such_torchvision"],
    ids=["torchvision of another build", "no torchvision"],
)
def test_a_timm_that_cannot_be_imported_is_one_sentence(monkeypatch, tmp_path, source):
    (tmp_path / "timm.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(MissingError, match="cannot be imported beside torch .*torchvision.*same build") as caught:
        make_backbone("timm:resnet18", (3, 32, 32))
    assert "\n" not in str(caught.value)


def test_the_command_line_takes_the_name(timm, tmp_path, capsys):
    from selfsup.cli.main import main

    np.save(tmp_path / "x.npy", pictures(12, 3, 16, 16).transpose(0, 2, 3, 1))
    words = ["fit", str(tmp_path / "x.npy"), "--method", "rotation", "--epochs", "0", "--no-evaluate", "--no-progress"]
    assert main([*words, "--net", "timm:tiny_conv", "--out", str(tmp_path / "a")]) == 0
    assert main([*words, "--net", "vit-tiny", "--hidden", "16,16", "--out", str(tmp_path / "b")]) == 0
    assert main([*words, "--net", "timm:tiny_con", "--out", str(tmp_path / "c")]) == 2
    assert "did you mean 'timm:tiny_conv'" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
