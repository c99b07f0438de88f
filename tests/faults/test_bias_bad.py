"""Bad input to all that is public about bias: an error of ours that names the thing, or finite numbers; never a traceback."""

import contextlib
import inspect
import json
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tests.tools.biased import biased_vectors

from selfsup import bias
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError, RunError, SelfsupError
from selfsup.measures.words.bias.evidence import read_tests
from selfsup.measures.words.bias.probes import LINEAR, PROBES
from selfsup.measures.words.bias.ratings import read as read_ratings
from selfsup.words import WordVectors
from selfsup.words.bias.lists import entries, weat as bundled_tests

JOBS = ["nurse", "boss", "captain", "nanny", "librarian", "maestro"]
UNKNOWN = ["qqqa", "qqqb", "qqqc"]
LABELS = {"of", "name", "more"}  # of what is printed
FLAGS = {"allow_missing", "keep_specific", "average", "letters"}
SLOW = {"caution", "report"}  # asked by themselves
QUICK = settings(max_examples=40, deadline=None)


@cache
def made():
    """Vectors, their direction, what hard debiasing makes of them, and the sets of a test of association."""
    vectors = biased_vectors()
    way = bias.direction(vectors)
    after, transform = bias.hard_debias(vectors, way)
    test = next(iter(bundled_tests().values()))
    X, Y, A, B = ([word for word in words if word in vectors][:6] for words in (test.X, test.Y, test.A, test.B))
    return vectors, way, after, transform, X, Y, A, B


def good():
    """Arguments with which every function works."""
    vectors, way, after, _, X, Y, A, B = made()
    along = {"vectors": vectors, "direction": way}
    groups = {"vectors": vectors, "first": A, "second": B, "words": JOBS}
    sets = {"vectors": vectors, "words": JOBS, "sets": [A, B]}
    return {
        "cost": {"before": vectors, "after": after, "sample": 10},
        "direct_bias": along | {"draws": 20},
        "direction": {"vectors": vectors},
        "double_hard": along | {"n": 40, "candidates": 2},
        "ect": groups,
        "extremes": along,
        "generated": along | {"n": 5, "restrict": 300},
        "hard_debias": along,
        "indirect_bias": along | {"words": "nurse", "others": ["boss", "nanny"]},
        "inlp": {"vectors": vectors, "words": way, "n": 60, "iterations": 2},
        "leace": {"vectors": vectors, "words": way, "n": 60},
        "mac": sets,
        "multiclass_hard": {"vectors": vectors},
        "ratings": along | {"given": {word: number for number, word in enumerate(JOBS)}, "draws": 20},
        "residual": {"before": vectors, "after": after, "direction": way, "n": 20, "probed": 20, "splits": 2, "words": JOBS},
        "ripa": {"vectors": vectors, "words": JOBS, "direction": way},
        "rnd": groups,
        "rnsb": {"vectors": vectors, "words": JOBS, "positive": A, "negative": B},
        "same": sets,
        "sc_weat": {"vectors": vectors, "words": "nurse", "A": A, "B": B, "permutations": 50},
        "soft_debias": along,
        "specific_words": {"vectors": vectors, "folds": 2, "restrict": 300},
        "subspace": {"vectors": vectors},
        "weat": {"vectors": vectors, "X": X, "Y": Y, "A": A, "B": B, "permutations": 50},
    }  # fmt: skip


def strange():
    """Values that are hardly what an argument should be."""
    _, way, _, transform, X, *_ = made()
    numbers = [None, 0, -1, 10**30, 1.5, math.nan, math.inf, True]
    words = [
        "",
        "one long string of words",
        "qqqa",
        [],
        [""],
        ["nurse"],
        ["nurse", "nurse"],
        UNKNOWN,
        [1, 2],
        [None],
        X,
        JOBS,
    ]
    pairs = [
        [["she", "he"]],
        [["she", "qqqa"], ["qqqb", "he"]],
        [["she", "she"], ["woman", "man"]],
        [("she", "he", "it")],
    ]
    objects = [
        {},
        {"a": 1},
        {"pairs": "she he"},
        {"nurse": math.nan, "boss": 1, "nanny": 2},
        {"words": ["nurse", 3]},
        {1: 2},
    ]
    return [*numbers, *words, *pairs, *objects, b"bytes", object(), {"she", "he"}, way, transform, "nowhere.json"]


