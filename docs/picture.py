"""README's pictures, from the real pages in Chromium: the report of the demo run, and an explorer.

    python docs/picture.py [RUN]               docs/report.png, of the run of `make demo` or of one that is there
    python docs/picture.py --explore IMAGES    docs/explore.png, of images, of a run of images, or of an explorer's page.html

It needs what the tests need (`pip install -e '.[test]'`) and Chromium (`make browser`).
"""

from __future__ import annotations

import argparse
import io
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

import selfsup
from selfsup.report.page import write

HERE = Path(__file__).parent
SHARP, MOST = 2, 250_000  # pixels of the picture for one of the page; bytes
# The page keeps its style; what is not for the picture goes, and the rest stands in two columns.
ARRANGE = """() => {
    const main = document.querySelector('main');
    const section = title => [...main.querySelectorAll('section')].find(one => one.querySelector('h2')?.textContent === title);
    const [proof, seen, map] = ['Is it better than doing nothing?', 'What it saw, what it guessed, what was true',
        'Map of the codes'].map(section);
    const column = (...parts) => { const made = document.createElement('div'); made.append(...parts); return made; };
    const verdict = main.querySelector('.verdict');
    for (const one of [...verdict.querySelectorAll('details'), ...proof.querySelectorAll('.scroll, .hint, h3, .notes'),
        ...map.querySelectorAll('.hint'), ...[...seen.querySelectorAll('tbody tr')].slice(8)]) one.remove();
    main.replaceChildren(verdict, column(proof, map), column(seen));
    const style = document.createElement('style');
    style.textContent = `main { max-width: none; display: grid; grid-template-columns: 1fr 400px; gap: 16px; padding: 16px; }
        main > div { display: flex; flex-direction: column; gap: 16px; } section { flex: 1 0 auto; }
        .verdict { grid-column: 1 / -1; } .sentence, .plot, figure.chart svg { max-width: none; } .verdict, section { margin: 0; }
        .grid { width: 100%; } .grid thead th { font-size: .85rem; } .grid th, .grid td { padding-right: 6px; }`;
    document.head.append(style);
}"""


@contextmanager
def window(width: int, height: int) -> Iterator[Any]:
    """A page of this size, in light."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        sys.exit("there is no Chromium: install it by `make browser`, or name its program in CHROMIUM")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--enable-unsafe-swiftshader", *root])
        size = {"width": width, "height": height}
        yield browser.new_page(viewport=size, device_scale_factor=SHARP, color_scheme="light")
        browser.close()


def keep(picture: bytes, file: Path) -> None:
    """Write a picture with as many colours as its size allows; those of small things count by the root of their pixels."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    shades = [colour for count, colour in image.getcolors(1 << 24) for _ in range(math.isqrt(count))]
    sample = Image.new("RGB", (len(shades), 1))
    sample.putdata(shades)
    for colours in (256, 128, 64, 32):
        held = io.BytesIO()
        palette = sample.quantize(colours, kmeans=3)
        image.quantize(palette=palette, dither=Image.Dither.NONE).save(held, "PNG", optimize=True)
        if held.tell() <= MOST:
            break
    file.write_bytes(held.getvalue())
    sys.stdout.write(f"{file}: {image.width} x {image.height}, {held.tell():,} bytes, {colours} colours\n")


def report(run: Path | None) -> None:
    """Verdict, curve, pictures and map of a run; the demo's is trained where none is given."""
    with tempfile.TemporaryDirectory() as folder:
        if run is None:
            run = Path(folder) / "demo"
            selfsup.fit("digits", out=run)
        page = write(run, Path(folder) / "report.html")
        with window(1000, 800) as shown:
            shown.goto(page.resolve().as_uri())
            shown.evaluate(ARRANGE)
            keep(shown.locator("main").screenshot(), HERE / "report.png")


# Close enough to see pictures, about the point in the middle, whose neighbours are shown.
CLOSER = """async () => {
    const [page, {maps: [{width, height}], planes}] = [selfsupExplorer, selfsupExplorer.state()];
    await page.plane(planes.at(-1));
    await new Promise(done => setTimeout(done, 500));
    const far = i => { const [x, y] = page.place(i); return Math.hypot(x - width / 2, y - height / 2); };
    let middle = 0;
    for (let i = 1; i < page.manifest.n; i++) if (far(i) < far(middle)) middle = i;
    await page.zoom('point', middle);
    for (let k = 0; k < 30 && !page.state().maps[0].sprites; k++) await page.zoom(1.2, width / 2, height / 2);
    await page.select(middle);
}"""


def explore(what: Path) -> None:
    """A map of photographs, of codes or of a page that is there, close enough for pictures, with the neighbours of a point."""
    with tempfile.TemporaryDirectory() as folder:
        page = what if what.suffix == ".html" else Path(folder) / "explore.html"
        if page != what:
            selfsup.explore(what, out=page)
        with window(1200, 760) as shown:
            shown.goto(page.resolve().as_uri())
            shown.evaluate("selfsupExplorer.ready")
            shown.evaluate(CLOSER)
            shown.wait_for_timeout(1_500)  # sheets of pictures are read when they are in view
            keep(shown.screenshot(), HERE / "explore.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="a run folder; with --explore what is explored")
    parser.add_argument("--explore", action="store_true", help="make docs/explore.png")
    asked = parser.parse_args()
    if asked.explore and asked.run is None:
        parser.error("name images, a run of images, or a page")
    explore(asked.run) if asked.explore else report(asked.run)
