"""Word pieces: learnt from the text, kept with the run, the same for new text; tokenizers that are there already."""

import json

import numpy as np
import pytest

import selfsup
from selfsup.data.text import pieces
from selfsup.data.text.corpus import open_text
from selfsup.data.text.pieces import Pieces, wanted
from selfsup.errors import DataError, MissingError, OptionError, RunError
from selfsup.store import seal

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra: pip install 'selfsup[words]'")

TEXTS = [
    "The unlikely unloading of a loader, likely.",
    "loading unlikely loads 😀 and",
    "he likes the load; don't",
    "LOADS",
] * 12
CHINESE = [
    "自然语言处理是人工智能的一个方向",
    "我爱自然语言今天天气很好",
    "他们学习语言和文字，我爱学习人工智能。",
] * 30
SMALL = {"dim": 4, "min_count": 1, "sample": 0.0, "epochs": 1, "threads": 1, "progress": False, "evaluate": False}
KINDS = ["wordpiece:60", "bpe:60", "unigram:60"]


def opened(source, **options):
    return open_text(source, **({"min_count": 1, "progress": False, "cache": False} | options))


def rows_of(made):
    rows = "\t".join(made.vocabulary.words[one] if one >= 0 else "|" for one in made.ids.tolist())
    return [row.split("\t") for row in rows.replace("\t|\t", "|").split("|")]


