"""The auto-encoder family against closed forms, reference values and the original definitions."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.decomposition import PCA

import selfsup
from conftest import pictures, table
from selfsup import store
from selfsup.data.facts import Covariance, Facts, Moments
from selfsup.data.form import Field, Form
from selfsup.errors import OptionError, TrainingError
from selfsup.method import Start, total
from selfsup.methods import find
from selfsup.methods.autoencoder.jacobian import _by_units, squared_norm
from selfsup.methods.autoencoder.likelihood import Bernoulli, Columns, Gaussian, SquaredError
from selfsup.methods.autoencoder.omega import OMEGAS, mmd
from selfsup.model.encode import build
from selfsup.solvers.plan import DEFAULTS, Plan


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def facts(x, **known):
    """What a method may know of x (B, ...): its form and its moments, and what else is given."""
    axes = (0, 2, 3) if x.ndim == 4 else (0,)
    values = x.numpy().astype(np.float64)
    mean, std = (part.astype(np.float32) for part in (values.mean(axes), values.std(axes)))
    moments = Moments(mean, std, bool(x.min() >= 0 and x.max() <= 1))
    return Facts(Form("image" if x.ndim == 4 else "table", tuple(x.shape[1:])), {"moments": moments, **known})


def make(name, x, **options):
    return build(find(name)[1](**options), facts(x), 0)


def fitted(x, method, **options):
    settings = {"epochs": 3, "evaluate": False, "progress": False} | options
    return selfsup.fit(x, method, **settings)


# likelihoods: sum over features, mean over rows, nats


def test_gaussian_and_bernoulli_are_log_densities():
    x = torch.rand(7, 5)
    output = torch.randn(7, 5)
    gaussian = Gaussian(0.3)
    normal = torch.distributions.Normal(output, math.sqrt(0.3))
    torch.testing.assert_close(gaussian(output, x), -normal.log_prob(x).sum(1))
    bits = (x > 0.5).float()
    bernoulli = torch.distributions.Bernoulli(logits=output)
    torch.testing.assert_close(Bernoulli()(output, bits), -bernoulli.log_prob(bits).sum(1))
    half = Gaussian(0.5)(output, x)  # the squared error is a Gaussian of variance 1/2 without its constant
    torch.testing.assert_close(SquaredError()(output, x), half - 5 * 0.5 * math.log(math.pi))


def test_columns_have_their_own_likelihoods():
    fields = (Field("age", "number"), Field("smokes", "boolean"), Field("city", "category", ("a", "b", "c")))
    output = torch.randn(4, 5)
    x = torch.tensor([[0.3, 1, 0, 1, 0], [1.0, 0, 1, 0, 0], [-1.0, 1, 0, 0, 1], [0.0, 0, 0, 0, 1]])
    found = Columns(fields, SquaredError())(output, x)
    expected = (
        (output[:, 0] - x[:, 0]).square()
        - torch.distributions.Bernoulli(logits=output[:, 1]).log_prob(x[:, 1])
        - torch.distributions.Categorical(logits=output[:, 2:]).log_prob(x[:, 2:].argmax(1))
    )
    torch.testing.assert_close(found, expected)
    mean = Columns(fields, SquaredError()).mean(output)
    torch.testing.assert_close(mean[:, 2:].sum(1), torch.ones(4))


def test_missing_values_cost_nothing_and_teach_nothing():
    x = torch.rand(6, 4)
    x[1, 2] = x[3, 0] = float("nan")
    output = torch.randn(6, 4, requires_grad=True)
    losses = SquaredError(missing=True)(output, x)
    known = ~x.isnan()
    expected = torch.stack([(o - v)[k].square().sum() for o, v, k in zip(output, x, known, strict=True)])
    torch.testing.assert_close(losses, expected)
    losses.sum().backward()
    assert output.grad.isfinite().all()
    assert (output.grad[~known] == 0).all()


# linear: probabilistic PCA


@pytest.mark.parametrize("shape", [(200, 6, 2), (200, 6, 6), (5, 9, 3)])
def test_linear_scores_as_scikit_learn(shape):
    rows, columns, width = shape
    x = table(rows, columns)
    model, pca = fitted(x, "linear", n_components=width), PCA(width).fit(x.astype(np.float64))
    np.testing.assert_allclose(model.score_samples(x), pca.score_samples(x.astype(np.float64)), rtol=2e-3, atol=0.02)


def test_linear_samples_have_the_data_s_moments():
    x = table(400)
    drawn = fitted(x, "linear", n_components=3).sample(40_000)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(x.T), rtol=0.1, atol=0.1)


def test_descent_reports_its_gap_to_the_closed_form():
    x = table(300) / table(300).std(0)
    model = fitted(x, "linear", n_components=2, solver="sgd", epochs=100, lr=1e-2, batch_size=32)
    (note,) = [note for note in model.config["notes"] if "closed form" in note]
    assert float(note.split("leaves ")[1].split(" %")[0]) < 5
    exact = fitted(x, "linear", n_components=2)
    np.testing.assert_allclose(model.score_samples(x[:20]), exact.score_samples(x[:20]), rtol=0.3, atol=2)


def test_a_stream_gives_the_same_as_the_whole():
    x = table(5_000)
    whole = fitted(x, "linear", n_components=3)
    parts = fitted((x[start : start + 700] for start in range(0, len(x), 700)), "linear", n_components=3)
    np.testing.assert_allclose(parts.encode(x), whole.encode(x), rtol=1e-4, atol=1e-4)
    assert parts.config["training"]["rows"] == 5_000
    with pytest.raises(OptionError, match="closed form"):
        fitted(iter([x]), "undercomplete")


def test_parquet_is_read_in_chunks(tmp_path):
    import pandas as pd

    x = table(3_000)
    pd.DataFrame(x, columns=list("abcdef")).to_parquet(tmp_path / "x.parquet", row_group_size=500)
    parts = fitted(tmp_path / "x.parquet", "linear", n_components=2, stream=True)
    np.testing.assert_allclose(parts.encode(x), fitted(x, "linear", n_components=2).encode(x), rtol=1e-3, atol=1e-3)


# start from PCA


@pytest.mark.parametrize("options", [{"hidden": (16,)}, {"hidden": (16, 12)}, {"hidden": ()}, {"hidden": (5,)}])
def test_the_start_is_pca(options):
    x = table(200)
    model = fitted(x, "undercomplete", n_components=3, epochs=0, **options)
    standard = (x - x.mean(0)) / x.std(0)
    pca = PCA(3).fit(standard)
    expected = pca.inverse_transform(pca.transform(standard)) * x.std(0) + x.mean(0)
    # the start looks at the training rows alone; what is decoded is not held within the columns' ranges, as `reconstruct` is
    assert np.abs(model.decode(model.encode(x)) - expected).max() < 0.1 * x.std()
    whole = fitted(x, "undercomplete", n_components=3, epochs=0, holdout=0.0, **options)
    np.testing.assert_allclose(whole.decode(whole.encode(x)), expected, atol=2e-3 * x.std())
    np.testing.assert_allclose(whole.reconstruct(x), expected.clip(x.min(0), x.max(0)), atol=2e-3 * x.std())
    assert whole.config["start"] == {"name": "pca", "words": "starts from PCA of 3 components"}


def test_the_start_is_pca_for_a_convolutional_net_and_ends_no_worse():
    x = pictures(60)
    flat = x.reshape(60, -1)
    pca = PCA(4).fit(flat)
    error = np.square(flat - pca.inverse_transform(pca.transform(flat))).mean()
    model = fitted(x, "undercomplete", n_components=4, epochs=0, holdout=0.0)
    assert np.square(model.reconstruct(x) - x).mean() == pytest.approx(error, rel=1e-3)
    trained = fitted(x, "undercomplete", n_components=4, epochs=5, holdout=0.0)
    assert np.square(trained.reconstruct(x) - x).mean() <= error * (1 + 1e-3)


def test_the_start_draws_nothing_and_is_random_where_the_covariance_is_not_known():
    x = torch.from_numpy(table(80))
    known = Covariance(x.mean(0).double(), torch.from_numpy(np.cov(x.numpy().T, bias=True)), len(x))
    for hidden in ((16,), (5,)):  # in the layers themselves, and by the short cut
        methods = [build(find("undercomplete")[1](n_components=3, hidden=hidden), facts(x), 0) for _ in range(2)]
        before = [p.clone() for p in methods[0].parameters()]
        assert methods[0].start(facts(x)).name == Start().name
        assert all(torch.equal(a, b) for a, b in zip(before, methods[0].parameters(), strict=True))
        state = torch.get_rng_state()
        assert methods[1].start(facts(x, covariance=known)) == Start("pca", "starts from PCA of 3 components")
        assert torch.equal(torch.get_rng_state(), state)
        assert not torch.allclose(methods[0].encode(x), methods[1].encode(x))


@pytest.mark.parametrize(
    ("x", "options", "said"),
    [
        (table(40), {"n_components": 7}, "the code is wider than a sample"),
        (np.random.default_rng(0).random((40, 6)).astype(np.float32), {"likelihood": "bernoulli"}, "squared error"),
    ],
)
def test_why_the_start_is_not_pca(x, options, said):
    start = make("undercomplete", torch.from_numpy(x), **options).start(facts(torch.from_numpy(x)))
    assert start.name == "random"
    assert said in start.words


# Omega


@pytest.mark.parametrize("name", OMEGAS)
def test_every_penalty_goes_down_when_it_is_charged(name):
    x = torch.from_numpy(table(64))
    method = make("undercomplete", x, n_components=3, omega=name, penalty=1.0, hidden=(8,), start="random")
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    values = []
    for _ in range(60):
        seen, hidden = method.hide(x, generator())
        terms = method.loss(method.predict(seen), method.target(hidden))
        penalty = terms[name].mean()
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        values.append(float(penalty.detach()))
    assert values[-1] < values[0]


def test_a_penalty_of_one_s_own():
    x = table(60)

    def spread(x, z, reconstruction, model):
        assert x.shape == reconstruction.shape
        return z.square().sum(1)

    model = fitted(x, "undercomplete", n_components=2, omega=spread, penalty=0.5)
    assert "spread" in model.history[-1]["terms"]
    assert "function" in model.config["options"]["omega"]


def test_a_penalty_of_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def spread(x, z, reconstruction, model):\n    return z.square().sum(1)\n")
    method = make("undercomplete", torch.from_numpy(table(40)), omega=f"{file}:spread", penalty=0.5)
    seen, hidden = method.hide(torch.from_numpy(table(40)), generator())
    assert set(method.loss(method.predict(seen), hidden)) == {"reconstruction", "spread"}


@pytest.mark.parametrize("path", [{"function": "{0}:x"}, "{0}:x"])
def test_a_run_with_a_penalty_of_one_s_own_is_loaded_without_importing_it(tmp_path, path):
    x = table(60)
    evil = tmp_path / "evil.py"
    evil.write_text("raise SystemExit('imported')")
    model = fitted(x, "undercomplete", n_components=2, omega=_square, penalty=0.5, out=tmp_path / "run")
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text())
    config["options"]["omega"] = json.loads(json.dumps(path).replace("{0}", str(evil)))
    store.seal(file.parent, config)
    again = selfsup.load(tmp_path / "run")
    assert np.array_equal(again.encode(x), model.encode(x))


def _square(x, z, reconstruction, model):
    return z.square().sum(1)


@pytest.mark.parametrize(
    ("omega", "said"),
    [
        ("orthogonalty", "did you mean 'orthogonality'"),
        ("no_such_module:f", "cannot import the omega"),
        ("no_such_file.py:f", "there is no file"),
        (lambda x, z, r, m: z, r"must give a tensor of shape \(\d+,\) or a scalar"),
        (lambda x, z, r, m: 1.0, "it gave float"),
    ],
)
def test_a_wrong_penalty_is_named(omega, said):
    with pytest.raises(OptionError, match=said):
        fitted(table(40), "undercomplete", n_components=2, omega=omega, penalty=1.0)


def test_a_negative_penalty_is_refused():
    with pytest.raises(OptionError, match="'penalty' must be a number at least 0"):
        fitted(table(40), "undercomplete", omega="l1", penalty=-1.0)


def test_mmd_is_the_distance_to_normal_samples():
    """Beside the estimate from prior samples (Gretton et al. 2012, eq. 3), which the closed form replaces."""
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(400, 3, generator=rng) * 0.5 + 1
    prior = torch.randn(4000, 3, generator=rng)
    expected = 0.0
    for factor in (0.5, 1.0, 2.0):
        kernel = lambda a, b, v=factor**2 * 3: (-torch.cdist(a, b).square() / (2 * v)).exp()  # noqa: E731
        among = [(k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1)) for k in (kernel(z, z), kernel(prior, prior))]
        expected += float(among[0] + among[1] - 2 * kernel(z, prior).mean())
    assert float(mmd(z, z, z, None)) == pytest.approx(expected, abs=0.02)
    same = torch.randn(2000, 3, generator=rng)
    assert abs(float(mmd(same, same, same, None))) < 0.01


# contractive


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("contractive", {"hidden": ()}),
        ("contractive", {"hidden": (), "activation": "tanh"}),
        ("contractive", {"hidden": (7,), "activation": "relu"}),
        ("contractive", {"hidden": (7, 5)}),
        ("undercomplete", {"hidden": (4,)}),  # with the short cut beside it
        ("variational", {"hidden": ()}),  # of the mean alone
        ("sparse", {}),  # through the ReLU
    ],
)
def test_the_jacobian_s_norm_is_exact(name, options):
    x = torch.from_numpy(table(9))
    method = make(name, x, n_components=4, **options)
    seen, _ = method.hide(x, generator())
    seen = seen if isinstance(seen, torch.Tensor) else seen.x
    jacobian = torch.func.vmap(torch.func.jacrev(lambda row: method.code_of(row[None])[0]))(seen)  # (B, D, d)
    for norm in (squared_norm, _by_units):
        torch.testing.assert_close(norm(method.encoder(), seen), jacobian.square().sum((1, 2)), rtol=1e-4, atol=1e-5)


def test_one_hidden_layer_has_a_closed_form():
    x = torch.from_numpy(table(9))
    method = make("undercomplete", x, n_components=2, hidden=(6,), start="random")
    torch.testing.assert_close(squared_norm(method.encoder(), x), _by_units(method.encoder(), x), rtol=1e-4, atol=1e-5)


def test_random_probes_estimate_the_norm():
    x = torch.from_numpy(table(9))
    method = make("contractive", x, n_components=4, hidden=(7,), probes=2000)
    seen, _ = method.hide(x, generator())
    stretched = method.predict(seen)
    exact = squared_norm(method.encoder(), seen.x)
    assert ((stretched.stretch - exact).abs() < 0.15 * exact + 1e-6).all()


def test_the_penalty_contracts():
    x = table(120)
    loose, tight = (
        fitted(x, "contractive", n_components=4, epochs=150, batch_size=16, lr=1e-2, penalty=p) for p in (0.0, 20.0)
    )
    rows = torch.from_numpy(x)
    norms = [float(squared_norm(m.method.encoder(), m.method.scale(rows)).mean().detach()) for m in (loose, tight)]
    assert norms[1] < 0.5 * norms[0]


# sparse


def test_exact_zeros_rise_with_the_penalty():
    x = selfsup.data.open_data("digits").x[:600].reshape(600, -1) / np.float32(16)
    shares = []
    for penalty in (0.01, 0.03, 0.1, 0.3, 1.0):
        model = fitted(x, "sparse", n_components=64, penalty=penalty, epochs=40)
        shares.append(float((model.encode(x) == 0).mean()))
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.2


@pytest.mark.parametrize("activation", ["topk", "batchtopk"])
def test_k_units_are_active(activation):
    x = table(300, 12)
    model = fitted(x, "sparse", activation=activation, k=3, n_components=32, epochs=20)
    active = (model.encode(x) != 0).sum(1)
    assert active.max() <= 3 if activation == "topk" else 1.5 < active.mean() < 6
    assert np.allclose(np.linalg.norm(model.method.atoms(), axis=1), 1, atol=1e-5)


def test_batchtopk_s_code_does_not_depend_on_the_batch():
    x = table(300, 12)
    model = fitted(x, "sparse", activation="batchtopk", k=3, n_components=32, epochs=5)
    np.testing.assert_allclose(model.encode(x)[:1], model.encode(x[:1]), rtol=1e-5, atol=1e-6)


def test_a_jumprelu_learns_its_thresholds_and_the_penalty_thins_the_code():
    x = table(400, 12)
    few, many = (
        fitted(x, "sparse", activation="jumprelu", n_components=32, epochs=60, penalty=p) for p in (0.5, 0.001)
    )
    assert (few.encode(x) != 0).sum(1).mean() < (many.encode(x) != 0).sum(1).mean()
    assert few.method.log_threshold.std() > 0


def test_the_auxiliary_loss_revives_dead_units():
    x = torch.from_numpy(table(200, 12))

    def dead(auxiliary):
        method = make("sparse", x, n_components=32, activation="topk", k=2, auxiliary=auxiliary, idle_after=3)
        with torch.no_grad():
            method.code.bias[:24] = -30.0  # so far off that they never win
        optimizer = torch.optim.Adam(method.parameters(), lr=0.3)
        method.train()
        for _ in range(200):
            seen, hidden = method.hide(x, generator())
            terms = method.loss(method.predict(seen), hidden)
            optimizer.zero_grad()
            total(terms).backward()
            optimizer.step()
            method.after_step(hidden)
        return int((method.idle > 3).sum())

    assert dead(1.0) < dead(0.0)


def test_more_active_units_than_there_are():
    with pytest.raises(OptionError, match="'k' must be at most 8"):
        fitted(table(40), "sparse", activation="topk", n_components=8, k=9)
    with pytest.raises(OptionError, match="topk takes k units and needs no penalty"):
        fitted(table(40), "sparse", activation="topk", penalty=0.1)


# denoising


def test_emphasis_weighs_the_corrupted_values():
    x = torch.rand(50, 20)
    method = make("denoising", x, corruption="masking", level=0.3, emphasis=1.0)
    seen, hidden = method.hide(x, generator())
    guess = method.predict(seen)
    found = method.loss(guess, hidden)["reconstruction"]
    masked = seen == 0
    expected = (2 * (guess.output - x).square() * masked).sum(1)
    torch.testing.assert_close(found, expected)
    equal = make("denoising", x, corruption="masking", level=0.3)
    assert isinstance(equal.hide(x, generator())[1], torch.Tensor)
    with pytest.raises(OptionError, match="gaussian noise corrupts every value"):
        find("denoising")[1](emphasis=0.9)


def test_a_stack_trains_one_layer_at_a_time():
    x = torch.rand(40, 10)
    method = make("denoising", x, layerwise=True, hidden=(8, 6), n_components=4, activation="sigmoid").train()
    assert method.phases == 3
    for number, progress in enumerate((0.1, 0.4, 0.9)):
        method.zero_grad(set_to_none=True)
        method.progress = progress
        seen, hidden = method.hide(x, generator())
        total(method.loss(method.predict(seen), hidden)).backward()
        moved = {name for name, p in method.named_parameters() if p.grad is not None}
        encoder = {0: "backbone.blocks.0", 1: "backbone.blocks.1", 2: "code"}[number]
        assert {name.rsplit(".", 1)[0] for name in moved if not name.startswith("decoder")} == {
            n.rsplit(".", 1)[0] for n, _ in method.named_parameters() if n.startswith(encoder)
        }
        assert len([name for name in moved if name.startswith("decoder")]) == 2


def test_the_rate_runs_its_course_in_every_phase():
    schedule = Plan.of(DEFAULTS | {"epochs": 3, "precision": "float32", "seed": 0, "warmup": 0.1})
    assert schedule.rate(0.55, phases=2) == pytest.approx(schedule.lr)
    assert schedule.rate(0.4999, phases=2) < 0.01 * schedule.lr


# variational


def test_kl_and_bound_are_what_the_paper_says():
    x = (torch.rand(30, 12) > 0.5).float()
    method = make("variational", x, n_components=3, hidden=(8,)).eval()
    assert isinstance(method.likelihood_of, Bernoulli)  # the data are binary
    seen, hidden = method.hide(x, generator())
    guess = method.predict(seen)
    terms = method.loss(guess, hidden)
    posterior = torch.distributions.Normal(guess.mean, (0.5 * guess.log_variance).exp())
    prior = torch.distributions.Normal(0, 1)
    torch.testing.assert_close(terms["KL"], torch.distributions.kl_divergence(posterior, prior).sum(1))
    expected = -torch.distributions.Bernoulli(logits=guess.output[:, 0]).log_prob(x).sum(1)
    torch.testing.assert_close(terms["reconstruction"], expected)


def test_the_importance_bound_tightens_and_reaches_the_likelihood():
    """A linear Gaussian model has a known log-likelihood, which the bound must approach from below."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(800, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(800, 5))).astype(np.float32)
    model = fitted(x, "variational", n_components=2, hidden=(), epochs=60, lr=1e-2)
    scores = [np.mean([model.score_samples(x[:200], draws=k, seed=s) for s in range(20)]) for k in (1, 10, 200)]
    assert scores[0] < scores[1] < scores[2]
    decoder, scale = model.method.decoder[0], model.method.scale
    weight = decoder.weight.detach().double().numpy()
    noise = math.exp(10 * float(model.method.likelihood_of.log_variance.detach()))
    standard = ((x[:200] - scale.mean.numpy()) / scale.std.numpy()).astype(np.float64)
    from scipy.stats import multivariate_normal

    true = multivariate_normal(decoder.bias.detach().double().numpy(), weight @ weight.T + noise * np.eye(5))
    assert scores[2] == pytest.approx(true.logpdf(standard).mean(), abs=0.02)


