"""Auto-encoders: the cost of `fit` beside a plain PyTorch loop and beside peers, and whether they end better than PCA.

    python benchmarks/autoencoder_speed.py mnist [--rounds 3] [--peers]
    python benchmarks/autoencoder_speed.py digits [--rounds 3] [--peers]
    python benchmarks/autoencoder_speed.py pca [--data digits mnist] [--widths 8 16 32] [--seeds 0 1 2]

mnist: 784-256-32-256-784, batch 128, 3 epochs. digits: scikit-learn's 1,437 + 360, 64-256-32-256-64, batch 128, 20 epochs.
Values in [0, 1], ReLU, squared error, one thread, all rows trained on, metrics and progress on. Ours have the method's own
rate (2e-3 at its peak, warmed up, cosine), the others Adam 1e-3. The floor is a loop that slices a tensor and takes fused
Adam steps. Each system runs in a process of its own, in turn; imports, and a first small run, are outside the clock.
`--peers` adds pythae, skorch (told to shuffle) and pyod (no preprocessing, dropout or batch norm; it has a 32-32 layer more
and scores its training rows, which its `fit` cannot leave out).

pca: training and test error of `undercomplete` that starts from PCA, and of one that starts at random, divided by those
of PCA of the same width; same epochs as above, three seeds. Below 1 is better than PCA.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

BATCH, LR, HIDDEN, WIDTH = 128, 1e-3, 256, 32
EPOCHS = {"mnist": 3, "digits": 20}
BARS = {
    "mnist": "bars: undercomplete / floor at most 1.05 and denoising / floor at most 1.10 in CPU seconds; test MSE at most .0136",
    "digits": "bar: undercomplete / floor at most 1.3 in CPU seconds",
}


def load(data: str):
    """Training and test part, (n, d) float32 tensors in [0, 1]."""
    import numpy as np
    import torch

    if data == "digits":
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        x = load_digits().data.astype(np.float32) / 16
        return [torch.from_numpy(part) for part in train_test_split(x, test_size=0.2, random_state=0)]
    from _timing import data_folder
    from selfsup.data import open_data

    found = open_data(data_folder() / "mnist", progress=False)
    return [torch.from_numpy(part.x.reshape(len(part), 784).astype(np.float32) / 255) for part in (found, found.test)]


def net(size: int):
    from torch import nn

    encoder = nn.Sequential(nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH))
    decoder = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, size))
    return encoder, decoder


def plain(x, epochs):
    """The floor."""
    import torch
    from torch import nn

    model = nn.Sequential(*net(x.shape[1]))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            batch = x[order[start : start + BATCH]]
            loss = nn.functional.mse_loss(model(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def ours(x, epochs, method="undercomplete", width=WIDTH, seed=0, progress=True, **options):
    """`fit` as a user calls it."""
    import torch

    import selfsup

    model = selfsup.fit(
        x.numpy(), method, hidden=(HIDDEN,), n_components=width, epochs=epochs, batch_size=BATCH, holdout=0.0,
        seed=seed, evaluate=False, progress=progress, device="cpu", **options,
    )  # fmt: skip
    return lambda rows: torch.from_numpy(model.reconstruct(rows.numpy()))


def pythae(x, epochs):
    import tempfile

    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    encoder, decoder = net(x.shape[1])

    class E(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = encoder

        def forward(self, x):
            return ModelOutput(embedding=self.net(x))

    class D(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.net = decoder

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z))

    model = AE(AEConfig(input_dim=(x.shape[1],), latent_dim=WIDTH), encoder=E(), decoder=D())
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=epochs,
        per_device_train_batch_size=BATCH,
        learning_rate=LR,
        no_cuda=True,
    )
    BaseTrainer(model, train_dataset=BaseDataset(x, x[:, 0]), training_config=config).train()
    return lambda rows: model.decoder(model.encoder(rows).embedding).reconstruction


def skorch(x, epochs):
    import torch
    from skorch import NeuralNetRegressor
    from torch import nn

    found = NeuralNetRegressor(
        nn.Sequential(*net(x.shape[1])), max_epochs=epochs, batch_size=BATCH, lr=LR, optimizer=torch.optim.Adam,
        train_split=None, iterator_train__shuffle=True, verbose=0,
    ).fit(x.numpy(), x.numpy())  # fmt: skip
    return lambda rows: torch.from_numpy(found.predict(rows.numpy()))


def pyod(x, epochs):
    from pyod.models.auto_encoder import AutoEncoder

    found = AutoEncoder(
        lr=LR, epoch_num=epochs, batch_size=BATCH, preprocessing=False, hidden_neuron_list=[HIDDEN, WIDTH],
        batch_norm=False, dropout_rate=0.0, optimizer_params={}, device="cpu", verbose=0,
    ).fit(x.numpy())  # fmt: skip
    return found.model.eval()


def pca(x, epochs, width=WIDTH):
    import torch
    from sklearn.decomposition import PCA

    found = PCA(width, svd_solver="covariance_eigh").fit(x.numpy())
    return lambda rows: torch.from_numpy(found.inverse_transform(found.transform(rows.numpy())))


FLOOR = "plain loop, fused Adam (floor)"
SYSTEMS = {
    FLOOR: plain,
    "undercomplete, start=random": partial(ours, start="random"),
    "undercomplete, start=pca": partial(ours, start="pca"),
    "denoising, level=0": partial(ours, method="denoising", level=0.0),
    f"PCA({WIDTH})": pca,
}
PEERS = {"pythae AE": pythae, "skorch": skorch, "pyod AutoEncoder": pyod}


def error(rebuild, rows) -> float:
    import torch

    with torch.no_grad():
        return float((rebuild(rows).double() - rows).square().mean())


def one(system: str, data: str):
    """One system's figures, in this process."""
    import torch

    from _timing import Clock

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, test = load(data)
    function = {**SYSTEMS, **PEERS}[system]
    function(x[:256], 1)  # imports and first calls are not what is compared
    with Clock() as clock:
        rebuild = function(x, EPOCHS[data])
    return {
        "system": system, "cpu": clock.cpu, "wall": clock.wall, "peak MB": clock.peak,
        "train MSE": error(rebuild, x), "test MSE": error(rebuild, test),
    }  # fmt: skip


