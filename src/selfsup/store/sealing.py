"""The seal of a folder: its ``config.json`` says what every other file was when it was written, and what it was itself.

It is written last, so a folder whose seal is whole is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfsup.errors import RunError
from selfsup.store.folder import CARD, CONFIG, LOG, REPORT, read_json, write_json
from selfsup.system.lock import LOCK

FILES, DIGEST = "files", "digest"  # keys of config.json: name -> sha256 and bytes; SHA-256 of all the other keys
SEEN = frozenset({CARD, REPORT, LOG})  # are for people: no model is read from them
LARGE = 1 << 20  # bytes from which on a file is compared while the rest is read


def seal(folder: Path, config: Mapping[str, Any] | None = None, only: Collection[str] | None = None) -> None:
    """Write ``config.json``, with the digests of all the files that lie in the folder now.

    Parameters
    ----------
    config
        What it holds; None keeps what it holds.
    only
        Names of the files that are new; what was known of the others is kept.

    Raises
    ------
    RunError
        If a file cannot be read or written.
    """
    held = _plain(folder) if config is None else config
    files = {} if only is None else dict(_plain(folder)[FILES])
    for name in sorted(_names(folder) if only is None else only):
        files.pop(name, None)
        if (folder / name).is_file():
            files[name] = _told(folder / name)
    _write(folder, held, files)


def unseal(folder: Path, *names: str) -> None:
    """Let files be replaced: the seal says nothing of them any more."""
    config = _plain(folder)
    kept = {name: told for name, told in config[FILES].items() if name not in names}
    if len(kept) < len(config[FILES]):
        _write(folder, config, kept)


@contextmanager
def sealed(folder: Path, names: Collection[str] | None = None, *, verify: bool = True) -> Iterator[dict[str, Any]]:
    """The configuration of a folder, whose files are compared with its seal before, and the large ones while, they are read.

    Parameters
    ----------
    names
        Of the files that are read; by default all but those for people.
    verify
        False reads whatever there is.

    Raises
    ------
    RunError
        If a file is missing or has changed since it was written, whatever the reader may have said of it.
    """
    config = _plain(folder) if verify else read_json(folder, CONFIG)
    if not isinstance(config, dict):
        raise RunError(f"{folder / CONFIG} is not a configuration of selfsup: it is no object")
    bare = _bare(config)
    if not verify:
        yield bare
        return
    asked = {
        name: told for name, told in config[FILES].items() if (name not in SEEN if names is None else name in names)
    }
    _check_there(folder, asked)
    late = [name for name, told in asked.items() if told["bytes"] >= LARGE]
    for name in asked.keys() - late:
        _compare(folder, name, asked[name])
    with ThreadPoolExecutor(2) as threads:
        found: list[Future[None]] = [threads.submit(_compare, folder, name, asked[name]) for name in late]
        try:
            yield bare
        finally:
            for future in found:
                future.result()


def check_run(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise `RunError` if a configuration is not one of a run, but of word vectors alone, or of nothing of ours."""
    if not isinstance(config.get("method"), str):
        told = "holds word vectors alone, which WordVectors.load reads" if config.get("words") is True else (
            f"is no run folder of selfsup: its {CONFIG} names no method"
        )  # fmt: skip
        raise RunError(f"{folder} {told}")


def is_whole(folder: Path) -> bool:
    """Whether a seal is there and all that it names, by their sizes."""
    try:
        _check_there(folder, _plain(folder)[FILES])
    except RunError:
        return False
    return True


def faults(folder: Path) -> list[str]:
    """A sentence for everything that is missing or has changed in a folder; empty if it is whole."""
    try:
        files = _plain(folder)[FILES]
    except RunError as error:
        return [str(error)]
    found = []
    for name, told in files.items():
        try:
            _check_there(folder, {name: told})
            _compare(folder, name, told)
        except RunError as error:
            found.append(str(error))
    return found


def sizes(folder: Path) -> dict[str, int]:
    """Name and bytes of every file that is sealed."""
    return {name: told["bytes"] for name, told in _plain(folder)[FILES].items()}


def _bare(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without its seal."""
    return {key: value for key, value in config.items() if key not in (FILES, DIGEST)}


def _write(folder: Path, config: Mapping[str, Any], files: Mapping[str, Any]) -> None:
    content = {**_bare(config), FILES: files}
    write_json(folder / CONFIG, {**content, DIGEST: _digest(content)})


def _plain(folder: Path) -> dict[str, Any]:
    """The file, compared with its own digest."""
    config = read_json(folder, CONFIG)
    if isinstance(config, dict) and "intake" in config:
        raise RunError(f"{folder} was written by a version of selfsup before 0.1.0 was released: train it anew")
    if not isinstance(config, dict) or not {"method", "words", FILES, DIGEST} & config.keys():
        raise RunError(f"{folder / CONFIG} is not a configuration of selfsup: it names no method")
    if not {FILES, DIGEST} & config.keys():
        raise RunError(
            f"{folder / CONFIG} has no digests of the run's files, so nobody can say whether they are whole; if you trust it, "
            "selfsup.load(RUN, verify=False).save(NEW) writes it anew with them"
        )
    digest, files = config.pop(DIGEST, None), config.get(FILES)
    if digest != _digest(config) or not isinstance(files, dict) or not all(map(_is_told, files, files.values())):
        raise RunError(_changed(folder / CONFIG))
    return config | {DIGEST: digest}


def _names(folder: Path) -> list[str]:
    """Files of a folder that can be sealed."""
    known = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return [path.name for path in known if path.name not in (CONFIG, LOCK)]


def _told(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return {"sha256": digest, "bytes": file.tell()}
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error


def _is_told(name: str, told: Any) -> bool:
    """Whether this is what `_told` says of a file in the folder itself."""
    types = {key: type(value) for key, value in told.items()} if isinstance(told, dict) else {}
    return Path(name).name == name and types == {"sha256": str, "bytes": int}


def _check_there(folder: Path, files: Mapping[str, Any]) -> None:
    """Raise `RunError` if a file is missing or has another size."""
    for name, told in files.items():
        path = folder / name
        if not path.is_file():
            raise RunError(f"{folder} is not a whole run folder: {name} is missing")
        if path.stat().st_size != told["bytes"]:
            raise RunError(
                f"{path} is damaged or truncated: it has {path.stat().st_size:,} bytes, and {told['bytes']:,} were written"
            )


def _compare(folder: Path, name: str, told: Mapping[str, Any]) -> None:
    """Raise `RunError` if a file is not what was written."""
    if _told(folder / name)["sha256"] != told["sha256"]:
        raise RunError(_changed(folder / name))


def _changed(path: Path) -> str:
    return f"{path} is damaged: it has changed since it was written (see selfsup verify); fetch or train the run anew"


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
