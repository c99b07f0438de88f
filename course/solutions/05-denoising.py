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
        return {"repair": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.f(x)