def test_several_importance_samples_are_the_iwae_objective():
    x = torch.rand(20, 6)
    method = make("variational", x, n_components=2, hidden=(8,), importance=7, likelihood="gaussian").eval()
    seen, hidden = method.hide(x, generator())
    guess = method.predict(seen)
    bound = method.loss(guess, hidden)["bound"]
    posterior = torch.distributions.Normal(guess.mean[:, None], (0.5 * guess.log_variance[:, None]).exp())
    prior = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    variance = torch.as_tensor((10 * method.likelihood_of.log_variance).exp())
    likelihood = torch.distributions.Normal(guess.output, variance.sqrt()).log_prob(x[:, None]).sum(2)
    weights = likelihood + (prior.log_prob(guess.code) - posterior.log_prob(guess.code)).sum(2)
    torch.testing.assert_close(-bound, weights.logsumexp(1) - math.log(7), rtol=1e-4, atol=1e-4)


def test_a_score_does_not_depend_on_its_batch_nor_on_chunks():
    x = table(50)
    model = fitted(x, "variational", n_components=2, hidden=(8,))
    whole = model.score_samples(x, draws=20)
    np.testing.assert_allclose(whole[7:9], model.score_samples(x[7:9], draws=20), rtol=1e-5)


def test_the_kl_warms_up_while_training_only():
    x = torch.rand(20, 6)
    method = make("variational", x, kl_warmup=0.5)
    seen, hidden = method.hide(x, generator())
    guess = method.predict(seen)
    method.progress = 0.0
    assert float(method.train().loss(guess, hidden)["KL"].sum().detach()) == 0
    assert float(method.eval().loss(guess, hidden)["KL"].sum().detach()) > 0


