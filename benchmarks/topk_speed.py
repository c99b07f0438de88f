"""A training step of a TopK sparse auto-encoder: ours beside dense PyTorch and the peers.

    python benchmarks/topk_speed.py [--rounds 3] [--peers] [--threads 1] [--steps 24]

512 wide, 4096 latents, k = 32, batches of 4096 rows, float32; a mixture of 1024 Gaussians. A step is forward, loss,
backward and Adam 1e-3. Each system runs in a process of its own, in turn; two steps warm it up, and FVU (the share of
variance left) is measured on a batch that was never trained on. The loops of ours and the two plain ones start from the same
weights, so their FVU must agree. `--peers` adds sparsify (eai-sparsify; its SparseCoder in a loop, with the fused Adam
that its own trainer does not use), dictionary_learning (its TopKTrainer) and SAELens (its SAETrainer), where installed.
"grown MB" is how far the peak rose above what the imports and the data had taken.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

WIDTH, LATENTS, K, BATCH, LR, WARM = 512, 4096, 32, 4096, 1e-3, 2
METHOD = "selfsup.fit, method sparse"
OURS = "selfsup topk_step in a loop"


class Batches:
    """Batches one after the other; the clock starts once the first WARM have been trained on."""

    def __init__(self, x):
        self.x, self.taken = x, 0

    def __iter__(self):
        return self

    def __next__(self):
        start = self.taken * BATCH
        if start >= len(self.x):
            raise StopIteration
        if self.taken == WARM:
            self.cpu, self.wall = time.process_time(), time.perf_counter()
        self.taken += 1
        return self.x[start : start + BATCH]

    def stop(self):
        """CPU and wall seconds a step, warm steps apart."""
        steps = self.taken - WARM
        return (time.process_time() - self.cpu) / steps, (time.perf_counter() - self.wall) / steps


def load(steps):
    """(steps + WARM) batches to train on, and one more."""
    import torch

    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(1024, WIDTH, generator=rng)
    x = torch.empty((steps + WARM + 1) * BATCH, WIDTH)
    for part in x.split(BATCH):
        part.normal_(0, 0.3, generator=rng).add_(centres[torch.randint(1024, (len(part),), generator=rng)])
    return x[:-BATCH], x[-BATCH:]


def weights():
    """Encoder (weight, bias) and decoder (weight, bias): unit atoms, the encoder along them."""
    import torch

    atoms = torch.nn.functional.normalize(
        torch.randn(LATENTS, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1
    )
    parts = 0.58 * atoms, torch.zeros(LATENTS), atoms, torch.zeros(WIDTH)
    return [torch.nn.Parameter(part.clone()) for part in parts]


def loop(x, rebuild, parameters):
    """Adam on the squared error of rebuild(batch)."""
    import torch

    optimizer = torch.optim.Adam(parameters, lr=LR, fused=True)
    batches = Batches(x)
    for batch in batches:
        loss = (rebuild(batch) - batch).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return batches.stop(), rebuild


def ours(x):
    from selfsup.methods.autoencoder.sparse_step import topk_step

    parts = weights()
    return loop(x, lambda batch: topk_step(batch, *parts, K).reconstruction, parts)


def ours_float32(x):
    """Without the bfloat16 search: what a CPU that lacks it does."""
    from selfsup.methods.autoencoder import sparse_step

    sparse_step.has_fast_bfloat16 = lambda device: False
    return ours(x)


def batch_topk(x):
    from selfsup.methods.autoencoder.sparse_step import batch_topk_step

    parts = weights()
    return loop(x, lambda batch: batch_topk_step(batch, *parts, K).reconstruction, parts)


def method(x):
    """`fit` as a user calls it: everything it does is counted, but for the first small call."""
    import torch

    import selfsup

    def fit(rows):
        return selfsup.fit(
            rows, "sparse", activation="topk", k=K, n_components=LATENTS, epochs=1, batch_size=BATCH, holdout=0.0,
            evaluate=False, progress=False,
        )  # fmt: skip

    fit(x[: WARM * BATCH].numpy())
    cpu, wall = time.process_time(), time.perf_counter()
    rows = x[WARM * BATCH :].numpy()
    model = fit(rows)
    steps = len(rows) // BATCH
    seconds = (time.process_time() - cpu) / steps, (time.perf_counter() - wall) / steps
    return seconds, lambda batch: torch.from_numpy(model.reconstruct(batch.numpy()))


def scatter(x):
    """The floor of a dense implementation: write the code out, multiply."""
    import torch

    weight, bias, atoms, shift = parts = weights()

    def rebuild(batch):
        values, indices = torch.addmm(bias, batch - shift, weight.t()).topk(K, dim=1, sorted=False)
        codes = values.new_zeros(len(batch), LATENTS).scatter(1, indices, values.relu())
        return codes @ atoms + shift

    return loop(x, rebuild, parts)


def bag(x):
    """Sparse forward, autograd's backward."""
    import torch

    weight, bias, atoms, shift = parts = weights()

    def rebuild(batch):
        values, indices = torch.addmm(bias, batch - shift, weight.t()).topk(K, dim=1, sorted=False)
        rebuilt = torch.nn.functional.embedding_bag(indices, atoms, per_sample_weights=values.relu(), mode="sum")
        return rebuilt + shift

    return loop(x, rebuild, parts)


