# ruff: noqa: F811, F821
# wrong: it must be asked of words that it has not learnt from
def left_over(vectors, side, rng):
    shuffled = rng.permutation(side)
    return RidgeClassifier().fit(vectors, side).score(vectors, side), RidgeClassifier().fit(vectors, shuffled).score(
        vectors, shuffled
    )


# wrong: Measure it by the same procedure with shuffled sides
def left_over(vectors, side, rng):
    rights = []
    for _ in range(20):
        order = rng.permutation(len(side))
        rest, part = order[len(side) // 5 :], order[: len(side) // 5]
        rights.append(RidgeClassifier().fit(vectors[rest], side[rest]).score(vectors[part], side[part]))
    return float(np.mean(rights)), 0.5


# wrong: shuffle a copy
def left_over(vectors, side, rng):
    def told():
        order = rng.permutation(len(side))
        rest, part = order[len(side) // 5 :], order[: len(side) // 5]
        return RidgeClassifier().fit(vectors[rest], side[rest]).score(vectors[part], side[part])

    right = float(np.mean([told() for _ in range(20)]))
    rng.shuffle(side)
    return right, float(np.mean([told() for _ in range(20)]))


# wrong: left_over must give two numbers
def left_over(vectors, side, rng):
    order = rng.permutation(len(side))
    rest, part = order[len(side) // 5 :], order[: len(side) // 5]
    return RidgeClassifier().fit(vectors[rest], side[rest]).score(vectors[part], side[part])
