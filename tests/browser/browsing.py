"""Debian's Chromium, driven from Python: fixtures, and what is asked of every page."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WIDTHS = (400, 1200)
SCHEMES = ("light", "dark")
INSTALL = "install it by `make browser`"
# No other host is known, and nothing is asked of the network behind the page's back.
ARGUMENTS = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def program() -> str:
    """Where Chromium is; where it is not, the test is skipped with what to do about it."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path or not shutil.which(path):
        pytest.skip(f"no Chromium{f' at {path}' if path else ''}: {INSTALL}, or name its program in CHROMIUM")
    return path


@contextmanager
def launched(kind, *more: str):
    """A browser of a kind of playwright's."""
    root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    browser = kind.launch(executable_path=program(), args=[*ARGUMENTS, *root, *more])
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")  # playwright has a loop of events, which must not outlive the tests that know of it
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason=f"no playwright: {INSTALL}")
    program()
    with sync_api.sync_playwright() as playwright, launched(playwright.chromium) as opened:
        yield opened


@dataclass
class Heard:
    """What a page asked for, and what it complained of."""

    page: object
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@contextmanager
def opened(browser, file: Path | str, width: int = 1200, scheme: str = "light", **context):
    """A page in a window of its own, with all that is heard from it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **context)
    try:
        page = context.new_page()
        heard = Heard(page)
        page.on("request", lambda request: heard.requests.append(request.url))
        page.on("console", lambda one: heard.said.append(f"{one.type}: {one.text}"))
        page.on("pageerror", lambda error: heard.said.append(f"error: {error}"))
        page.goto(address(file))
        yield heard
    finally:
        context.close()


def address(file: Path | str) -> str:
    return file.as_uri() if isinstance(file, Path) else file


def findings(page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical, a line each: by all of its rules, or by these."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=f"no axe-core: {INSTALL}")
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    # The shapes within a chart are hundreds, and none of its rules is about them.
    found = axe.Axe().run(page, {"exclude": [["svg > *"]]}, options).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['html'][:200]} | {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:5]
    ]