def sparsify(x):
    import torch
    from sparsify.config import SparseCoderConfig
    from sparsify.sparse_coder import SparseCoder

    coder = SparseCoder(WIDTH, SparseCoderConfig(num_latents=LATENTS, k=K), dtype=torch.float32)
    optimizer = torch.optim.Adam(coder.parameters(), lr=LR, fused=True)
    batches = Batches(x)
    for batch in batches:
        coder(batch).fvu.backward()
        optimizer.step()
        optimizer.zero_grad()
    return batches.stop(), lambda rows: coder(rows).sae_out


def dictionary_learning(x):
    import types

    try:
        import nnsight  # noqa: F401
    except ImportError:  # its activation buffer wants it, its trainers do not
        sys.modules["nnsight"] = types.SimpleNamespace(LanguageModel=None)
    from dictionary_learning.trainers.top_k import TopKTrainer

    trainer = TopKTrainer(
        steps=len(x) // BATCH, activation_dim=WIDTH, dict_size=LATENTS, k=K, layer=0, lm_name="none", lr=LR,
        warmup_steps=0, device="cpu",
    )  # fmt: skip
    batches = Batches(x)
    for step, batch in enumerate(batches):
        trainer.update(step, batch)
    return batches.stop(), trainer.ae


def sae_lens(x):
    from sae_lens.config import SAETrainerConfig
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.training.sae_trainer import SAETrainer

    sae = TopKTrainingSAE(TopKTrainingSAEConfig(d_in=WIDTH, d_sae=LATENTS, k=K))
    config = SAETrainerConfig(total_training_samples=len(x), train_batch_size_samples=BATCH, lr=LR, lr_end=LR)
    batches = Batches(x)
    SAETrainer(cfg=config, sae=sae, data_provider=batches).fit()
    return batches.stop(), sae


SYSTEMS = {
    OURS: ours,
    METHOD: method,
    "selfsup topk_step, no bfloat16 search": ours_float32,
    "selfsup batch_topk_step in a loop": batch_topk,
    "plain: scatter, matmul (dense floor)": scatter,
    "plain: embedding_bag decode, autograd": bag,
}
PEERS = {
    "sparsify SparseCoder": sparsify,
    "dictionary_learning TopKTrainer": dictionary_learning,
    "SAELens SAETrainer": sae_lens,
}
BARS = {"sparsify SparseCoder": 1.8, "dictionary_learning TopKTrainer": 3.4, "SAELens SAETrainer": 4.0}
NEEDS = {"sparsify SparseCoder": "sparsify", "dictionary_learning TopKTrainer": "dictionary_learning"}
NEEDS["SAELens SAETrainer"] = "sae_lens"


def one(system: str, threads: int, steps: int):
    import resource

    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, test = load(steps)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (cpu, wall), rebuild = {**SYSTEMS, **PEERS}[system](x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with torch.no_grad():
        left = (rebuild(test) - test).square().sum() / (test - test.mean(0)).square().sum()
    return {
        "system": system, "cpu s": cpu, "tokens/cpu s": BATCH / cpu, "wall s": wall, "peak MB": peak,
        "grown MB": peak - before, "FVU": float(left),
    }  # fmt: skip


def gradients() -> str:
    """How far our gradients are from dense autograd at full size, one line."""
    import torch

    from selfsup.methods.autoencoder.sparse_step import topk_step

    x = load(0)[1].requires_grad_()
    parts = [x, *weights()]
    found = topk_step(*parts, K)
    _, weight, bias, atoms, shift = parts
    pre = (x - shift) @ weight.t() + bias
    other = int((pre.topk(K, dim=1).indices.sort(1).values != found.indices.sort(1).values).any(1).sum())
    codes = torch.zeros_like(pre).scatter(1, found.indices, pre.gather(1, found.indices).relu())
    rebuilt = codes @ atoms + shift
    pairs = (
        torch.autograd.grad((guess - x.detach()).square().sum(), parts) for guess in (found.reconstruction, rebuilt)
    )
    apart = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(*pairs, strict=True)]
    names = ("x", "encoder weight", "encoder bias", "decoder weight", "decoder bias")
    said = ", ".join(f"{name} {far:.1e}" for name, far in zip(names, apart, strict=True))
    return f"gradients beside dense autograd, relative: {said}; rows that chose another latent: {other} of {BATCH}"


def present(system: str) -> bool:
    import importlib.util

    if system == METHOD:
        import selfsup

        return any(getattr(row, "name", row) == "sparse" for row in selfsup.methods())
    return system not in NEEDS or importlib.util.find_spec(NEEDS[system]) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    os.environ.setdefault("WANDB_MODE", "disabled")
    from _timing import apart, table

    wanted = [*SYSTEMS, *(PEERS if given.peers else ())]
    systems = [system for system in wanted if present(system)]
    for system in wanted:
        if system not in systems:
            print(f"not here: {system}")
    rows = [apart(one, system, given.threads, given.steps) for _ in range(given.rounds) for system in systems]
    print(
        f"TopK, {WIDTH} wide, {LATENTS} latents, k = {K}, batch {BATCH}, {given.steps} steps, {given.threads} thread(s), "
        f"seconds of a step, median of {given.rounds} rounds in turn"
    )
    print(table(rows, OURS, "cpu s"))
    print("bars, ratio to ours: " + ", ".join(f"{name} at least {bar}" for name, bar in BARS.items()))
    print(apart(gradients))


if __name__ == "__main__":
    sys.exit(main())
