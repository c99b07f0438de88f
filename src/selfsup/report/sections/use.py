"""What to do next, ready to be pasted."""

from __future__ import annotations

import re
import shlex

from markupsafe import Markup

from selfsup.report import say
from selfsup.report.run import Run
from selfsup.system.screen import pasted

HTML = """
<section>
  <h2>Next</h2>
  <dl class="commands">{% for title, command in commands %}<dt>{{ title }}</dt><dd><code>{{ command }}</code></dd>\
{% endfor %}</dl>
</section>"""
SCORES = "--analogies questions-words.txt --similarity wordsim353.tsv"


def html(run: Run) -> Markup:
    """Commands and a line of Python, by what the run can do."""
    path = str(run.folder)
    name, own = pasted(path), _own(run)
    extra = f" --method {shlex.quote(own)}" if own else ""
    call = f"selfsup.load({path!r}{f', method={own!r}' if own else ''})"
    if run.words:
        found = [("Measure it", f"selfsup evaluate {name} {SCORES}{extra}")]
        return say.html(HTML, commands=[*found, ("In Python", f"model = {call}; model.most_similar('word')")])
    found = (
        [("Classes of other data", f"selfsup predict {name} DATA --out predictions.csv{extra}")] if run.taught else []
    )
    found += [
        ("Codes of other data", f"selfsup encode {name} DATA --out z.npy{extra}"),
        ("Measure it with labels", f"selfsup evaluate {name} --data LABELLED{extra}"),
    ]
    if run.config.get("decodes") is True:
        shape = run.part("form").get("shape")
        suffix = "png" if isinstance(shape, list) and len(shape) == 3 else "csv"
        found += [
            ("Rebuild data from their codes", f"selfsup reconstruct {name} DATA --out rebuilt.{suffix}{extra}"),
            ("How normal each sample is", f"selfsup score {name} DATA --out scores.csv{extra}"),
        ]
    return say.html(HTML, commands=[*found, ("In Python", f"model = {call}; z = model.encode(x)")])


def markdown(run: Run) -> str:
    """How to use the model, from Python and from the command line."""
    own = _own(run) if re.fullmatch(r"[\w./]+:[\w.]+", _own(run)) else ""  # no word that could end the block
    python, flag = (f', method="{own}"', f" --method {own}") if own else ("", "")
    lines, command = ["codes = model.encode(x)  # (n, width)"], f"selfsup encode RUN DATA --out codes.npy{flag}"
    if run.taught:
        lines = ["classes = model.predict(x)  # (n,)", "chances = model.predict_proba(x)  # (n, classes)", *lines]
        command = f"selfsup predict RUN DATA --out predictions.csv{flag}\n{command}"
    if run.words:
        lines = ['model["word"]  # (width,)', 'model.most_similar("word")', "vectors = model.word_vectors"]
        lines.append('vectors.save("vectors.bin")  # word2vec\'s format, for other tools')
        command = f"selfsup evaluate RUN {SCORES}{flag}"
    code = "\n".join(["import selfsup", "", f'model = selfsup.load("RUN"{python})  # this folder', *lines])
    return f"## Use\n\n```python\n{code}\n```\n\n```console\n{command}\n```"


def _own(run: Run) -> str:
    """A method of the user's own, which is never imported because a folder says so: its user names it."""
    return run.method if ":" in run.method else ""
