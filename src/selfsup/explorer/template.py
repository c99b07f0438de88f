"""The page around a manifest: our template, style and script, and the policy that lets a browser run nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from importlib import resources
from typing import Any

from selfsup.explorer.manifest import Delivery
from selfsup.system.screen import unicode

GENERATOR = '<meta name="generator" content="selfsup explorer">'  # by which a page of ours is known again
NO_ICON = '<link rel="icon" href="data:,">'  # which a browser would ask a server for
MARK = re.compile("<!--(TITLE|CSP|STYLE|MANIFEST|APP)-->")
# marks that turn the direction of what follows and control characters, which no title needs
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def around(manifest: dict[str, Any]) -> tuple[bytes, bytes]:
    """The page of a manifest, but for its parts: what stands before them and what behind."""
    delivery = manifest["delivery"]
    filled = {
        "TITLE": escape(UNSHOWN.sub("\ufffd", unicode(manifest["title"]))),
        "CSP": f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(delivery))}">\n{GENERATOR}\n{NO_ICON}',
        "STYLE": _file("explorer.css"),
        "MANIFEST": f'<script type="application/json" id="manifest">{in_script(manifest)}</script>',
        "APP": f"<script>{_file('explorer.js')}</script>",
    }
    before, after = _file("index.html").split("<!--PARTS-->")
    # in one go, so that nothing is looked for in what was filled in
    return MARK.sub(lambda found: filled[found[1]], before).encode(), after.encode()


def in_script(value: Any) -> str:
    """JSON in which no end of a script and no beginning of a comment can occur, in ASCII."""
    coded = json.dumps(value, allow_nan=False)
    return coded.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def policy(delivery: Delivery) -> str:
    """The policy of a page: its own script by its digest, what it holds itself, and nothing from anywhere else."""
    digest = base64.b64encode(hashlib.sha256(_file("explorer.js").encode()).digest()).decode()
    allowed: dict[str, list[str]] = {
        "default-src": ["'none'"],
        "script-src": [f"'sha256-{digest}'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:", "blob:"],
        "worker-src": ["blob:"],
        "connect-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    if delivery == "folder":
        allowed["script-src"].append("file:")
        allowed["img-src"].append("file:")
    if delivery == "server":
        allowed["img-src"].append("'self'")
        allowed["connect-src"] = ["'self'"]
    for name, sources in json.loads(_file("csp.json")).items():  # what the script's own parts cannot do without
        allowed[name] += sources
    return "; ".join(" ".join([name, *sources]) for name, sources in allowed.items())


@cache
def _file(name: str) -> str:
    """A file of the page, as the build script made it."""
    return (resources.files("selfsup.explorer") / "page" / name).read_text(encoding="utf-8")
