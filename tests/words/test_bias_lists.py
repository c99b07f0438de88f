"""The word lists that come with the package, and files of a user's own: what they hold, and what is refused."""

import json
import re
from importlib.resources import files

import pytest

from selfsup.errors import DataError, OptionError, SelfsupError
from selfsup.words.bias import lists
from selfsup.words.bias.attribute import Attribute

PUBLISHED = "homemaker nurse receptionist librarian socialite hairdresser nanny bookkeeper stylist housekeeper interior_designer "
PUBLISHED += (
    "guidance_counselor maestro skipper protege philosopher captain architect financier warrior broadcaster magician "
)
PUBLISHED += "fighter_pilot boss"
NAMES = (*lists.ATTRIBUTES, *lists.WORDS, "weat")


def strings(held):
    """Every word that a file holds, its sources apart."""
    if isinstance(held, dict):
        return [word for key, value in held.items() if key not in ("source", "language") for word in strings(value)]
    return [word for one in held for word in strings(one)] if isinstance(held, list) else [held]


@pytest.mark.parametrize("name", NAMES)
def test_every_list_is_in_the_package_and_names_its_sources(name):
    path = files("selfsup.words.bias") / "lists" / f"{name}.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    assert re.search(r"\b20\d\d\b|for this project", held["source"])
    assert len(held["source"]) > 60
    for word in strings(held):
        assert word.split() == [word]
    assert {one.name for one in (files("selfsup.words.bias") / "lists").iterdir()} == {f"{name}.json" for name in NAMES}


def test_gender_is_the_papers():
    gender = Attribute.read("gender")
    assert len(gender.pairs) == 10
    assert gender.pairs[2] == ("she", "he")
    assert gender.pairs[9] == ("Mary", "John")
    assert gender.positive == "she"
    assert len(gender.equalize) >= 50
    sides = [word for pair in gender.equalize for word in pair]
    assert len(sides) == len(set(sides)), "a word in two equalize pairs would be moved twice"
    assert len(gender.specific) >= 200
    assert len(set(gender.specific)) == len(gender.specific)
    assert all(word == word.lower() for word in gender.specific)
    assert set(sides) <= set(gender.specific), "what is equalized is not neutralized"
    assert {word for pair in gender.pairs[:9] for word in pair} <= set(gender.specific)


def test_occupations_are_many_and_hold_the_published_ones():
    jobs = {one.word: one.specific for one in lists.occupations()}
    assert len(jobs) >= 300
    assert len(jobs) == len(lists.occupations())
    assert not any(jobs[word] for word in PUBLISHED.split())
    assert all(jobs[word] for word in ("actress", "nun", "policeman", "waitress"))
    assert not jobs["nurse"]
    specific = set(Attribute.read("gender").specific)
    assert {word for word, gendered in jobs.items() if gendered} == set(jobs) & specific
    parts = re.compile(r"(?<!hu)man$|woman$|(girl|boy|maid|lord|lady|ess)$")
    odd = {"seamstress", "landlord"}
    assert {word for word, gendered in jobs.items() if parts.search(word) and not gendered} <= odd
    assert lists.Occupation("fighter_pilot", False).variants == ("fighter_pilot", "fighter pilot", "fighter-pilot")
    assert lists.Occupation("nurse", False).variants == ("nurse",)


def test_tests_of_association_have_equal_sets_that_share_no_word():
    tests = lists.weat()
    assert list(tests)[:2] == ["flowers_insects", "instruments_weapons"]
    assert len(tests) == 10
    sizes = [25, 25, 32, 18, 18, 8, 8, 8, 6, 8]
    for (name, test), size in zip(tests.items(), sizes, strict=True):
        assert test.name == name
        assert len(test.X) == len(test.Y) == size
        assert len(test.A) == len(test.B)
        assert not set(test.X) & set(test.Y)
        assert not set(test.A) & set(test.B)
        assert test.x_name != test.y_name
    assert tests["math_arts"].b_name == "female terms"
    assert "Caliskan" in tests["age"].source


# of our sets and those of another copy, which has "short" for the published "short-term", and "Bill" for "Billy"
OTHERS = {
    "pleasant": "pleasant_5",
    "unpleasant": "unpleasant_5a",
    "unpleasant_3": "unpleasant_5b",
    "european_american_names_3": "european_american_names_5",
    "african_american_names_3": "african_american_names_5",
    "european_american_names_4": "european_american_names_7",
    "african_american_names_4": "african_american_names_7",
    "pleasant_8": "pleasant_9",
    "unpleasant_8": "unpleasant_9",
    "arts_8": "arts_2",
    "male_terms_8": "male_terms_2",
    "female_terms_8": "female_terms_2",
    "young_names": "young_people_names",
    "old_names": "old_people_names",
}


