"""The nets: shapes at every size, published sizes, the names of torchvision, and what is refused."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import selfsup
from selfsup.errors import OptionError
from selfsup.nets import make_backbone
from selfsup.nets.resnet import resnet18_blocks, resnet50_blocks, torchvision_names
from selfsup.nets.vit import Attention, Block, Group, patch_of, vit_small_blocks, vit_tiny_blocks
from selfsup.testing import pictures

QUIET = {"progress": False, "evaluate": False}
NARROW = {
    "resnet18": (4, 4, 8, 8),
    "resnet50": (4, 4, 8, 8),
    "vit-tiny": (16, 16),
    "vit-small": (64, 64, 64),
}


def count(blocks):
    return sum(p.numel() for block in blocks for p in block.parameters())


@pytest.mark.parametrize(
    ("make", "published"),
    [
        (resnet18_blocks, 11_689_512 - 513_000),  # torchvision's, less fc of 512 x 1000 + 1000
        (resnet50_blocks, 25_557_032 - 2_049_000),
        (vit_tiny_blocks, 5_524_416 - 2 * 192),  # timm's, less the class token and its place
        (vit_small_blocks, 21_665_664 - 2 * 384),
    ],
)
def test_as_many_parameters_as_published(make, published):
    assert count(make((3, 224, 224))) == published


@pytest.mark.parametrize("side", [32, 64, 96, 224])
@pytest.mark.parametrize("net", NARROW)
def test_maps_at_every_size(net, side):
    backbone = make_backbone(net, (3, side, side), NARROW[net])
    if net.startswith("vit"):
        places = {32: 8, 64: 8, 96: 12, 224: 14}[side]
        assert backbone.maps == [(width, places, places) for width in NARROW[net]]
    else:
        first, spread = (side if side <= 64 else side // 4), (4 if net == "resnet50" else 1)
        sides = [first // 2**k for k in range(4)]
        assert backbone.maps == [(spread * w, s, s) for w, s in zip(NARROW[net], sides, strict=True)]


@pytest.mark.parametrize(
    ("side", "patch"),
    [(7, 1), (14, 2), (28, 4), (32, 4), (55, 4), (56, 8), (64, 8), (96, 8), (112, 16), (224, 16), (384, 16)],
)
def test_the_patch_follows_from_the_image(side, patch):
    assert patch_of("vit-tiny", (3, side, side + 3)) == patch


def test_sides_that_are_no_multiple_are_filled_up_and_said_so():
    backbone = make_backbone("vit-tiny", (13, 30, 45), (16,)).eval()
    assert backbone.maps == [(16, 8, 12)]
    assert backbone.words.endswith("patches of 4 pixels (images filled up to 32 x 48)")
    x = torch.randn(2, 13, 30, 45)
    whole = F.pad(x, (0, 3, 0, 2))
    assert torch.equal(backbone(x), backbone(whole))


def test_places_are_interpolated_for_a_map_of_another_size():
    backbone = make_backbone("vit-tiny", (3, 32, 32), (16,)).eval()
    assert backbone(torch.randn(1, 3, 64, 48)).shape == (1, 16, 16, 12)


def test_attention_is_that_of_the_formula():
    torch.manual_seed(0)
    layer, x = Attention(128), torch.randn(2, 5, 128)
    q, k, v = (part.reshape(2, 5, 2, 64) for part in layer.qkv(x).chunk(3, -1))
    wanted = torch.empty(2, 5, 2, 64)
    for b in range(2):
        for head in range(2):
            weights = (q[b, :, head] @ k[b, :, head].T / 64**0.5).softmax(-1)
            wanted[b, :, head] = weights @ v[b, :, head]
    assert torch.allclose(layer(x), layer.proj(wanted.reshape(2, 5, 128)), atol=1e-5)


def test_a_transformer_block_is_pre_norm_and_a_group_keeps_places():
    torch.manual_seed(0)
    block, x = Block(16), torch.randn(2, 6, 16)
    y = x + block.attn(F.layer_norm(x, (16,), block.norm1.weight, block.norm1.bias, 1e-6))
    y = y + block.mlp(F.layer_norm(y, (16,), block.norm2.weight, block.norm2.bias, 1e-6))
    assert torch.allclose(block(x), y, atol=1e-6)
    group = Group(16, 1, last=False)
    group.blocks[0] = nn.Identity()
    image = torch.randn(2, 16, 3, 4)
    assert torch.equal(group(image), image)


def test_every_place_has_its_own_wave():
    places = vit_tiny_blocks((3, 32, 32), (64,))[0][0].places[0].detach().flatten(1).T  # (64, D)
    near = places @ places.T
    assert near.argmax(1).equal(torch.arange(64))
    assert near[0, 1] > near[0, 3]  # the neighbour is more alike than what lies further


@pytest.mark.parametrize("net", ["resnet18", "resnet50"])
def test_names_of_torchvision(net):
    """The list of tensors of torchvision.models.resnet18 and resnet50, written out by their rule, without fc."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    wide, depths, convs = (1, (2, 2, 2, 2), 2) if net == "resnet18" else (4, (3, 4, 6, 3), 3)
    known = {"conv1.weight": (64, 3, 7, 7), **{f"bn1.{n}": (64,) for n in norm[:4]}, "bn1.num_batches_tracked": ()}
    fan_in = 64
    for stage, depth in enumerate(depths, start=1):
        width = 64 * 2 ** (stage - 1)
        for block in range(depth):
            place = f"layer{stage}.{block}"
            outs = (width, width) if convs == 2 else (width, width, 4 * width)
            kernels = (3, 3) if convs == 2 else (1, 3, 1)
            for k, (out, kernel) in enumerate(zip(outs, kernels, strict=True), start=1):
                known[f"{place}.conv{k}.weight"] = (out, fan_in if k == 1 else width, kernel, kernel)
                known |= {f"{place}.bn{k}.{n}": (out,) for n in norm[:4]} | {f"{place}.bn{k}.num_batches_tracked": ()}
            if block == 0 and (stage > 1 or convs == 3):
                known[f"{place}.downsample.0.weight"] = (wide * width, fan_in, 1, 1)
                known |= {f"{place}.downsample.1.{n}": (wide * width,) for n in norm[:4]}
                known[f"{place}.downsample.1.num_batches_tracked"] = ()
            fan_in = wide * width
    blocks = nn.ModuleList({"resnet18": resnet18_blocks, "resnet50": resnet50_blocks}[net]((3, 224, 224)))
    named = torchvision_names(blocks)
    assert {named(name): tuple(one.shape) for name, one in blocks.state_dict().items()} == known
    some = {  # read off torchvision's own state dict
        "resnet18": ("layer1.0.bn2.running_var", "layer2.0.downsample.1.weight", "layer4.1.conv2.weight"),
        "resnet50": ("layer1.0.downsample.0.weight", "layer3.5.conv3.weight", "layer4.2.bn3.bias"),
    }
    assert set(some[net]) <= known.keys()


