"""Small scenes, and what a page holds, read as a browser would."""

import base64
import json
from html.parser import HTMLParser

import numpy as np

from selfsup.explorer import Column, Plane, Scene, Space

EVIL = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "--> ]]>",
    "<img src=x onerror=alert(1)>",
    "\u2028\u2029",
    "a\x00b\x1b[31m",
    "\ud800",
    "\"'`&amp;",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "x" * 5_000,
    "",
    "水 é 🙂",
]


def scene(n=40, d=6, **changes):
    """Points with every kind of column."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    return Scene(
        **{
            "title": "small",
            "sample": "row",
            "samples": "rows",
            "names": [f"row {number}" for number in range(n)],
            "spaces": (Space("codes", vectors),),
            "planes": (Plane("PCA", vectors[:, :2].copy(), 0, "29 % of the variance"),),
            "columns": (
                Column("size", "number", rng.normal(size=n)),
                Column("label", "class", rng.integers(-1, 3, n), ("cat", "dog", "sea")),
                Column("said", "text", np.array([f"text {number}" for number in range(n)])),
            ),
            "colour": "label",
            "total": n,
            **changes,
        }
    )


def pictures(numbers):
    """A grey one and a colour one in turn, wide ones, and every seventh missing."""
    rng = np.random.default_rng(1)
    shapes = [(20, 30, 3), (20, 30), (48, 48, 3)]
    return [
        None if number % 7 == 3 else rng.integers(0, 256, shapes[number % 3]).astype(np.uint8) for number in numbers
    ]


class Page(HTMLParser):
    """Elements of a page, its manifest and its parts."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.comments, self.words, self.scripts = [], [], "", []
        self.feed(html)
        self.close()
        self.manifest = json.loads(next(text for attrs, text in self.scripts if attrs.get("id") == "manifest"))
        self.parts = {attrs["data-part"]: text for attrs, text in self.scripts if "data-part" in attrs}

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append([dict(attrs), ""])

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] == "script" and self.cdata_elem:
            self.scripts[-1][1] += data
        else:
            self.words += data

    def handle_comment(self, data):
        self.comments.append(data)

    def piece(self, name):
        """All parts of a piece, one behind the other."""
        about = self.manifest["pieces"][name]
        found = b"".join(base64.b64decode(self.parts[f"{name}.{number}"]) for number in range(about["parts"]))
        assert len(found) == about["bytes"]
        return found

    def names(self, words="names", offsets="names.offsets"):
        places = np.frombuffer(self.piece(offsets), "<u4")
        return [self.piece(words)[a:b].decode() for a, b in zip(places, places[1:], strict=False)]
