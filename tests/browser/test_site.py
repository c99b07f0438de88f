"""The documentation site: it is built once, without a warning, and holds what it promises."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browsing import browser, opened  # noqa: F401, a fixture
from filelock import FileLock

import selfsup

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("myst_nb") is None, reason="needs the extra docs: pip install -e '.[docs]'"
    ),
    pytest.mark.timeout(600),
]
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder of the pages, built by what `make docs` calls, with the chapters of the course as they are."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "index.html").exists():
            command = [sys.executable, str(ROOT / "docs" / "make.py"), "--no-course", "--out", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
            warned = [line for line in done.stderr.splitlines() if "WARNING" in line and "[IPKernelApp]" not in line]
            assert not warned
            assert done.stdout == f"open {folder / 'index.html'}\n"
    return folder


def text(page: Path) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


class Resources(HTMLParser):
    """What a page fetches: anchors are only led to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in FETCHED and given.get("rel") not in ("index", "search", "next", "prev", "canonical"):
            self.found.append(given.get(FETCHED[tag]) or "")


def test_every_public_name_has_an_entry(site):
    told = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    missing = [name for name in selfsup.__all__ if not re.search(rf'id="selfsup(\.\w+)*\.{name}"', told)]
    assert not missing


def test_every_verb_has_its_help(site):
    from selfsup.cli.main import VERBS

    for verb in VERBS:
        assert f"usage: selfsup {verb}" in text(site / "cli" / f"{verb}.html")
    assert "--method rotation" in text(site / "cli" / "fit.html")


def test_every_page_is_there_and_leads_to_the_others(site):
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    chapters = {Path("course") / f"{book.stem}.html" for book in (ROOT / "course").glob("*.ipynb")}
    assert len(chapters) == 11
    for page in pages | chapters | {Path("course/index.html"), Path("changelog.html")}:
        assert (site / page).is_file(), page
        led = re.findall(r'class="[^"]*\breference internal\b[^"]*" href="([^"#]*)"', (site / page).read_text("utf8"))
        assert len(led) > 30, page
        assert not [to for to in led if to and not (site / page).parent.joinpath(to).is_file()], page


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        for fetched in Resources(page).found:
            assert not re.match(r"(\w+:)?//", fetched), (page, fetched)
            if fetched and not fetched.startswith("data:"):
                assert (page.parent / fetched.split("?")[0].split("#")[0]).is_file(), (page, fetched)
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text(encoding="utf-8")), style


@pytest.mark.parametrize("tutorial", ["images", "table", "text"])
def test_a_tutorial_was_executed(site, tutorial):
    page = (site / "tutorials" / f"{tutorial}.html").read_text(encoding="utf-8")
    assert page.count("cell_output") >= 3
    assert "Traceback" not in page
    assert re.search("beside|ahead of", page.split("cell_output", 1)[1])  # the verdict


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_search_works_from_a_file(site, browser, scheme):  # noqa: F811
    with opened(browser, (site / "search.html").as_uri() + "?q=colorization", scheme=scheme) as heard:
        heard.page.wait_for_selector("#search-results li a", timeout=30_000)
        found = heard.page.locator("#search-results li a").all_inner_texts()
        assert heard.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert len(found) >= 3
    assert any("olorization" in title for title in found)
    assert {url.split(":")[0] for url in heard.requests} <= {"file", "data"}
    assert not heard.said


@pytest.mark.parametrize("page", ["index.html", "tutorials/images.html", "api/learn.html", "verdict.html"])
def test_a_page_fits_a_phone(site, browser, page):  # noqa: F811
    with opened(browser, site / page, width=400) as heard:
        assert heard.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert {url.split(":")[0] for url in heard.requests} <= {"file", "data"}
    assert not heard.said
