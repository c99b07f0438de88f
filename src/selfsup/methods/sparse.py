"""Sparse auto-encoder: a wide code of which few units are active; the decoder is a dictionary of atoms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.form import Form
from selfsup.errors import OptionError
from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.autoencoder import AutoEncoder, Omega
from selfsup.methods.autoencoder.jumprelu import Active, JumpReLU
from selfsup.methods.autoencoder.sparse_step import batch_topk_step, sparse_codes, topk_step
from selfsup.nets import Backbone, Standardize, make_backbone
from selfsup.options import Range

L1, L0 = 0.1, 0.01  # default penalties, of the typical length of a sample and of its square
KERNEL = 1 / 16  # width of JumpReLU's kernel, of the typical length of a sample; thresholds begin at half of it
PACE = 10.0  # a threshold has farther to go than a weight
TIED = 0.3  # the encoder begins as so many times the atoms: at 1 the start is slow (docs/log.md)
SPARE = 2  # times k idle units may explain what is left over (k_aux)
AVERAGED = 0.02  # share of a step in the running threshold of BatchTopK


class SparseGuess(NamedTuple):
    """What the sparse auto-encoder answers."""

    output: Tensor  # (B, ...)
    code: Tensor  # (B, M), or (B, k) of the units that were chosen
    spare: Tensor  # (B, d) what idle units make of the rest, or (B, 0)
    active: Tensor  # (B,) number of active units, whose gradient JumpReLU estimates


class Sparse(AutoEncoder):
    """Explain a sample by a few of many atoms (sparse auto-encoder).

    Hides by sparsity: the code may be far wider than the sample, but few of its units are not 0. The decoder is always linear,
    atoms of length 1 in the space of the data, so that a penalty on the code cannot be dodged by scaling.

    Parameters
    ----------
    n_components
        Number of atoms; by default 4 times the values of a sample, at least 64 and at most 1024.
    hidden
        Widths of hidden layers of the encoder; by default none.
    activation
        relu, with a penalty (L1) on the code; topk: the k largest of each sample (Makhzani & Frey 2014; Gao et al. 2024);
        batchtopk: k a sample on average (Bussmann et al. 2024; of several processes in the share of each), saved as a threshold;
        jumprelu: a threshold is learnt for
        each unit, under a penalty on the number of active ones.
    k
        Active units of a sample, for topk and batchtopk.
    penalty
        Weight of the L1 norm (relu; by default a tenth of a sample's typical length) or of the number of active units
        (jumprelu; by default a hundredth of its square). The other two have none.
    auxiliary
        Weight of the loss that revives units which have been idle: they are to explain what the others leave over.
    idle_after
        Steps without activity after which a unit counts as idle.
    """

    hides = "nothing, but only a few entries of the code may be active"
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 256, "lr": 1e-3, "weight_decay": 0.0}
    noted: ClassVar[Mapping[str, Literal["max", "min"]]] = {"fired": "max", "least": "min"}

    code: nn.Linear
    decoder: Dictionary
    log_threshold: nn.Parameter
    idle: Tensor
    fired: Tensor
    least: Tensor
    threshold: Tensor

    def __init__(
        self,
        n_components: Annotated[int, Range(1)] | None = None,
        hidden: tuple[Annotated[int, Range(1)], ...] | None = (),
        activation: Literal["relu", "topk", "batchtopk", "jumprelu"] = "relu",
        k: Annotated[int, Range(1)] = 32,
        omega: str | Omega | None = "l1",
        penalty: Annotated[float, Range(0)] | None = None,
        auxiliary: Annotated[float, Range(0)] = 1 / 32,
        idle_after: Annotated[int, Range(1)] = 200,
        **shared: Any,
    ) -> None:
        if shared.get("start") == "pca":
            raise OptionError("option 'start': a sparse code cannot start from PCA; use random")
        if penalty and "topk" in activation and omega == "l1":
            raise OptionError(f"option 'penalty': {activation} takes k units and needs no penalty; got {penalty:g}")
        super().__init__(n_components=n_components, hidden=hidden, omega=omega, penalty=penalty or 0.0, **shared)
        self.default = penalty is None and omega == "l1"
        self.activation, self.k = activation, k
        self.auxiliary, self.idle_after = auxiliary, idle_after
        self.coupled = self.coupled or activation == "batchtopk"

    def build(self, about: About) -> None:
        """Make encoder and atoms."""
        form, std = about.form, about.fact("moments").std
        self.n_atoms = self.n_components or min(max(4 * form.size, 64), 1024)
        if "topk" in self.activation and self.k > self.n_atoms:
            raise OptionError(f"option 'k' must be at most {self.n_atoms}, the units of the code; got {self.k}")
        super().build(about)
        if form.kind == "table" and isinstance(self.scale, Standardize) and form.fields is None:
            # one scale for all columns: an atom keeps its direction in the space of the data
            self.scale.std.fill_(float(np.sqrt(np.square(std).mean())) or 1.0)
        unit = self.scale.std.flatten() if isinstance(self.scale, Standardize) else 1.0
        length = math.sqrt(form.size * float((torch.from_numpy(std) / unit).square().mean())) or 1.0
        if self.default and "topk" not in self.activation:
            self.penalty = L1 * length if self.activation == "relu" else L0 * length**2
        self.kernel = KERNEL * length
        if self.activation == "jumprelu":
            self.log_threshold = nn.Parameter(torch.full((self.n_atoms,), self.kernel / 2).log() / PACE)

    def net_words(self) -> str:
        """The encoder, the number of atoms, and the penalty."""
        return f"{super().net_words()}; {self.n_atoms:,} atoms" + (
            f", penalty {self.penalty:.3g}" if self.penalty else ""
        )

    def make_backbone(self, form: Form) -> Backbone:
        """Hidden layers, if any; without them images are vectors too."""
        net = "mlp" if self.net == "auto" and self.hidden == () else self.net
        return make_backbone(net, form.shape, self.hidden)

    def make_code(self, size: int, width: int) -> nn.Linear:
        """The encoder's last layer, before the activation."""
        self.direct = isinstance(self.backbone.blocks[0], nn.Flatten)  # from the sample itself
        return nn.Linear(size, self.n_atoms)

    def make_decoder(self, width: int, form: Form) -> Dictionary:
        """Atoms (M, d) and what is added to them (d,); the encoder begins as their transpose."""
        decoder = Dictionary(self.n_atoms, form.shape)
        with torch.no_grad():
            if self.direct:
                self.code.weight.copy_(TIED * decoder.atoms)
            self.code.bias.zero_()
            centre = self.blank.expand(form.shape).flatten() if form.kind == "image" else self.blank
            decoder.bias.copy_(centre)
        self.register_buffer("idle", torch.zeros(self.n_atoms, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(()))
        return decoder

    def width(self) -> int:
        """Units of the code."""
        return self.n_atoms

    def before(self, seen: Tensor) -> Tensor:
        """Pre-activations (B, M)."""
        h = self.backbone(seen).flatten(1)
        found: Tensor = self.code(h - self.decoder.bias if self.direct else h)
        return found

    def code_of(self, seen: Tensor) -> Tensor:
        """Code (B, M) with its zeros; it depends on no other sample."""
        pre = self.before(seen)
        if self.activation == "topk":
            values, indices = pre.topk(self.k, dim=1, sorted=False)
            return sparse_codes(values.relu(), indices, self.n_atoms)
        if self.activation == "batchtopk":
            return pre * (pre > self.threshold)
        if self.activation == "jumprelu":
            return pre * (pre > (PACE * self.log_threshold).exp())
        return F.relu(pre)

    def predict(self, seen: Tensor) -> Tree:
        """Code and reconstruction; while training, also what idle units make of the rest."""
        active = seen.new_zeros(len(seen))
        if self.activation == "topk" and self.direct:
            parts = (self.code.weight, self.code.bias, self.decoder.atoms, self.decoder.bias)
            rows, code, ids = topk_step(self.backbone(seen), *parts, self.k)
            output = rows.unflatten(1, self.shape)
        elif self.activation == "batchtopk" and self.training and self.direct:
            parts = (self.code.weight, self.code.bias, self.decoder.atoms, self.decoder.bias)
            rows, values, ids, _ = batch_topk_step(self.backbone(seen), *parts, self.k)
            output, code = rows.unflatten(1, self.shape), values.new_zeros(len(seen), 1)
            self.least = values.detach()[values.detach() > 0].min() if bool((values > 0).any()) else self.threshold
        elif self.activation == "jumprelu":
            pre, level = self.before(seen), (PACE * self.log_threshold).exp()
            code = JumpReLU.apply(pre, level, self.kernel)  # type: ignore[no-untyped-call]
            active = Active.apply(pre, level, self.kernel).sum(1)  # type: ignore[no-untyped-call]
            output, ids = self.output_of(code), None
        else:
            code = self.code_of(seen)
            output, ids = self.output_of(code), None
        if self.training:
            self.fired = (code.detach() > 0).any(0) if ids is None else torch.zeros_like(self.idle, dtype=torch.bool)
            if ids is not None:
                self.fired[ids] = True
        return SparseGuess(output, code, self.spare(seen), active)

    def spare(self, seen: Tensor) -> Tensor:
        """What the idle units that are nearest to firing would add, (B, d)."""
        idle = (self.idle > self.idle_after).nonzero()[:, 0] if self.training and self.auxiliary else self.idle[:0]
        if not len(idle):
            return seen.new_zeros(len(seen), 0)
        h = self.backbone(seen).flatten(1)
        pre = F.linear(h - self.decoder.bias if self.direct else h, self.code.weight[idle], self.code.bias[idle])
        values, places = pre.topk(min(SPARE * self.k, len(idle)), dim=1)
        # without the ReLU, which would give no gradient to a unit that is far from firing
        found: Tensor = sparse_codes(values, places, len(idle)) @ self.decoder.atoms[idle]
        return found

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Reconstruction (B,), the penalty, and the auxiliary loss."""
        terms = {"reconstruction": self.likelihood_of(guess.output, answer)}
        if self.activation == "jumprelu" and self.omega == "l1":
            terms["L0"] = self.penalty * guess.active
        elif self.penalty:
            terms |= self.charge(guess, answer)
        if guess.spare.shape[1]:
            rest = (self.filled(answer) - guess.output).detach().flatten(1)
            terms["auxiliary"] = self.auxiliary * F.mse_loss(guess.spare, rest, reduction="none").sum(1)
        return terms

    def after_step(self, answer: Tree) -> None:
        """Bring the atoms back to length 1, count idle steps, follow the threshold of BatchTopK."""
        with torch.no_grad():
            self.decoder.atoms.div_(self.decoder.atoms.norm(dim=1, keepdim=True).clamp(min=1e-8))
            self.idle += 1
            self.idle[self.fired] = 0
            if self.activation == "batchtopk":
                self.threshold.lerp_(self.least, AVERAGED if float(self.threshold) else 1.0)

    def atoms(self) -> Tensor:
        """Atoms (M, d) in the data's units, each of length 1."""
        atoms = self.decoder.atoms.detach()
        if isinstance(self.scale, Standardize):
            atoms = (atoms.unflatten(1, self.shape) * self.scale.std).flatten(1)
        return F.normalize(atoms, dim=1)

    def measures(self, x: Tensor) -> dict[str, float]:
        """Share of exact zeros, mean number of active units, units that have been idle."""
        code = self.encode(x)
        return {
            **super().measures(x),
            "zeros": float((code == 0).float().mean()),
            "active units": float((code != 0).float().sum(1).mean()),
            "dead units": float((self.idle > self.idle_after).sum()),
        }

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """Warn of dead units, and of a code that is not sparse."""
        dead, active = int(measures.get("dead units", 0)), measures.get("active units", 1.0)
        found = []
        if dead > self.n_atoms / 10:
            found.append(
                f"{dead:,} of {self.n_atoms:,} units are dead (idle for over {self.idle_after} steps); train longer, raise "
                "auxiliary, or take fewer n_components"
            )
        if active < 1:
            found.append(f"only {active:.2g} units are active in a sample; lower penalty (now {self.penalty:g})")
        if active > 0.5 * self.n_atoms:
            found.append(f"{active:.0f} of {self.n_atoms} units are active in a sample: hardly sparse; raise penalty")
        return found


class Dictionary(nn.Module):
    """Atoms of length 1: a linear decoder, rows (M, d) rather than columns, so that a sparse code reads few of them."""

    def __init__(self, n_atoms: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        size = int(torch.Size(shape).numel())
        self.shape = shape
        self.atoms = nn.Parameter(F.normalize(torch.randn(n_atoms, size), dim=1))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, z: Tensor) -> Tensor:
        """Codes (B, M) to samples (B, ...)."""
        x: Tensor = (z @ self.atoms + self.bias).unflatten(1, self.shape)
        return x
