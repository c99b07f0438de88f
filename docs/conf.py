"""Settings of the documentation site; `docs/make.py` gathers its sources and calls Sphinx."""

from __future__ import annotations

import html
import os
import re
from importlib.metadata import version as version_of
from typing import NoReturn

from docutils.nodes import Element, SkipNode
from docutils.utils.math.latex2mathml import MathError, tex2mathml
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger
from sphinx.writers.html5 import HTML5Translator

log = getLogger(__name__)
project, author, copyright = "selfsup", "the authors of selfsup", "the authors of selfsup"
version = release = version_of("selfsup")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
smartquotes = False  # which would make one dash of the two of an option

html_theme = "furo"
html_title = f"selfsup {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_search_summary = False  # a page opened from a file may not fetch the pages that were found
html_copy_source = html_show_sourcelink = False
html_math_renderer = "mathml"  # what browsers draw themselves: no script, no fonts
copybutton_exclude = ".linenos, .gp, .go"
pygments_style, pygments_dark_style = "friendly", "github-dark"

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_excludepatterns = ["course/*"]  # `make course` executes these
nb_execution_in_temp = True
nb_execution_show_tb = True
nb_execution_timeout = 120
nb_merge_streams = True
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small nets: threads that wait for each other cost more than they save

default_role = "py:obj"  # `fit` in a docstring is a link where there is such a name, and code where not
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False  # types in words ("str or Path") are no names to look up
napoleon_use_ivar = True
python_maximum_signature_line_length = 100
nitpicky = True
nitpick_ignore_regex = [
    # a parameter, a short name, or of another package, whose inventory is on the network
    ("py:.*", r"(?!selfsup\.).*"),
    # the inside has no pages
    ("py:.*", r"selfsup\.(data|explorer\.scene|measures|model|nets|options|solvers|training|words|hide\.views)\b.*"),
]
suppress_warnings = ["ref.python"]  # a field of a docstring is looked up as a name, and may be that of several things
linkcheck_timeout, linkcheck_workers = 20, 4


def _formula(writer: HTML5Translator, node: Element, **how: bool) -> NoReturn:
    """A formula as MathML; one that cannot be read is a warning, and stands as it was written."""
    try:
        known = re.sub(r"\\[bB]igg?[lr]?(?![a-z])", "", node.astext())  # sizes of brackets are unknown to it
        text = tex2mathml(known, **how)
    except MathError as error:
        log.warning("formula: %s", error, location=node)
        text = f"<code>{html.escape(node.astext())}</code>"
    writer.body.append(f'<div class="math">{text}</div>' if how else text)
    raise SkipNode


def _display(writer: HTML5Translator, node: Element) -> None:
    _formula(writer, node, as_block=True)


def setup(app: Sphinx) -> None:
    """Formulas as MathML, and the one language of blocks that nobody else knows."""
    app.add_html_math_renderer("mathml", (_formula, None), (_display, None))
    app.add_lexer("rooms", TextLexer)