def tables():
    """Vectors that nothing can be made of, or hardly."""
    vectors, *_, X, _, A, _ = made()
    words, table = vectors.words, vectors.vectors
    rows = [vectors.index[word] for word in ("she", "nurse", "jew", X[0], A[0])]

    def changed(value):
        other = table.copy()
        other[rows] = value
        return WordVectors(words, other, vectors.counts)

    made_of = {"zeros": changed(0), "nan": changed(np.nan), "infinite": changed(np.inf)}
    made_of |= {"all zeros": WordVectors(words, 0 * table), "all alike": WordVectors(words, 0 * table + table[0])}
    made_of |= {
        "huge": WordVectors(words, table * np.float32(1e37)),
        "tiny": WordVectors(words, table * np.float32(1e-40)),
    }
    made_of |= {"one dimension": WordVectors(words, table[:, :1]), "few": WordVectors(words[:30], table[:30])}
    made_of |= {"others": WordVectors(["a", "b", "c"], np.eye(3, 60)), "int8": vectors.astype("int8")}
    return made_of | {"an array": table, "none": None, "a path": "nowhere.bin"}


def numbers_in(thing, depth=0):
    """All floats and arrays of a result."""
    if isinstance(thing, WordVectors):
        yield thing.vectors
    elif isinstance(thing, float | np.floating | np.ndarray):
        yield thing
    elif isinstance(thing, dict):
        thing = list(thing.values())
    elif hasattr(thing, "__dict__"):
        thing = [value for key, value in vars(thing).items() if key != "vectors"]
    if isinstance(thing, list | tuple) and depth < 7:
        for one in thing:
            yield from numbers_in(one, depth + 1)


def asked(name, arguments):
    """Call a function: what went wrong, in words, or None."""
    try:
        found = getattr(bias, name)(**arguments)
        shown = str(found) + (str(found.table().rows) if hasattr(found, "table") else "")
        for number in numbers_in(found):
            numeric = np.asarray(number)
            if numeric.dtype.kind == "f" and not np.isfinite(numeric).all():
                return f"a number that is none: {number}"
        return "NaN among what is shown" if "nan" in shown.replace(",", " ").replace("]", " ").split() else None
    except SelfsupError as error:
        return None if 10 < len(str(error)) < 2000 else f"a message of {len(str(error))} letters"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture
def one_probe(monkeypatch):
    """The others take long, and are asked the same."""
    monkeypatch.setattr("selfsup.measures.words.bias.residual.PROBES", {LINEAR: PROBES[LINEAR]})


def test_every_public_function_is_asked_here():
    public = {name for name in bias.__all__ if inspect.isfunction(getattr(bias, name))}
    assert public == set(good()) | SLOW
    assert {name: said for name, arguments in good().items() if (said := asked(name, arguments))} == {}


@pytest.mark.usefixtures("one_probe")
@pytest.mark.parametrize("name", sorted(good()))
def test_strange_arguments_are_refused_in_words_or_give_numbers(name):
    arguments, wrong = good()[name], []
    for key in inspect.signature(getattr(bias, name)).parameters:
        if key in LABELS | FLAGS | {"vectors", "before", "after"}:
            continue
        wrong += [
            (key, str(value)[:40], said) for value in strange() if (said := asked(name, arguments | {key: value}))
        ]
    assert wrong == []


@pytest.mark.usefixtures("one_probe")
@pytest.mark.parametrize("name", sorted(good()))
def test_strange_vectors_are_refused_in_words_or_give_numbers(name):
    arguments, wrong = good()[name], []
    for key in {"vectors", "before", "after"} & set(arguments):
        wrong += [
            (key, kind, said) for kind, value in tables().items() if (said := asked(name, arguments | {key: value}))
        ]
    assert wrong == []


# --- each line of "Bad input" ---------------------------------------------------------------------------------------------------


def test_unknown_words_of_pairs_are_named_and_two_usable_pairs_are_needed():
    vectors = made()[0]
    way = bias.direction(vectors, [["she", "he"], ["woman", "man"], ["qqqa", "king"], ["qqqb", "qqqc"]])
    assert set(UNKNOWN) <= set(way.missing)
    assert len(way.pairs) == 2
    with pytest.raises(DataError, match="at least 2 pairs .* got 1 of 2; missing: 'qqqa'"):
        bias.direction(vectors, [["she", "he"], ["qqqa", "he"]])
    with pytest.raises(DataError, match="qqqa"):
        bias.subspace(vectors, [["qqqa", "christian", "muslim"], ["qqqb", "bible", "quran"]])


LOSING = ["weat", "sc_weat", "rnd", "ect", "mac", "ripa", "rnsb", "same"]


