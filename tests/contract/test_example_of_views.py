"""The pages of the methods of several views: the example of one's own keeps the contract, and options that are named exist."""

import re
from pathlib import Path

import pytest

from selfsup.methods import REGISTERED, find
from selfsup.options import options_of
from selfsup.solvers.sgd import Sgd
from selfsup.testing import checks_of

ROOT = Path(__file__).resolve().parents[2]
METHOD = f"{ROOT / 'examples' / 'agree.py'}:Agree"


@pytest.mark.parametrize("check", [pytest.param(c, id=c.name.replace(" ", "_")) for c in checks_of(METHOD)])
def test_it_keeps_the_contract(check):
    check.run()


def test_the_page_prints_the_file():
    page = (ROOT / "docs" / "howto" / "views.md").read_text()
    printed = re.search(r"^```python\n(.*?)^```", page, re.S | re.M)[1]
    assert (ROOT / "examples" / "agree.py").read_text().endswith(printed)
    assert len(re.search(r"^class.*", printed, re.S | re.M)[0].splitlines()) <= 20


FAMILIES = {
    "contrastive": ("simclr", "scarf"),
    "decorrelation": ("vicreg", "barlow", "lejepa", "emp"),
    "teachers": ("byol", "simsiam", "dino"),
    "masked": ("mae", "jepa", "vime"),
}


@pytest.mark.parametrize("page", FAMILIES)
def test_a_page_names_options_that_there_are(page):
    """Of each row of its table: all options, of all methods that the row names, or of those of the page."""
    lines = (ROOT / "docs" / "methods" / f"{page}.md").read_text().splitlines()
    rows = [line.split("|") for line in lines if line.startswith("| `--")]
    assert len(rows) > 4
    for _, options, named, *_ in rows:
        methods = [name for name in FAMILIES[page] if f"`{name}`" in named] or FAMILIES[page]
        known = {option for name in methods for option in (*options_of(find(name)[1]), *options_of(Sgd))}
        asked = {option.removeprefix("no-").replace("-", "_") for option in re.findall(r"`--([\w-]+)", options)}
        assert asked <= known, asked - known


def test_every_method_has_its_place_on_the_first_page():
    text = (ROOT / "docs" / "methods" / "index.md").read_text()
    assert not [name for name in REGISTERED if not re.search(rf"\[[^\]]*\b{name}\b[^\]]*\]\(", text)]
