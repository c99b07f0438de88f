def left_over(vectors, side, rng):
    """Accuracy on held-out words, and the same with shuffled sides: chance."""

    def told(side):
        """Every word is asked once, of a classifier that has not seen it; five times in another order."""
        rights = []
        for _ in range(5):
            for part in np.array_split(rng.permutation(len(side)), 5):
                rest = np.setdiff1d(np.arange(len(side)), part)
                model = RidgeClassifier().fit(vectors[rest], side[rest])
                rights.append(model.score(vectors[part], side[part]))
        return float(np.mean(rights))

    return told(side), float(np.mean([told(rng.permutation(side)) for _ in range(5)]))
