"""The verbs of `selfsup words`: questions to word vectors in any file or folder, none of which needs torch."""

from __future__ import annotations

from collections.abc import Callable

from selfsup.cli.words.asking import analogy, nearest, odd_one_out
from selfsup.cli.words.convert import convert
from selfsup.cli.words.evaluate import evaluate
from selfsup.cli.words.info import info

USAGE = """\
selfsup words: what one can ask word vectors. FILE: word2vec's, GloVe's or fastText's file, a run, or what `convert` writes.

  selfsup words nearest FILE WORD... -k 10         the nearest words; --positive king,woman --negative man for several at once
  selfsup words analogy FILE man king woman        man is to king as woman is to what? --method mul, --unrestricted
  selfsup words odd-one-out FILE WORD...           which word does not go with the others
  selfsup words info FILE                          what there is: format, words, lengths of the vectors
  selfsup words convert FROM TO                    write in another format (.bin .txt .safetensors ...); --dtype float16
  selfsup words evaluate FILE... --analogies FILE  analogies and --similarity FILE, several vectors side by side

  selfsup words VERB --help                        what a verb takes"""
VERBS: dict[str, Callable[..., None]] = {
    "nearest": nearest,
    "analogy": analogy,
    "odd-one-out": odd_one_out,
    "info": info,
    "convert": convert,
    "evaluate": evaluate,
}