def test_a_net_that_is_no_resnet_has_no_such_names():
    assert make_backbone("conv", (3, 16, 16)).names == {}
    assert torchvision_names([nn.Flatten()]) is None


@pytest.mark.parametrize(
    ("net", "shape", "hidden", "told"),
    [
        ("vit-tiny", (3, 6, 32), None, "at least 7 patches"),
        ("vit-tiny", (12,), None, "needs images"),
        ("vit-tiny", (3, 32, 32), (16, 32), "one width"),
        ("vit-small", (3, 32, 32), (130,), "one width"),
        ("resnet50", (3, 32, 32), (4, 4), "four stages"),
        ("vit-tin", (3, 32, 32), None, "did you mean 'vit-tiny'"),
    ],
)
def test_what_a_net_does_not_take_is_said(net, shape, hidden, told):
    with pytest.raises(OptionError, match=told):
        make_backbone(net, shape, hidden)


def test_a_vit_learns_saves_and_loads(tmp_path):
    x = pictures(24, 3, 16, 16)
    model = selfsup.fit(
        x, "rotation", net="vit-tiny", hidden=(16, 16), epochs=2, batch_size=8, out=tmp_path / "v", **QUIET
    )
    assert np.array_equal(selfsup.load(tmp_path / "v").encode(x), model.encode(x))
    assert list(model.layers(x)) == ["block1", "block2"]
    places = model.encode(x, "block2", patches=True)
    assert places.shape == (24, 8, 8, 16)
    assert np.allclose(places.mean((1, 2)), model.layers(x)["block2"], atol=1e-5)