@pytest.mark.parametrize("name", LOSING)
def test_sets_that_lose_more_than_a_fifth_are_withheld_with_the_names_unless_asked_for(name):
    arguments = good()[name]
    key = {"weat": "X", "sc_weat": "A"}.get(name, "words")
    lossy = arguments | {key: [*arguments[key][:4], "qqqa", "qqqb"]}
    if name == "weat":
        lossy |= {"Y": arguments["Y"]}
    with pytest.raises(
        DataError, match="not in the vectors, and at most 20% may be missing: 'qqqa', 'qqqb'; .*allow_missing"
    ):
        getattr(bias, name)(**lossy)
    found = getattr(bias, name)(**lossy, allow_missing=True)
    assert {"qqqa", "qqqb"} <= set(found.missing)
    assert found.value is None or math.isfinite(found.value)


def test_sets_that_overlap_are_refused_and_the_words_named():
    vectors, _, _, _, X, Y, A, B = made()
    for take in (
        lambda: bias.weat(vectors, X, [*Y[:-1], X[0]], A, B),
        lambda: bias.weat(vectors, X, Y, A, [*B[:-1], A[1]]),
        lambda: bias.weat(vectors, X, Y, [*A[:-1], X[0]], B),
        lambda: bias.rnsb(vectors, JOBS, A, [*B, A[0]]),
        lambda: bias.rnd(vectors, A, [*B, A[0]], JOBS),
        lambda: bias.inlp(vectors, JOBS[:3], JOBS[2:]),
        lambda: bias.leace(vectors, [*JOBS, JOBS[0]], [0, 0, 0, 1, 1, 1, 1]),
    ):
        with pytest.raises(DataError, match="overlap: '"):
            take()


def test_a_word_twice_is_not_two_words():
    vectors = made()[0]
    with pytest.raises(DataError, match="'Nurse', 'nurse' is one word of the vectors"):
        bias.direction(vectors, [["Nurse", "nurse"], ["she", "he"]])
    with pytest.raises(OptionError, match="'she', 'she' is one word twice"):
        bias.direction(vectors, [["she", "she"], ["woman", "man"]])
    with pytest.raises(DataError, match="overlap: 'nurse'"):
        bias.rnsb(vectors, ["boss", "nanny"], ["Nurse", "captain"], ["nurse", "maestro"])


def test_unequal_sizes_have_no_permutation():
    vectors, _, _, _, X, Y, A, B = made()
    with pytest.raises(OptionError, match="equal size; got 6 and 5"):
        bias.weat(vectors, X, Y[:5], A, B)
    alone = bias.weat(vectors, X, Y[:5], A, B, permutations=0)
    assert alone.p is None
    assert math.isfinite(alone.effect)


def test_a_pair_of_identical_vectors_says_nothing():
    vectors = made()[0]
    table = vectors.vectors.copy()
    table[vectors.index["she"]] = 3 * table[vectors.index["he"]]
    with pytest.raises(DataError, match="the vectors of 'she' and 'he' are identical"):
        bias.direction(WordVectors(vectors.words, table))


@pytest.mark.parametrize(
    "name", ["direction", "weat", "rnd", "mac", "rnsb", "ripa", "ect", "same", "sc_weat", "direct_bias"]
)
def test_a_vector_of_zeros_is_named(name):
    arguments = good()[name]
    key = {"weat": "X", "sc_weat": "A"}.get(name, "words")
    word = "she" if name == "direction" else "nurse" if name == "direct_bias" else arguments[key][0]
    table = made()[0].vectors.copy()
    table[made()[0].index[word]] = 0
    with pytest.raises(DataError, match=f"the vector of '{word}' is all zeros"):
        getattr(bias, name)(**(arguments | {"vectors": WordVectors(made()[0].words, table)}))


@pytest.mark.parametrize(
    ("name", "key"),
    [("weat", "X"), ("weat", "Y"), ("weat", "A"), ("weat", "B"), ("sc_weat", "A"), ("rnd", "first"), ("rnd", "words"),
     ("ect", "second"), ("mac", "words"), ("same", "words"), ("ripa", "words"), ("rnsb", "positive"), ("rnsb", "words")],
)  # fmt: skip
def test_a_list_that_is_one_long_string_is_refused(name, key):
    with pytest.raises(OptionError, match="is one long string, 'nurse boss"):
        getattr(bias, name)(**(good()[name] | {key: "nurse boss captain"}))


