"""The caution report: what stands on its page and in which order, that it fetches and trusts nothing, and a run's own page."""

from __future__ import annotations

import copy
import importlib
import json
import re

import pytest

from biased import biased_vectors
from selfsup import bias
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.table import Table
from selfsup.measures.words.bias.score import CAUTION
from selfsup.report import card, page
from selfsup.report.page import write_evaluation
from selfsup.report.run import Run
from selfsup.report.sections import bias as section, biaswords, extremes
from selfsup.words import WordVectors
from test_report_runs import EVIL, Reader, write
from test_report_words import HOSTILE, config, evaluation, history

NAMES = ["bias_scope", "bias_direction", "bias_extremes", "bias", "bias_residual", "bias_cost", "bias_analogies"]
HEADINGS = ("How much of the pairs is one direction", "The words that lie farthest along it", "Measures", "What is left",
            "What it cost", "Analogies, restricted and unrestricted")  # fmt: skip
JUNK = (
    None,
    "x",
    EVIL,
    [],
    [[]],
    [["a"]],
    {},
    {"a": 1},
    True,
    float("nan"),
    float("inf"),
    -1,
    10**400,
    -1e300,
    "\ud800",
)


PARTS = ("direction", "reduced", "before_and_after", "residual", "cost")


@pytest.fixture(scope="module")
def vectors():
    whole = biased_vectors()
    words = [word for word in whole.words if not word.startswith("filler")] + [f"filler{n}" for n in range(300)]
    return WordVectors(words, whole.vectors_of(words))


@pytest.fixture(scope="module")
def similar(tmp_path_factory):
    pairs = tmp_path_factory.mktemp("files") / "pairs.tsv"
    pairs.write_text("nurse\tcaptain\t1\nnurse\tlibrarian\t8\nboss\tcaptain\t7\nmother\tfather\t9\n")
    return str(pairs)


@pytest.fixture(scope="module")
def counted(vectors, similar):
    """The report's evidence, and how often each of its parts was computed."""
    module, calls = importlib.import_module("selfsup.bias.reporting"), dict.fromkeys(PARTS, 0)

    def counting(name, real):
        def counted(*args, **more):
            calls[name] += 1
            return real(*args, **more)

        return counted

    with pytest.MonkeyPatch.context() as patch:
        for name in PARTS:
            patch.setattr(module, name, counting(name, getattr(module, name)))
        return bias.caution(vectors, similarity=similar, name="mine.txt"), calls


@pytest.fixture(scope="module")
def found(counted):
    return counted[0]


@pytest.fixture(scope="module")
def written(found, tmp_path_factory):
    return write_evaluation(found, "a note of caution on mine.txt", tmp_path_factory.mktemp("page") / "bias.html")


def test_the_evidence_has_all_tables_in_order(found):
    assert [table.name for table in found.tables] == NAMES
    assert all(table.rows for table in found.tables)
    assert found.verdict == {}
    json.dumps(found.to_dict(), allow_nan=False)
    assert {row["stage"] for row in found.rows("bias")} == {"before", "after"}
    assert {row["stage"] for row in found.rows("bias_analogies")} <= {"before", "after"}
    assert CAUTION in str(found)


def test_the_page_says_all_of_it_in_order(written):
    seen = Reader(written.read_text())
    words = seen.words
    assert (
        words.index("A note of caution: gender in these word vectors") < words.index(CAUTION) < words.index(HEADINGS[0])
    )
    places = [words.index(heading) for heading in HEADINGS]
    assert places == sorted(places)
    assert words.count(CAUTION) == 2
    assert places[2] < words.rindex(CAUTION) < places[3], "after the measures"
    for said in ("From he to she, by 10 of 10 pairs", "she–he", "binary, English", "mine.txt: 1,676 words, vectors of 60 numbers",
                 "Of as many pairs of random words", "With one of the pairs left out", "chance", "no bias", "shuffled labels",
                 "toward she", "toward he", "the same word after hard", "homemaker", "restricted answer", "unrestricted answer",
                 "similarity: pairs.tsv", "mr, mrs" if "mr, mrs" in words else "Left out"):  # fmt: skip
        assert said in words, said
    assert "evaluated" not in words
    (title,) = (part for part in seen.text if part.startswith("a note of caution on"))
    assert title == "a note of caution on mine.txt"


def test_the_page_is_one_small_file_that_fetches_and_runs_nothing(written):
    seen = Reader(written.read_text())
    assert written.stat().st_size < 400_000
    tags = {tag for tag, _ in seen.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "img", "a", "form"})
    for _, attrs in seen.elements:
        assert not any(name.startswith("on") or name in ("src", "href", "action") for name in attrs)
    (policy,) = [attrs["content"] for _, attrs in seen.elements if attrs.get("http-equiv")]
    assert "default-src 'none'" in policy


