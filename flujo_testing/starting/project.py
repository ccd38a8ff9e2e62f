"""The files of a new project, and their way to the disk: all of them or none."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

SUFFIX = ".template"
"""Files of the template carry it, so that no tool takes them for files of this package."""


class NotStarted(Exception):
    """There is no new project; the message is one line and says what to do."""


def start(folder: Path) -> list[str]:
    """Make the project ``folder``, which is not there or empty. Returns its files, sorted; raises NotStarted."""
    folder = Path(os.path.abspath(folder))
    project = project_name(folder)
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise NotStarted(f"{folder} is there and not empty: name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            return _put(beside, folder, project)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise NotStarted(f"{folder} cannot be made: {error.filename}: {error.strerror or error}") from error


def project_name(folder: Path) -> str:
    """The package's name, from that of the folder. Raises NotStarted where Python could not import it."""
    name = folder.name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise NotStarted(
            f"{folder.name!r} cannot be the name of a Python package: "
            "name the folder with small letters, digits and underscores, as in 'flujo init shop'"
        )
    if name in {"tests", "golden", "flujo", "flujo_testing"}:
        raise NotStarted(f"{folder.name!r} is taken within the project: name the folder otherwise")
    return name


def rendered(project: str) -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project."""
    words = {"PROJECT": project, "FLUJO_VERSION": version("flujo-pipelines")}
    for path, template in _templates(files("flujo_testing.starting") / "template", ""):
        text = template.read_text(encoding="utf-8")
        for word, meant in words.items():
            path, text = path.replace(word, meant), text.replace(word, meant)
        yield path, text


def _templates(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield f"{path}{entry.name.removesuffix(SUFFIX)}", entry


def _put(beside: Path, folder: Path, project: str) -> list[str]:
    made = []
    for path, text in rendered(project):
        (beside / path).parent.mkdir(parents=True, exist_ok=True)
        (beside / path).write_bytes(text.encode("utf-8"))
        made.append(path)
    beside.chmod(0o777 & ~_umask())  # a temporary folder is its owner's only
    if folder.exists():
        folder.rmdir()  # it is empty
    os.rename(beside, folder)
    return sorted(made)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
