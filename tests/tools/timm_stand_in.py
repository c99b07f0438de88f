"""A module in place of timm, which cannot be installed beside every torch: two nets that are built as its nets are."""

import sys
import types

import torch
from torch import nn


class Residual(nn.Module):
    """As many of timm's blocks it begins as the identity: its last gain is 0."""

    def __init__(self, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x):
        return (x + self.norm(self.conv(x))).relu()


class TinyConv(nn.Module):
    """Children in the order of the forward pass, as timm's ResNets have them."""

    def __init__(self, in_chans=3, num_classes=10):
        super().__init__()
        self.num_features = 8
        self.conv1, self.bn1, self.act1 = nn.Conv2d(in_chans, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        self.layer1 = nn.Sequential(Residual(8), Residual(8))
        self.layer2 = nn.Sequential(nn.MaxPool2d(2), Residual(8), Residual(8))
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, num_classes) if num_classes else nn.Identity()
        self.feature_info = [{"module": name} for name in ("act1", "layer1", "layer2")]

    def forward_features(self, x):
        return self.layer2(self.layer1(self.act1(self.bn1(self.conv1(x)))))


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.mix, self.scale = (
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Parameter(torch.full((width,), 1e-6)),
        )

    def forward(self, x):
        return x + self.scale * self.mix(self.norm(x).cumsum(1))


class TinyVit(nn.Module):
    """As timm's vision transformers: a class token, places, blocks, a norm; with `turned`, more than blocks in sequence."""

    turned = False

    def __init__(self, img_size=(32, 32), in_chans=3, num_classes=10):
        super().__init__()
        self.num_features, self.num_prefix_tokens, self.global_pool, self.img_size = 12, 1, "token", img_size
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(in_chans, 12, 8, 8)
        self.patch_embed.grid_size = (img_size[0] // 8, img_size[1] // 8)
        places = self.patch_embed.grid_size[0] * self.patch_embed.grid_size[1]
        self.cls_token, self.pos_embed = (
            nn.Parameter(torch.randn(1, 1, 12)),
            nn.Parameter(torch.randn(1, places + 1, 12)),
        )
        self.blocks, self.norm = nn.Sequential(*(Layer(12) for _ in range(8))), nn.LayerNorm(12)
        self.head = nn.Linear(12, num_classes) if num_classes else nn.Identity()
        self.feature_info = [{"module": f"blocks.{k}"} for k in range(8)]

    def forward_features(self, x):
        if tuple(x.shape[2:]) != tuple(self.img_size):
            raise AssertionError(f"Input size {tuple(x.shape[2:])} doesn't match model {self.img_size}")
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x) + (x if self.turned else 0)
        return self.norm(x)


class TurnedVit(TinyVit):
    turned = True


class TinySwin(nn.Module):
    """Channels last between its stages, as timm's Swin has them."""

    def __init__(self, in_chans=3, num_classes=10):
        super().__init__()
        self.num_features, self.embed = 6, nn.Conv2d(in_chans, 6, 4, 4)
        self.stage = nn.Sequential(nn.Linear(6, 6), nn.GELU())

    def forward_features(self, x):
        return self.stage(self.embed(x).permute(0, 2, 3, 1))


NETS = {"tiny_conv": TinyConv, "tiny_vit": TinyVit, "turned_vit": TurnedVit, "tiny_swin": TinySwin}


def install(monkeypatch):
    """Put the stand-in where timm is imported from."""
    module, models = types.ModuleType("timm"), types.ModuleType("timm.models")

    def create_model(name, pretrained=False, **how):
        assert not pretrained, "weights are read by selfsup, from safetensors alone"
        return NETS[name](**how)

    def get_pretrained_cfg(name, allow_unregistered=True):
        base, _, tag = name.partition(".")
        if tag not in ("", "a1_in1k"):
            raise RuntimeError(f"Invalid pretrained tag ({tag}) for {base}.")
        held = types.SimpleNamespace(hf_hub_id=f"timm/{base}.a1_in1k", architecture=base, tag="a1_in1k")
        return held if base == "tiny_conv" else None

    module.create_model, module.list_models, module.models = create_model, lambda: sorted(NETS), models
    module.list_pretrained = lambda pattern: ["tiny_conv.a1_in1k"] if pattern.startswith("tiny_conv") else []
    models.get_pretrained_cfg = get_pretrained_cfg
    monkeypatch.setitem(sys.modules, "timm", module)
    monkeypatch.setitem(sys.modules, "timm.models", models)