def test_collapse_is_said():
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    model = fitted(x, "variational", beta=50.0, epochs=10, n_components=8)
    assert any("posterior collapse" in note for note in model.config["notes"])
    assert model.history[-1]["measures"]["active units"] == 0


def test_bernoulli_needs_the_unit_interval():
    with pytest.raises(OptionError, match=r"bernoulli needs values in \[0, 1\]"):
        fitted(table(40), "variational", likelihood="bernoulli")


# tables with missing values and columns of several kinds


def mixed(rows=300, seed=0):
    import pandas as pd

    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    frame = pd.DataFrame(
        {
            "size": kind * 10 + rng.normal(size=rows),
            "city": np.array(["Bern", "Rome", "Wien"])[kind],
            "warm": kind == 1,
            "weight": kind * -3 + 0.3 * rng.normal(size=rows),
        }
    )
    return frame, kind


@pytest.mark.parametrize("method", ["undercomplete", "variational", "denoising", "sparse"])
def test_a_table_is_rebuilt_and_filled(method):
    frame, _ = mixed()
    rng = np.random.default_rng(1)
    gaps = frame.mask(rng.random(frame.shape) < 0.15)
    more = {"start": "random"} if method == "undercomplete" else {}
    model = fitted(gaps, method, epochs=80, n_components=3 if method != "sparse" else 16, lr=5e-3, **more)
    filled = model.impute(gaps)
    assert list(filled.columns) == list(frame.columns)
    assert not filled.isna().any().any()
    known = gaps["city"].notna()
    assert (filled["city"][known] == frame["city"][known]).all()
    assert (filled["city"][~known] == frame["city"][~known]).mean() > 0.75  # a third by chance
    error = (filled["size"] - frame["size"])[gaps["size"].isna()]
    assert error.std() < 0.7 * frame["size"].std()
    assert np.isfinite(model.encode(gaps)).all()
    assert np.isfinite(model.score_samples(gaps)).all()


