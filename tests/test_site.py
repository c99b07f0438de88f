"""The documentation site builds without a warning, holds every public name and verb, and asks nobody for anything."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import selfsup
from built_site import site  # noqa: F401, a fixture
from selfsup.cli.bias import VERBS as BIAS_VERBS
from selfsup.cli.main import VERBS
from selfsup.cli.words import VERBS as WORDS_VERBS
from selfsup.methods import REGISTERED

ROOT = Path(__file__).resolve().parents[1]
NAMED = re.compile(r'id="(selfsup\.[\w.]+)"')


def pages(site: Path) -> dict[str, str]:  # noqa: F811
    return {
        str(page.relative_to(site)): page.read_text() for page in site.rglob("*.html") if "_static" not in page.parts
    }


def test_every_public_name_has_an_entry(site):  # noqa: F811
    named = set(NAMED.findall("".join(text for name, text in pages(site).items() if name.startswith("api/"))))
    home = {"SelfsupError": "errors.SelfsupError"}  # stands with its kin
    missing = {f"selfsup.{home.get(name, name)}" for name in selfsup.__all__} - named
    for room in ("hide", "bias", "testing"):
        public = [name for name in importlib.import_module(f"selfsup.{room}").__all__ if not name.isupper()]
        missing |= {f"selfsup.{room}.{name}" for name in public} - named
    more = "Model.encode Model.explore WordVectors.most_similar Method.hide Evaluation.to_dict sklearn.Encoder errors.DataError"
    assert not missing | ({f"selfsup.{name}" for name in more.split()} - named)


def test_every_verb_and_method_has_its_help(site):  # noqa: F811
    of_words, of_bias = (f"words-{name}" for name in WORDS_VERBS), (f"bias-{name}" for name in BIAS_VERBS)
    for name in (*VERBS, *of_words, *of_bias):
        assert f"usage: selfsup {name.split('-')[0]}" in (site / "cli" / f"{name}.html").read_text(), name
    fit = (site / "cli" / "fit.html").read_text()
    assert all(f"method {name}:" in fit for name in REGISTERED)


def test_every_page_is_found_from_the_first_and_in_the_search(site):  # noqa: F811
    index = (site / "index.html").read_text()
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        inside = page.is_relative_to(ROOT / "docs")
        name = (
            page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() if inside else f"{page.stem.lower()}.html"
        )
        name = name.replace("search.", "searching.")
        assert name == "index.html" or f'href="{name}"' in index, name
        title = re.search(r"^# (.*)", page.read_text(), re.M)[1].replace("`", "")
        assert title in re.sub(r"<[^>]+>", "", (site / name).read_text()), name  # and is no page of Sphinx's own
    found = (site / "searchindex.js").read_text()
    assert found.startswith("Search.setIndex(")  # a script, so that it loads from a file
    for stem in ('"rotat"', '"skipgram"', '"shuffl"', '"collaps"'):
        assert stem in found, stem


def test_links_lead_to_pages(site):  # noqa: F811
    for name, text in pages(site).items():
        led = re.findall(r'class="[^"]*\breference internal\b[^"]*" href="([^"#]*)"', text)
        assert not [to for to in led if to and not (site / name).parent.joinpath(to).is_file()], name


def test_no_page_asks_another_host(site):  # noqa: F811
    for name, text in pages(site).items():
        tags = re.findall(r"<(?:script|link|img|iframe|source|video|audio)\b[^>]*>", text)
        outside = [tag for tag in tags if re.search(r"""(?:src|href|srcset)=["'](?:https?:)?//""", tag)]
        assert not outside, (name, outside)
        fetched = [found for tag in tags for found in re.findall(r"""(?<![-\w])src=["']([^"'?#]+)""", tag)]
        assert not [
            one for one in fetched if not (one.startswith("data:") or (site / name).parent.joinpath(one).is_file())
        ]
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()), style.name


def test_the_tutorials_show_what_was_printed(site):  # noqa: F811
    for name, shown in {
        "images": ("linear probe", "_images/", "float32", "True"),
        "table": ("proline of wine 1", "boosting", "no better than PCA"),
        "text": ("ship →", "Learnt from", "counting"),
    }.items():
        text = (site / "tutorials" / f"{name}.html").read_text()
        assert text.count('class="cell_output') >= 5, name
        assert "Traceback" not in text
        missing = [words for words in shown if words.lower() not in text.lower()]
        assert not missing, (name, missing)


def test_formulas_are_drawn_by_the_browser(site):  # noqa: F811
    chapters = [text for name, text in pages(site).items() if re.match(r"course/\d\d-", name)]
    assert chapters
    assert "<math" in "".join(chapters)
    assert not any(re.search(r"<script[^>]*mathjax", text, re.I) for text in chapters)


def test_importing_the_library_asks_for_no_builder():
    code = (
        "import sys, selfsup; selfsup.fit, selfsup.Model; print({'sphinx', 'myst_nb', 'docutils'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.stdout.strip() == "set()", ran.stderr