SHAPES = [
    "", "{", "[]", "{}", "null", "3", '"she he"', "[1, 2]", '[["she", "he", "it"]]', '{"pairs": true}', '{"pairs": [["she"]]}',
    '{"pair": [["she", "he"]]}', '{"words": {}}', '{"words": [1]}', '{"X": ["a"], "Y": 3}', "[NaN]", "[" * 5000 + "]" * 5000,
    '{"words": ["a"], "words": ["b"]}', "\ufeff[", '{"pairs": "she-he"}',
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape[:24] or "empty")
def test_json_of_another_shape_is_refused_by_all_who_read_it(shape, tmp_path):
    (path := tmp_path / "mine.json").write_text(shape, encoding="utf-8")
    vectors, way, *_ = made()
    for take in (
        lambda: bias.direction(vectors, path),
        lambda: bias.extremes(vectors, way, path),
        lambda: bias.direct_bias(vectors, way, path),
        lambda: bias.ratings(vectors, way, path),
        lambda: bias.subspace(vectors, path),
        lambda: read_tests([path]),
    ):
        with pytest.raises((DataError, OptionError)) as caught:
            take()
        assert "mine" in str(caught.value)
        assert len(str(caught.value)) < 500


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (path := tmp_path / "mine.json").write_bytes(b"\xff\xfe\x00\x01" * 9)
    for take in (lambda: bias.direction(made()[0], path), lambda: bias.extremes(*made()[:2], path)):
        with pytest.raises(DataError, match=r"mine\.json is not UTF-8"):
            take()


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("vectors", None, "vectors must be WordVectors"),
        ("vectors", "nowhere.bin", "nowhere.bin"),
        ("attribute", "gendre", "did you mean 'gender'"),
        ("attribute", [["she", "qqqa"]], "qqqa"),
        ("reducer", "harder", "did you mean 'hard'"),
        ("reducer", ["hard"], "unknown method"),
        ("words", "nurse boss", "word list"),
        ("words", UNKNOWN, "qqqa"),
        ("weat", "nosuch", "nosuch"),
        ("weat", 3, "tests of association"),
        ("weat", [{"X": "a b", "Y": [], "A": [], "B": []}], "one long string"),
        ("ratings", {"nurse": "many"}, "headings only"),
        ("n", 0, "n must be a whole number"),
        ("seed", -1, "seed"),
    ],
)
def test_the_report_of_caution_says_what_is_wrong_and_writes_nothing(argument, value, said, tmp_path):
    arguments = {"vectors": made()[0], "words": JOBS, "weat": []} | {argument: value}
    with pytest.raises(SelfsupError) as caught:
        bias.report(path=tmp_path / "bias.html", **arguments)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 3, "", "a\0b.html", "/dev/null/bias.html"])
def test_a_page_that_cannot_be_written_is_said_before_anything_is_measured(path, monkeypatch):
    monkeypatch.setattr("selfsup.bias.reporting.direction", None)
    with pytest.raises((OptionError, RunError)):
        bias.report(made()[0], path)


# --- properties -----------------------------------------------------------------------------------------------------------------

