class Penalised(AutoEncoder):
    """An auto-encoder that pays for long codes and for large weights of its decoder."""

    def __init__(self, penalty, decay, **shape):
        super().__init__(**shape)
        self.penalty, self.decay = penalty, decay

    def loss(self, guess, answer):
        weights = sum(p.square().sum() for p in self.g.parameters() if p.ndim > 1)
        terms = {"Omega": self.penalty * guess.code.square().sum(1), "decay": self.decay * weights}
        return super().loss(guess, answer) | terms