def test_a_method_that_needs_all_values_says_so():
    x = table(40)
    x[3, 2] = np.nan
    with pytest.raises(selfsup.SelfsupError, match=r"1 value is missing .* row 3, column 2.*undercomplete"):
        fitted(x, "linear")
    model = fitted(table(40), "linear", n_components=2)
    with pytest.raises(selfsup.SelfsupError, match="1 value is missing"):
        model.encode(x)


# warnings and verbs


def test_a_code_as_wide_as_the_sample_is_warned_of():
    model = fitted(table(60), "undercomplete", n_components=6)
    assert any("nothing keeps the net from copying" in note for note in model.config["notes"])
    assert not any("copying" in note for note in fitted(table(60), "undercomplete", n_components=2).config["notes"])


def test_overfitting_is_said():
    x = np.random.default_rng(0).normal(size=(60, 30)).astype(np.float32)
    model = fitted(x, "undercomplete", n_components=20, epochs=150, start="random")
    assert any("overfitting" in note or "held-out loss" in note for note in model.config["notes"])


def test_nan_names_batch_term_and_layer():
    x = table(64) * 1e3
    with pytest.raises(TrainingError, match=r"'reconstruction' is not finite in epoch \d+, batch \d+.*option 'clip'"):
        fitted(x, "undercomplete", lr=1e30, start="random", epochs=5, optimizer="sgd", batch_size=8)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 9), unit=st.integers(0, 2))