def test_the_picture_is_told_to_those_who_cannot_see_it(written, found):
    seen = Reader(written.read_text())
    labels = [attrs["aria-label"] for tag, attrs in seen.elements if tag == "svg"]
    assert [label.split(":")[0] for label in labels] == [f"The 12 words farthest toward {end}" for end in ("she", "he")]
    for row in found.rows("bias_extremes"):
        if row["stage"] == "before":
            assert f"{row['word']} {abs(row['projection']):.2f} → " in labels[row["sign"] < 0]


def test_each_part_is_computed_once_and_the_same_again(counted, vectors, similar):
    found, calls = counted
    assert set(calls.values()) == {1}
    assert bias.caution(vectors, similarity=similar, name="mine.txt").to_dict() == found.to_dict()


def test_tests_that_are_not_covered_are_named(vectors, tmp_path):
    kept = [
        word for word in vectors.words if word not in ("rose", "tulip", "daisy", "lily", "orchid", "iris", "violet")
    ]
    fewer = WordVectors(kept, vectors.vectors_of(kept))
    found = bias.caution(fewer, weat=["flowers_insects", "career_family"])
    rows = [row for row in found.rows("bias") if row["measure"] == "WEAT" and row["stage"] == "before"]
    assert [row["value"] is None for row in rows] == [True, False]
    (tests,) = (row for row in found.rows("bias_scope") if row["what"] == "tests of association")
    assert (tests["asked"], tests["found"]) == (2, 1)
    seen = Reader(write_evaluation(found, "t", tmp_path / "page.html").read_text())
    assert "Not measured, as too many of their words are not in these vectors: WEAT: flowers_insects" in seen.words
    assert "tulip" in seen.words


def test_an_attribute_of_a_users_own(vectors, tmp_path):
    about = {"name": EVIL, "pairs": [["mother", "father"], ["daughter", "son"], ["girl", "boy"]], "language": EVIL}
    (tmp_path / "own.json").write_text(json.dumps(about))
    file = bias.report(
        vectors, tmp_path / "own.html", tmp_path / "own.json", words=["nurse", "captain", "boss", "nanny"]
    )
    seen = Reader(file.read_text())
    assert EVIL[:40] in seen.words
    assert {"script", "img"}.isdisjoint(tag for tag, _ in seen.elements)


def test_bad_input_is_said(vectors, tmp_path):
    with pytest.raises(OptionError, match="leace"):
        bias.caution(vectors, reducer="leac")
    with pytest.raises(OptionError, match="gender"):
        bias.caution(vectors, "gendr")
    with pytest.raises(OptionError, match="career_family"):
        bias.caution(vectors, weat="carer_family")
    with pytest.raises(DataError, match="nobody_knows_it"):
        bias.caution(vectors, words=["nobody_knows_it"])
    with pytest.raises(DataError):
        bias.report(tmp_path / "missing.txt", tmp_path / "page.html")
    assert not list(tmp_path.iterdir()), "no page of half a report"


def of_bias(found):
    """Tables that a run keeps when it is evaluated with an attribute."""
    return {
        table.name: table.rows for table in found.tables if table.name in ("bias_direction", "bias_extremes", "bias")
    }


def test_a_runs_own_page_and_card_have_one_section(found, tmp_path):
    tables = of_bias(found)
    tables["bias"] = [row for row in tables["bias"] if row["stage"] == "before"]
    both = evaluation()
    both["tables"] |= tables
    seen = Reader(page(write(tmp_path / "run", config(), history(), both)))
    assert "Learnt from 9,000 words." in seen.words
    assert [tag for tag, _ in seen.elements].count("header") == 1
    assert seen.words.count("A note of caution: gender in these word vectors") == 1
    assert seen.words.count(CAUTION) == 2
    assert "Measured besides" not in seen.words
    text = card(config(), both, history())
    assert "## A note of caution: gender in these word vectors" in text
    assert text.count("A lower score is lower on this measure") >= 2
    assert "| DirectBias: occupations |" in text
    assert "bias was not measured" not in text
    assert "bias was not measured" in card(config(), evaluation(), history())
    assert "A note of caution" not in card(config(), evaluation(), history())


