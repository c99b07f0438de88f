"""The cost of the training loop: `fit` beside a plain PyTorch loop, with metrics and progress on.

    python benchmarks/overhead.py [--rounds 3] [--peers]

MNIST 784-256-32-256-784, batch 128, 3 epochs, squared error, one thread; ours with the method's own rate (2e-3 at its
peak, warmed up, cosine), the others with Adam 1e-3. The floor is a loop that slices a
tensor and takes fused Adam steps. `--peers` adds pythae, skorch and pyod where they are installed.
"""

from __future__ import annotations

import argparse
import os
import sys

EPOCHS, BATCH, LR = 3, 128, 1e-3


def load():
    import numpy as np
    import torch

    from _timing import data_folder
    from selfsup.data import open_data

    data = open_data(data_folder() / "mnist", progress=False)
    parts = [torch.from_numpy(part.x.reshape(len(part), 784).astype(np.float32) / 255) for part in (data, data.test)]
    return parts[0], parts[1]


def net():
    from torch import nn

    encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 32))
    decoder = nn.Sequential(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 784))
    return encoder, decoder


def plain(x, test):
    """The floor."""
    import torch
    from torch import nn

    model = nn.Sequential(*net())
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            batch = x[order[start : start + BATCH]]
            loss = nn.functional.mse_loss(model(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return lambda rows: model(rows)


def ours(x, test, progress=True):
    """`fit` as a user calls it: a plain auto-encoder is denoising without noise."""
    import torch

    import selfsup

    model = selfsup.fit(
        x.numpy(), "denoising", hidden=(256,), n_components=32, level=0.0, epochs=EPOCHS, batch_size=BATCH,
        holdout=0.0, evaluate=False, progress=progress,
    )  # fmt: skip
    return lambda rows: torch.from_numpy(model.reconstruct(rows.numpy()))


def pythae(x, test):
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    encoder, decoder = net()

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

    import tempfile

    from pythae.data.datasets import BaseDataset

    model = AE(AEConfig(input_dim=(784,), latent_dim=32), encoder=E(), decoder=D())
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=LR,
        no_cuda=True,
    )
    BaseTrainer(model, train_dataset=BaseDataset(x, x[:, 0]), training_config=config).train()
    return lambda rows: model.decoder(model.encoder(rows).embedding).reconstruction


def skorch(x, test):
    import torch
    from skorch import NeuralNetRegressor
    from torch import nn

    found = NeuralNetRegressor(
        nn.Sequential(*net()), max_epochs=EPOCHS, batch_size=BATCH, lr=LR, optimizer=torch.optim.Adam,
        train_split=None, iterator_train__shuffle=True, verbose=0,
    ).fit(x.numpy(), x.numpy())  # fmt: skip
    return lambda rows: torch.from_numpy(found.predict(rows.numpy()))


SYSTEMS = {"plain loop, fused Adam (floor)": plain, "selfsup fit": ours}
PEERS = {"pythae AE": pythae, "skorch": skorch}


def one(system: str, threads: int):
    import torch

    from _timing import Clock

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, test = load()
    function = {**SYSTEMS, **PEERS}[system]
    if system == "selfsup fit":
        ours(x[:256], test, progress=False)  # imports are not what is compared
    else:
        plain(x[:256], test)
    with Clock() as clock:
        rebuild = function(x, test)
    with torch.no_grad():
        error = float((rebuild(test) - test).square().mean())
    return {"system": system, "cpu": clock.cpu, "wall": clock.wall, "peak MB": clock.peak, "test MSE": error}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from _timing import apart, table

    systems = [*SYSTEMS, *(PEERS if given.peers else ())]
    rows = [apart(one, system, 1) for _ in range(given.rounds) for system in systems]
    print(
        f"MNIST 784-256-32-256-784, batch {BATCH}, {EPOCHS} epochs, 1 thread, median of {given.rounds} rounds in turn"
    )
    print(table(rows, systems[0]))
    print("bars: selfsup fit / floor at most 1.10 in CPU seconds; test MSE at most .0140")


if __name__ == "__main__":
    sys.exit(main())