def test_tests_of_association_are_those_of_another_copy(shared_data):
    path = shared_data / "bias" / "weat.json"
    if not path.is_file():
        pytest.skip(f"no other copy of the tests at {path}")
    other = json.loads(path.read_text(encoding="utf-8"))
    ours = lists.bundled("weat")["sets"]
    different = {
        name: (set(words) - set(other[OTHERS.get(name, name)]), set(other[OTHERS.get(name, name)]) - set(words))
        for name, words in ours.items()
    }
    different = {name: found for name, found in different.items() if any(found)}
    assert different == {"temporary": ({"short-term"}, {"short"}), "young_names": ({"Billy"}, {"Bill"})}


def test_religion_has_classes_and_pairs():
    religion = Attribute.read("religion")
    assert religion.class_names == ("jewish", "christian", "muslim")
    assert religion.sets == religion.classes
    assert religion.classes[2] == ("synagogue", "church", "mosque")
    assert len(religion.classes) == 5
    assert {word for one in religion.classes for word in one} <= set(religion.specific)
    assert len(religion.pairs) >= 5
    assert religion.positive == "muslim"


def test_words_come_from_anything(tmp_path):
    assert lists.words_of(["nurse", "boss", "nurse"]) == ("words", ["nurse", "boss"])
    assert lists.words_of("occupations")[0] == "occupations"
    assert len(lists.words_of("occupations")[1]) >= 300
    path = tmp_path / "trades.json"
    path.write_text('\ufeff["nurse", "Köchin"]', encoding="utf-8")  # with a byte order mark, as some editors write
    assert lists.words_of(path) == ("trades", ["nurse", "Köchin"]) == lists.words_of(str(path))
    path.write_text('{"name": "mine", "source": "me", "words": ["nun", "cook"], "specific": ["nun"]}', encoding="utf-8")
    assert lists.entries(path) == ("mine", (("nun", True), ("cook", False)))
    text = tmp_path / "trades.txt"
    text.write_text("nurse\n\n fighter pilot \n", encoding="utf-8")
    assert lists.words_of(text) == ("trades", ["nurse", "fighter pilot"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b"[1, 2", "is not JSON"),
        (b"- a\n- b\n", "is not JSON"),
        (b'["caf\xe9"]', "is not UTF-8 .byte 5."),
        (b"[NaN]", "NaN is not a number of JSON"),
        (b'{"words": ["a"], "words": ["b"]}', "the key 'words' stands there more than once"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b"[1" + b"0" * 5000 + b"]", "is not JSON|got 1000"),
        (b'"nurse"', "one long string"),
        (b"3", "must be a list of words; got int"),
        (b"null", "must be a list of words; got NoneType"),
        (b"[]", "empty list"),
        (b'[["nurse"]]', "got \\['nurse'\\] in it"),
        (b'{"words": "nurse"}', "one long string"),
        (b'{"wrods": ["nurse"]}', "unknown key 'wrods'; did you mean 'words'"),
        (b'{"words": ["nurse"], "specific": [1]}', "'specific' of .* got 1 in it"),
        (b'{"words": [null]}', "got None in it"),
    ],
)
def test_files_of_another_shape(tmp_path, content, told):
    path = tmp_path / "words.json"
    path.write_bytes(content)
    with pytest.raises(SelfsupError, match=told) as caught:
        lists.words_of(path)
    assert len(str(caught.value)) < 600
    with pytest.raises(SelfsupError):
        Attribute.read(path)


def test_files_that_are_none(tmp_path, monkeypatch):
    (tmp_path / "words.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="no data at .*did you mean .*words.json"):
        lists.words_of(tmp_path / "wrods.json")
    with pytest.raises(DataError, match="is not a file; give a JSON file"):
        lists.words_of(tmp_path)
    with pytest.raises(OptionError, match="unknown word list 'nurse, boss"):
        lists.words_of("nurse, boss and all the others " * 1000)
    monkeypatch.setattr(lists, "LIMIT", 100)
    (tmp_path / "words.json").write_text(json.dumps(["nurse"] * 50), encoding="utf-8")
    with pytest.raises(DataError, match="is larger than"):
        lists.words_of(tmp_path / "words.json")