def test_words_of_a_stranger_stay_text(found, tmp_path):
    tables = copy.deepcopy(found.to_dict()["tables"])
    for rows in tables.values():
        for place, row in enumerate(rows):
            bad = HOSTILE[place % len(HOSTILE)]
            for key, value in row.items():
                if key not in ("stage", "what") and isinstance(value, str):
                    row[key] = bad
                elif isinstance(value, list):
                    row[key] = [bad if isinstance(one, str) else one for one in value]
    both = evaluation()
    both["tables"] |= tables
    seen = Reader(page(write(tmp_path / "run", config(), history(), both)))
    assert {"script", "img"}.isdisjoint(tag for tag, _ in seen.elements)
    assert not [attrs for _, attrs in seen.elements if any(name.startswith("on") for name in attrs)]
    assert "\u202e" not in seen.words
    text = card(config(), both, history())
    assert "<img" not in text
    assert "\u202e" not in text


def test_no_type_in_a_table_is_trusted(found):
    tables = {name: [*rows[:2], *rows[-1:]] for name, rows in found.to_dict()["tables"].items()}
    for name, rows in tables.items():
        for key in rows[0]:
            for junk in JUNK:
                run = Run({}, [], {"tables": {name: [{**row, key: junk} for row in rows]}})
                made = section.html(run)
                assert "<img" not in made, (name, key, junk)
                assert not re.search(r"\b(nan|inf)\b", made), (name, key, junk)
                section.markdown(run)
        for junk in ([], [1, "x", None], [{}], {}, "x", None, [[]]):
            run = Run({}, [], {"tables": {**tables, name: junk}})
            section.html(run), section.markdown(run)
    assert section.html(Run({}, [], {"tables": {name: [] for name in tables}})) is None


def test_bars_keep_their_places():
    bars = [extremes.Bar("nurse", 0.5, -0.1), extremes.Bar("w" * 60, 0.25, 0.0)]
    seen = Reader(extremes.draw(bars, "positive", "she", 0.5))
    boxes = [
        (attrs["class"], float(attrs["x"]), float(attrs["width"])) for tag, attrs in seen.elements if tag == "rect"
    ]
    (_, zero, long), (_, left, back), (_, other, short), (_, _, none) = boxes
    assert zero == other
    assert long == pytest.approx(2 * short, abs=0.2)
    assert left + back == pytest.approx(zero, abs=0.1), "what went past 0 lies on the other side"
    assert back == pytest.approx(long / 5, abs=0.2)
    assert none == 1.5
    assert all(x >= 0 and x + width <= extremes.WIDE for _, x, width in boxes)
    assert all(float(attrs["x"]) <= extremes.WIDE for tag, attrs in seen.elements if tag == "text")


def test_what_is_left_out_of_an_evaluation_is_left_out_of_the_page(found, tmp_path):
    for table in found.tables[1:]:
        alone = Reader(write_evaluation(Evaluation(tables=[table]), "t", tmp_path / "page.html").read_text())
        assert "A note of caution" in alone.words
        assert CAUTION in alone.words
        assert sum(heading in alone.words for heading in HEADINGS) == 1, table.name


def test_after_a_reducer_that_leaves_some_the_farthest_are_named(found):
    rows = [
        {
            "stage": stage,
            "side": end,
            "sign": sign,
            "rank": 1,
            "word": f"{end}{stage}",
            "projection": sign * 0.2,
            "after": 0.1,
        }
        for stage in ("before", "after")
        for end, sign in (("she", 1), ("he", -1))
    ]
    part = biaswords.extremes(rows, "soft")
    assert part.said == [
        "Farthest toward she afterwards: sheafter 0.20.",
        "Farthest toward he afterwards: heafter 0.20.",
    ]
    (none,) = biaswords.extremes([{**row, "projection": 1e-9} for row in rows]).said
    assert none == "Afterwards no word of the list lies farther than 1e-09 to either side of this direction."


def test_the_command_writes_the_page(vectors, tmp_path, capsys):
    vectors.save(tmp_path / "v.safetensors")
    page = tmp_path / "bias.html"
    assert main(["bias", str(tmp_path / "v.safetensors"), "--report", str(page)]) == 0
    assert "v.safetensors: 1,676 words" in Reader(page.read_text()).words
    assert main(["bias", str(tmp_path / "v.safetensors"), "--report", str(page)]) != 0
    assert "overwrite" in capsys.readouterr().err


def test_a_table_of_its_own_has_no_head(tmp_path):
    alone = Evaluation(tables=[Table("mine", [{"a": 1}])])
    seen = Reader(write_evaluation(alone, "mine", tmp_path / "page.html").read_text())
    assert "Measured besides" in seen.words
    assert "not been evaluated" not in seen.words
