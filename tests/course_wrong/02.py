# ruff: noqa: F811, F821
# wrong: 'Omega' is one number a sample
class Penalised(AutoEncoder):
    def __init__(self, penalty, decay, **shape):
        super().__init__(**shape)
        self.penalty, self.decay = penalty, decay

    def loss(self, guess, answer):
        weights = sum(p.square().sum() for p in self.g.parameters() if p.ndim > 1)
        return super().loss(guess, answer) | {
            "Omega": self.penalty * guess.code.square().sum(),
            "decay": self.decay * weights,
        }


# wrong: 'Omega' is
class Penalised(AutoEncoder):
    def __init__(self, penalty, decay, **shape):
        super().__init__(**shape)
        self.penalty, self.decay = penalty, decay

    def loss(self, guess, answer):
        weights = sum(p.square().sum() for p in self.g.parameters() if p.ndim > 1)
        return super().loss(guess, answer) | {
            "Omega": self.penalty * guess.output.square().sum(1),
            "decay": self.decay * weights,
        }


# wrong: 'decay' is
class Penalised(AutoEncoder):
    def __init__(self, penalty, decay, **shape):
        super().__init__(**shape)
        self.penalty, self.decay = penalty, decay

    def loss(self, guess, answer):
        weights = sum(p.square().sum() for p in self.parameters())
        return super().loss(guess, answer) | {
            "Omega": self.penalty * guess.code.square().sum(1),
            "decay": self.decay * weights,
        }


# wrong: there is no term decay
class Penalised(AutoEncoder):
    def __init__(self, penalty, decay, **shape):
        super().__init__(**shape)
        self.penalty, self.decay = penalty, decay

    def loss(self, guess, answer):
        return super().loss(guess, answer) | {"Omega": self.penalty * guess.code.square().sum(1)}