words_of_any_kind = st.sampled_from([*JOBS, "she", "he", "filler1", "filler2", "filler3", *UNKNOWN])
any_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | words_of_any_kind | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["pairs", "words", "classes", "X", "Y", "A", "B", "specific", "nurse"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@QUICK
@given(any_json)
def test_any_json_is_read_or_refused_in_words(value):
    for read in (bias.Attribute.read, entries, read_ratings, lambda one: read_tests([one])):
        with contextlib.suppress(SelfsupError):
            assert read(value)


@QUICK
@given(
    st.lists(words_of_any_kind, max_size=6), st.lists(words_of_any_kind, max_size=6), st.booleans(), st.integers(0, 3)
)
def test_any_words_give_an_effect_within_its_bounds_or_are_refused(X, Y, allow_missing, seed):
    vectors, *_, A, B = made()
    try:
        found = bias.weat(vectors, X, Y, A, B, permutations=40, seed=seed, allow_missing=allow_missing)
    except SelfsupError:
        return
    assert found.effect is None or abs(found.effect) <= 2
    assert found.p is None or 0 < found.p <= 1
    assert not set(X) & set(Y) & set(vectors.words)  # what the vectors lack is left out of both


@QUICK
@given(
    st.lists(st.tuples(words_of_any_kind, words_of_any_kind), max_size=5),
    st.sampled_from(["pca", "mean", "difference"]),
)
def test_any_pairs_give_a_direction_of_length_one_or_are_refused(pairs, method):
    try:
        way = bias.direction(made()[0], pairs, method=method)
    except SelfsupError:
        return
    assert np.linalg.norm(way.vector) == pytest.approx(1)
    assert way.project([way.ends[0]])[0] >= way.project([way.ends[1]])[0]
    assert 0 <= way.share <= 1 + 1e-9


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from(["normal", "whole", "repeated", "of all lengths"]))
def test_any_vectors_give_finite_numbers_or_are_refused(seed, dim, kind):
    """Of few dimensions, so that words coincide, cancel out, or lie along the direction alone."""
    _, _, _, _, *sets = made()
    about = bias.Attribute.read("gender")
    words = (
        [word for pair in (*about.pairs, *about.equalize) for word in pair]
        + JOBS
        + [word for one in sets for word in one]
    )
    words = list(dict.fromkeys([*words, *(f"filler{number}" for number in range(40))]))
    rng = np.random.default_rng(seed)
    table = rng.integers(-1, 2, (len(words), dim)) if kind == "whole" else rng.normal(size=(len(words), dim))
    if kind == "repeated":
        table = table[rng.integers(0, len(words) // 2, len(words))]
    if kind == "of all lengths":
        table = table * 10.0 ** rng.integers(-30, 30, (len(words), 1))
    vectors = WordVectors(words, table.astype(np.float32))
    try:
        own = {"vectors": vectors, "direction": bias.direction(vectors)}
    except DataError:
        return
    few = {"n": 20, "iterations": 2, "folds": 2, "restrict": None, "candidates": 2, "words": JOBS, "k": None}
    calls = []
    for name, arguments in good().items():
        if name in ("residual", "cost", "ratings", "multiclass_hard", "subspace"):
            continue
        some = few | (
            {"words": own["direction"]} if name in ("inlp", "leace") else {"words": arguments.get("words", JOBS)}
        )
        taken = inspect.signature(getattr(bias, name)).parameters
        calls.append((name, arguments | {key: value for key, value in (own | some).items() if key in taken}))
    after, transform = bias.leace(vectors, own["direction"], n=20)
    left = {"before": vectors, "after": after, "direction": own["direction"], "transform": transform, "n": 25, "k": 3}
    calls += [("residual", left | {"probed": 5, "splits": 2, "words": words[-40:]})]
    calls += [("cost", {"before": vectors, "after": after, "sample": 5})]
    wrong = [(name, said) for name, arguments in calls if (said := asked(name, arguments))]
    assert wrong == []


@QUICK
@given(st.data())
def test_a_transform_that_was_damaged_is_not_applied(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "hard.safetensors"
    made()[3].save(path)
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    with pytest.raises((DataError, RunError)):
        bias.Transform.load(path)


# --- the command line -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "v.safetensors"
    made()[0].save(path)
    (path.parent / "wrong.json").write_text('{"pairs": "she he"}')
    (path.parent / "torn.json").write_text("[")
    (path.parent / "one.json").write_text(json.dumps([["she", "he"], ["qqqa", "qqqb"]]))
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["extreme"], "extremes"),
        (["extremes", "--words", "ocupations"], "occupations"),
        (["extremes", "--words", "wrong.json"], "wrong"),
        (["extremes", "--pairs", "one.json"], "qqqa"),
        (["extremes", "--pairs", "torn.json"], "torn"),
        (["extremes", "--n", "0"], "n"),
        (["measure", "--pairs", "wrong.json"], "long string"),
        (["measure", "--weat", "nosuch"], "nosuch"),
        (["debias", "--method", "harder"], "hard"),
        (["report", "--pairs", "gendre"], "gender"),
        (["measure", "--nosuch", "3"], "nosuch"),
        (["debias", "--out", "less.safetensors", "--analogies", "d" * 300], "d" * 300),
        (["debias", "--out", "v.safetensors"], "exists"),
        (["report", "--similarity", "none.tsv"], "none.tsv"),
    ],
)
def test_the_command_line_says_what_is_wrong_and_writes_nothing(file, arguments, said, capsys, monkeypatch):
    monkeypatch.chdir(file.parent)
    before = sorted(file.parent.iterdir())
    code = main(["bias", str(file), *arguments])
    told = capsys.readouterr()
    assert code in (1, 2), told
    assert said in told.err
    assert "Traceback" not in told.err
    assert sorted(file.parent.iterdir()) == before


def test_vectors_that_are_not_there_are_said_to_be_so(tmp_path, capsys):
    for path in (tmp_path / "none.safetensors", tmp_path):
        assert main(["bias", str(path), "extremes"]) in (1, 2)
        assert "Traceback" not in capsys.readouterr().err
