# ruff: noqa: F811, F821
# wrong: corrupted as well
class Denoising(Method):
    """Repair digits to which noise was added."""

    def build(self, about):
        size = about.form.size
        self.f, self.g = mlp(size, 256, 32), mlp(32, 256, size)

    def hide(self, x, rng):
        seen = x + 0.25 * torch.randn(x.shape, generator=rng)
        return seen, seen

    def predict(self, seen):
        return self.g(self.f(seen))

    def loss(self, guess, answer):
        return {"repair": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.f(x)


# wrong: where is the noise
class Denoising(Method):
    """Repair digits to which noise was added."""

    def build(self, about):
        size = about.form.size
        self.f, self.g = mlp(size, 256, 32), mlp(32, 256, size)

    def hide(self, x, rng):
        return x, x

    def predict(self, seen):
        return self.g(self.f(seen))

    def loss(self, guess, answer):
        return {"repair": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.f(x)


# wrong: all chance comes from rng
class Denoising(Method):
    """Repair digits to which noise was added."""

    def build(self, about):
        size = about.form.size
        self.f, self.g = mlp(size, 256, 32), mlp(32, 256, size)

    def hide(self, x, rng):
        return x + 0.25 * torch.randn(x.shape), x

    def predict(self, seen):
        return self.g(self.f(seen))

    def loss(self, guess, answer):
        return {"repair": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.f(x)


# wrong: one number a sample
class Denoising(Method):
    """Repair digits to which noise was added."""

    def build(self, about):
        size = about.form.size
        self.f, self.g = mlp(size, 256, 32), mlp(32, 256, size)

    def hide(self, x, rng):
        return x + 0.25 * torch.randn(x.shape, generator=rng), x

    def predict(self, seen):
        return self.g(self.f(seen))

    def loss(self, guess, answer):
        return {"repair": (guess - answer).square().mean()}

    def encode(self, x):
        return self.f(x)


# wrong: is there a hidden layer
class Denoising(Method):
    """Repair digits to which noise was added."""

    def build(self, about):
        size = about.form.size
        self.f, self.g = nn.Linear(size, 32), nn.Linear(32, size)

    def hide(self, x, rng):
        return x + 0.25 * torch.randn(x.shape, generator=rng), x

    def predict(self, seen):
        return self.g(self.f(seen))

    def loss(self, guess, answer):
        return {"repair": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.f(x)