def plain(made, text):
    """What tokenizers itself makes of a text."""
    tokenizer = tokenizers.Tokenizer.from_str(made.reading["tokens"].content)
    found = tokenizer.encode(text, add_special_tokens=False)
    return [
        token for token, number in zip(found.tokens, found.ids, strict=True) if number != tokenizer.token_to_id("[UNK]")
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lower", [True, False])
def test_a_text_is_cut_as_its_tokenizer_cuts_it(kind, lower):
    made = opened(TEXTS, tokens=kind, lower=lower)
    assert isinstance(made.reading["tokens"], Pieces)
    assert rows_of(made) == [plain(made, text.lower() if lower else text) for text in TEXTS]
    assert len(made.vocabulary) <= 60
    assert max(map(len, made.vocabulary.words)) > 2  # not characters alone
    assert ("LOADS" in "".join(made.vocabulary.words)) <= (not lower)
    new = ["An unlikely upload\nof it 😀 ✈ ж", "", "likely-loading"]
    cut = [plain(made, text.replace("\n", " ")) for text in new]
    assert [made.form.cut(text) for text in new] == cut
    known = [[made.form.index[piece] for piece in row if piece in made.form.index] for row in cut]
    assert made.form.encode(new).tolist() == [*known[0], -1, *known[1], -1, *known[2]]


def test_pieces_inside_words_are_marked_and_words_are_those_of_tokens_words():
    made = opened(TEXTS, tokens="wordpiece:60")
    text = "Unlikely loads, don't!"
    assert "".join(piece.removeprefix("##") for piece in made.form.cut(text)) == "unlikelyloadsdon't"
    assert [piece for piece in made.form.cut(text) if piece.startswith("##")]
    assert "".join(opened(TEXTS, tokens="words").form.cut(text)) == "unlikelyloadsdon't"


def test_chinese():
    made = opened(CHINESE, tokens="unigram:120")
    words = set(made.vocabulary.words)
    assert {"语言", "学习", "人工智能"} & words
    assert "".join(made.form.cut(CHINESE[2])) == "他们学习语言和文字我爱学习人工智能"


def test_a_run_keeps_its_pieces(tmp_path):
    options = {**SMALL, "tokens": "wordpiece:60", "out": tmp_path / "run"}
    model = selfsup.fit(TEXTS, "skipgram", **options)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["form"]["tokens"] == {"pieces": "tokenizer.json"}
    assert config["reading"]["tokens"] == "wordpiece:60"
    assert "tokenizer.json" in config["files"]
    loaded = selfsup.load(tmp_path / "run")
    assert loaded.form == model.form
    new = ["an unlikely upload"]
    assert np.array_equal(loaded.encode(new), model.encode(new))
    assert np.abs(loaded.encode(new)).max() > 0
    again = opened(TEXTS, like=loaded.form)
    assert np.array_equal(again.ids, opened(TEXTS, tokens="wordpiece:60").ids)
    theirs = opened(TEXTS, tokens=str(tmp_path / "run" / "tokenizer.json"))  # the file is one of Hugging Face's
    assert theirs.vocabulary.words == again.vocabulary.words


def test_pieces_come_from_the_cache(tmp_path, monkeypatch):
    path = tmp_path / "t.txt"
    path.write_text("\n".join(TEXTS))
    first = opened(path, tokens="bpe:60", cache=True)
    monkeypatch.setattr(Pieces, "learn", None)
    again = opened(path, tokens="bpe:60", cache=True)
    assert first.reading == again.reading
    assert again.form.cut("unlikely") == first.form.cut("unlikely")
    assert opened(path, tokens="words", cache=True).fingerprint != first.fingerprint


def test_a_tokenizer_that_is_there_already(tmp_path):
    """One that looks at a line as a whole: a space belongs to the piece behind it."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<s>"], show_progress=False)
    made.train_from_iterator(TEXTS, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    path = tmp_path / "own.json"
    made.save(str(path))
    corpus = opened(TEXTS, tokens=str(path))
    assert rows_of(corpus) == [made.encode(text, add_special_tokens=False).tokens for text in TEXTS]
    assert any(word.startswith("Ġ") for word in corpus.vocabulary.words)
    assert "T" in "".join(corpus.vocabulary.words)  # it says itself whether capitals stay
    assert corpus.form.cut("The loads") == made.encode("The loads", add_special_tokens=False).tokens
    model = selfsup.fit(TEXTS, "skipgram", tokens=str(path), out=tmp_path / "run", **SMALL)
    path.unlink()
    assert selfsup.load(tmp_path / "run").form.cut("The loads") == model.form.cut("The loads")


def test_what_cannot_be(tmp_path):
    for tokens in ("wordpiece", "bpe:", "unigram:9", "wordpiece:1e9", "bpe:-5", "bpe:9999999"):
        with pytest.raises(OptionError, match="how many pieces must follow"):
            opened(TEXTS, tokens=tokens)
    assert wanted("words") is wanted("[a-z]+:[a-z]+") is wanted(str.split) is None
    assert wanted("bpe:100") == ("bpe", 100)
    with pytest.raises(OptionError, match="'phrases' joins words, and word pieces"):
        opened(TEXTS, tokens="bpe:60", phrases=1)
    with pytest.raises(OptionError, match="reads the text twice, and iterable .* can be read once; give a list"):
        opened(iter(TEXTS), tokens="bpe:60")
    with pytest.raises(OptionError, match="holds lists of tokens, cut already"):
        opened([["a", "b"]], tokens="bpe:60")
    with pytest.raises(DataError, match="holds no words"):
        opened(["...", "!"], tokens="wordpiece:60")
    with pytest.raises(OptionError, match="cannot read nothing.json"):
        opened(TEXTS, tokens="nothing.json")
    path = tmp_path / "t.json"
    for content in (b"", b"{}", b"[]", b"\xff", b'{"model": {}}', b'{"model": {"type": "Magic"}}', b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(OptionError, match=r"t.json is no (tokenizer.json|JSON)"):
            opened(TEXTS, tokens=str(path))


def test_a_run_whose_tokenizer_is_damaged(tmp_path):
    selfsup.fit(TEXTS, "skipgram", tokens="bpe:60", out=tmp_path / "run", **SMALL)
    (tmp_path / "run" / pieces.FILE).write_bytes(b"{}")
    with pytest.raises(RunError, match=r"tokenizer\.json"):
        selfsup.load(tmp_path / "run")
    seal(tmp_path / "run", json.loads((tmp_path / "run" / "config.json").read_text()))
    with pytest.raises(OptionError, match=r"tokenizer\.json is no tokenizer\.json"):
        selfsup.load(tmp_path / "run").encode(["load"])


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MissingError, match=r"needs the package tokenizers: pip install .*\[words\]'"):
        opened(TEXTS, tokens="bpe:60")
