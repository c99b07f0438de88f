"""A trained model to and from the Hugging Face hub: the run folder's own files, and nothing else."""

from __future__ import annotations

import html
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup import store
from selfsup.data.text import joining, pieces
from selfsup.errors import RunError
from selfsup.lazy import huggingface_hub
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.report import page
from selfsup.words.formats.folder import OURS
from selfsup.words.texts import TEXTS

if TYPE_CHECKING:
    from selfsup.method import Method

FETCHED = (
    store.CONFIG, store.WEIGHTS, store.METRICS, store.EVALUATION, store.PICTURES, store.LATENT, store.CARD, store.BAD,
    *sorted(OURS), TEXTS, pieces.FILE, joining.FILE,
)  # fmt: skip
PUSHED = (*FETCHED, store.REPORT)


def push_to_hub(
    model_or_run_folder: Model | str | Path, repo: str, *, private: bool = False, token: str | None = None
) -> str:
    """Put a model on the Hugging Face hub, with its card; `from_pretrained` gets it back.

    The log and the state of training stay here, and the place of the training data on this machine is shortened to its name.
    The report and the pictures of a few training samples go along: delete ``report.html`` and ``pictures.safetensors`` from
    the run folder, or push privately, where those are nobody's business.

    Parameters
    ----------
    model_or_run_folder
        A trained model, or its run folder.
    repo
        Where to: ``"owner/name"``; it is made if there is none.
    private
        Whether only its owner may see the repository.
    token
        Of the hub; by default the one that ``hf auth login`` stored.

    Returns
    -------
    str
        Address of the repository.

    Raises
    ------
    RunError
        If the folder is not a whole run, or the hub cannot be reached or refuses.
    """
    name = repo.removeprefix("hub:")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / (name.rpartition("/")[2] or "model")
        folder.mkdir()
        _staged(model_or_run_folder, folder)
        with _told(f"cannot push to hub:{name}"):
            api = huggingface_hub.HfApi(token=token)
            address = str(api.create_repo(name, private=private, exist_ok=True))
            if private and not api.repo_info(name).private:
                raise RunError(f"hub:{name} exists and is public; choose another name, or push with private=False")
            # what an older push has left behind goes
            api.upload_folder(
                repo_id=name, folder_path=folder, commit_message="Model of selfsup", delete_patterns=list(PUSHED)
            )
    return address


def from_pretrained(
    name: str | Path,
    *,
    revision: str | None = None,
    method: str | type[Method] | None = None,
    given: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Model:
    """Load a model from a run folder, or from the Hugging Face hub; nothing that is fetched is unpickled, imported or run.

    Parameters
    ----------
    name
        A run folder, or ``"owner/name"`` on the hub (``"hub:owner/name"`` where there is a folder of that name too). Only
        the files of a run folder are fetched, to the hub's own cache.
    revision
        Branch, tag or commit on the hub.
    method, given
        For a method, a net or a function of your own: see `selfsup.load`.
    device
        Where the weights go.

    Raises
    ------
    RunError
        If there is no such model, the hub cannot be reached, or a file is missing, damaged or foreign.
    """
    words = str(name)
    folder = Path(words).expanduser()
    if words.startswith("hub:") or not os.path.exists(folder):
        folder = _fetched(words.removeprefix("hub:"), revision)
    return load(folder, method=method, given=given, device=device)


def _staged(source: Model | str | Path, folder: Path) -> None:
    """A copy of a run's files to be pushed, without paths of this machine; the run is checked to be whole."""
    if isinstance(source, Model):
        source.write(folder)
    else:
        run = store.found(Path(source).expanduser())
        with store.sealed(run) as config:
            store.check_run(run, config)
            contents = {name: store.read_bytes(run, name) for name in (store.CONFIG, store.WEIGHTS, store.METRICS)}
            more = (name for name in PUSHED if name not in contents and (run / name).exists())
            for name, content in (contents | {name: store.read_bytes(run, name) for name in more}).items():
                (folder / name).write_bytes(content)
    config = store.read_json(folder, store.CONFIG)
    data = config.get("data")
    place = data.get("source") if isinstance(data, Mapping) else None
    if isinstance(place, str) and Path(place).is_absolute():
        for file in (folder / name for name in PUSHED if not name.endswith(".safetensors")):
            if file.exists():
                file.write_bytes(_shortened(file.read_bytes(), place))
    store.seal(folder, store.read_json(folder, store.CONFIG))
    if (folder / store.REPORT).exists():  # written anew, since it names the run folder too
        store.write_text(folder / store.REPORT, page(folder).replace(str(folder), folder.name))
        store.seal(folder, only=[store.REPORT])


def _shortened(content: bytes, place: str) -> bytes:
    """Text with a path replaced by its last part, in whichever way the text escapes it (JSON, HTML, Markdown)."""
    whole, last = place.rstrip("/"), Path(place).name
    forms = [sorted(map(re.escape, {c, html.escape(c), f"&#{ord(c)};"})) for c in whole]
    parts = [rf"\\?(?:{'|'.join(form)})" for form in forms]
    if not last:
        return content
    pattern = "".join(parts[: -len(last)]) + f"({''.join(parts[-len(last) :])})"
    return re.sub(pattern, r"\1", content.decode()).encode()


def _fetched(name: str, revision: str | None) -> Path:
    """The folder in the hub's cache, with our files only."""
    with _told(f"'{name}' is no run folder here, and hub:{name} cannot be loaded", revision):
        folder = Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=list(FETCHED)))
    if not (folder / store.CONFIG).exists():
        raise RunError(f"hub:{name} holds no model of selfsup: {store.CONFIG} is missing")
    return folder


@contextmanager
def _told(failed: str, revision: str | None = None) -> Iterator[None]:
    """Say in our words what the hub refuses."""
    errors = huggingface_hub.errors
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception))
    known: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, *kinds)
    try:
        yield
    except RunError:
        raise
    except known as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        why = lines[0].rstrip(".")
        if isinstance(error, errors.RepositoryNotFoundError):
            why = "there is no such repository, or it is private and needs a token (`hf auth login`)"
        elif isinstance(error, errors.RevisionNotFoundError):
            why = f"it has no revision '{revision}'"
        elif isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
            why = f"there is no way to the hub, and no copy in its cache ({why})"
        raise RunError(f"{failed}: {why}") from error