def test_ways_through_the_code(n, unit):
    x = table(60)
    model = WAYS.setdefault("model", fitted(x, "undercomplete", n_components=3))
    way = model.interpolate(x[:1], x[1:2], n)
    np.testing.assert_allclose(way[[0, -1]], model.reconstruct(x[:2]), rtol=1e-4, atol=1e-4)
    swept = model.encode(model.traverse(unit, n))
    assert swept.shape == (n, 3)
    assert model.sample(n).shape == (n, 6)


WAYS: dict = {}


def test_wrong_asks_of_a_code_are_named():
    model = fitted(table(60), "undercomplete", n_components=3)
    with pytest.raises(OptionError, match="'unit' must be from 0 to 2"):
        model.traverse(3)
    with pytest.raises(OptionError, match="'n' must be at least 2"):
        model.interpolate(table(1), table(1), 1)
    with pytest.raises(selfsup.SelfsupError, match=r"codes of shape \(n, 3\)"):
        model.decode(np.zeros((2, 5)))
    with pytest.raises(OptionError, match="'n' must be at least 1"):
        model.sample(0)
    rotation = fitted(pictures(20), "rotation", epochs=1)
    with pytest.raises(OptionError, match="no decoder"):
        rotation.traverse(0)
    with pytest.raises(OptionError, match="no decoder"):
        rotation.sample(2)


def test_samples_from_a_fitted_gaussian_look_like_the_data():
    x = table(400)
    drawn = fitted(x, "undercomplete", n_components=3, epochs=20).sample(5_000)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.3 * x.std())
    assert 0.7 < drawn.std() / x.std() < 1.3


def test_binary_data_are_recognised():
    bits = (np.random.default_rng(0).random((500, 3)) > [0.1, 0.5, 0.9]).astype(np.float32)
    assert Moments(bits.mean(0), bits.std(0), True).binary
    grey = np.random.default_rng(0).random((500, 3)).astype(np.float32)
    assert not Moments(grey.mean(0), grey.std(0), True).binary
    assert build(find("variational")[1](), Facts(Form("table", (3,))), 0) is not None
