# ruff: noqa: F811, F821
# wrong: a newline before a word is no part of it
def read_binary(data):
    at = data.index(b"\n") + 1
    size, dim = map(int, data[:at].split())
    words, rows = [], []
    for _ in range(size):
        space = data.index(b" ", at)
        words.append(data[at:space].decode())
        at = space + 1 + 4 * dim
        rows.append(np.frombuffer(data[space + 1 : at], "<f4"))
    return words, np.array(rows)


# wrong: could not be read
def read_binary(data):
    lines = data.rstrip(b"\n").split(b"\n")[1:]
    parts = [line.split(b" ", 1) for line in lines]
    return [word.decode() for word, _ in parts], np.array([np.frombuffer(numbers, "<f4") for _, numbers in parts])


# wrong: letters are UTF-8
def read_binary(data):
    at = data.index(b"\n") + 1
    size, dim = map(int, data[:at].split())
    words, rows = [], []
    for _ in range(size):
        space = data.index(b" ", at)
        words.append(data[at:space].lstrip(b"\n").decode("latin-1"))
        at = space + 1 + 4 * dim
        rows.append(np.frombuffer(data[space + 1 : at], "<f4"))
    return words, np.array(rows)


# wrong: numbers are wrong
def read_binary(data):
    at = data.index(b"\n") + 1
    size, dim = map(int, data[:at].split())
    words, rows = [], []
    for _ in range(size):
        space = data.index(b" ", at)
        words.append(data[at:space].lstrip(b"\n").decode())
        at = space + 1 + 4 * dim
        rows.append(np.frombuffer(data[space + 1 : at], ">f4"))
    return words, np.array(rows)


# wrong: look for the next space only behind them
def read_binary(data):
    at = data.index(b"\n") + 1
    size, dim = map(int, data[:at].split())
    words, rows = [], []
    for _ in range(size):
        space = data.index(b" ", at)
        words.append(data[at:space].lstrip(b"\n").decode())
        start = space + 1
        while data[start : start + 1] in (b" ", b"\n"):
            start += 1
        at = start + 4 * dim
        rows.append(np.frombuffer(data[start:at].ljust(4 * dim, b"\0"), "<f4"))
        at = space + 1 + 4 * dim
    return words, np.array(rows)
