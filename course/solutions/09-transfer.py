def read_binary(data):
    """Words (a list), and their vectors (V, D) float32, of the bytes of a file in word2vec's binary format."""
    head, at = data.split(b"\n", 1)[0], data.index(b"\n") + 1
    size, dim = map(int, head.split())
    words, rows = [], np.empty((size, dim), np.float32)
    for row in rows:
        space = data.index(b" ", at)
        words.append(data[at:space].lstrip(b"\n").decode("utf-8"))
        at = space + 1 + 4 * dim
        row[:] = np.frombuffer(data[space + 1 : at], "<f4")
    return words, rows