def speed(data: str, rounds: int, peers: bool) -> None:
    from _timing import apart, table

    systems = [*SYSTEMS, *(PEERS if peers else ())]
    rows = [apart(one, system, data) for _ in range(rounds) for system in systems]
    size = {"mnist": 784, "digits": 64}[data]
    print(f"{data} {size}-{HIDDEN}-{WIDTH}-{HIDDEN}-{size}, batch {BATCH}, {EPOCHS[data]} epochs, 1 thread,")
    print(f"median of {rounds} rounds in turn")
    print(table(rows, FLOOR))
    print(BARS[data])


def beside_pca(names, widths, seeds) -> None:
    import numpy as np
    import torch

    torch.set_num_threads(1)
    print(f"error of undercomplete / error of PCA of the same width, seeds {seeds}: mean (worst)")
    print(f"{'data':<8}{'width':>6}{'PCA train':>11}{'test':>9}" + "".join(
        f"{start + ' ' + part:>18}" for start in ("pca", "random") for part in ("train", "test")
    ))  # fmt: skip
    worst = {}
    for data in names:
        x, test = load(data)
        for width in widths:
            least = [error(pca(x, 0, width), rows) for rows in (x, test)]
            cells = ""
            for start in ("pca", "random"):
                rebuilt = [ours(x, EPOCHS[data], width=width, seed=s, start=start, progress=False) for s in seeds]
                for part, rows, base in zip(("train", "test"), (x, test), least, strict=True):
                    ratios = np.array([error(rebuild, rows) for rebuild in rebuilt]) / base
                    cells += f"{ratios.mean():>10.3f} ({ratios.max():.3f})"
                    worst[start, part] = max(worst.get((start, part), 0), ratios.max())
            print(f"{data:<8}{width:>6}{least[0]:>11.5f}{least[1]:>9.5f}{cells}", flush=True)
    print("worst: " + ", ".join(f"{start} {part} {ratio:.3f}" for (start, part), ratio in worst.items()))
    print("bar: start=pca at most 1 on the training part, always")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["mnist", "digits", "pca"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--data", nargs="+", choices=list(EPOCHS), default=["digits", "mnist"])
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if given.part == "pca":
        beside_pca(given.data, given.widths, given.seeds)
    else:
        speed(given.part, given.rounds, given.peers)


if __name__ == "__main__":
    sys.exit(main())
