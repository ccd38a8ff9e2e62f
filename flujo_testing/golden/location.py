"""Where a golden lies: its folder, and a path in it that every file system takes.

``golden/<path of the test file without tests/ and .py>/<Class.>test[params]<@name>.yaml``, below the folder
of the ini file that sets ``flujo_golden_dir``. Does not read or write.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from flujo_testing.golden.errors import GoldenMisuse

SUFFIX = ".yaml"
MAX_PART = 120
"""Characters of one part of a path; file systems take 255 bytes, and a temporary name must fit, too."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.,=+\[\]-]+")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: reserved with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GoldenFolder:
    """The folder of all goldens. ``anchor`` is the project's folder, to which owners are relative."""

    anchor: Path
    path: Path

    def shown(self, golden: str) -> str:
        """The path of a golden as a user finds it: relative to the project."""
        full = self.path / golden
        return full.relative_to(self.anchor).as_posix() if full.is_relative_to(self.anchor) else str(full)


@dataclass(frozen=True, slots=True)
class OwningTest:
    """The test that a golden belongs to.

    ``file`` is relative to the project's folder, with ``/``; ``names`` are the classes, then test[params].
    """

    file: str
    names: tuple[str, ...]

    @property
    def node_id(self) -> str:
        return "::".join([self.file, *self.names])


@dataclass(frozen=True, slots=True)
class Place:
    """One golden: its path below the golden folder (with ``/``), its owner, its name in that test."""

    path: str
    owner: str
    name: str | None = None


def golden_folder(anchor: Path, setting: str, snapshot_dirname: str) -> GoldenFolder:
    """The folder that the ini file names; never one in which syrupy cleans up what it does not know."""
    folder = anchor / setting
    if not setting.strip() or folder == anchor:
        raise GoldenMisuse(f"flujo_golden_dir = {setting!r} is no folder of its own: name one, such as 'golden'")
    if Path(snapshot_dirname).name in Path(setting).parts:
        raise GoldenMisuse(
            f"flujo_golden_dir = {setting!r} lies in syrupy's folder {snapshot_dirname!r}, where "
            "--snapshot-update deletes files: choose another name for one of the two "
            "(flujo_golden_dir, --snapshot-dirname)"
        )
    return GoldenFolder(anchor, folder)


@lru_cache(4096)
def place_of(test: OwningTest, name: str | None = None) -> Place:
    """Where the golden of a test lies; ``name`` tells a second run in one test from the first."""
    *folders, file = PurePosixPath(test.file).parts
    if folders and folders[0] == "tests":
        del folders[0]
    stem = portable(".".join(test.names))
    if name is not None:
        stem = f"{stem}@{portable(name)}"
    parts = [portable(part) for part in (*folders, file.removesuffix(".py"))]
    return Place("/".join([*parts, stem + SUFFIX]), test.node_id, name)


def is_place_of_golden(path: str) -> bool:
    """Whether a golden may lie at a path below the golden folder: in a folder, and nothing of it hidden."""
    parts = path.split("/")
    return path.endswith(SUFFIX) and len(parts) > 1 and not any(part.startswith(".") for part in parts)


def portable(part: str) -> str:
    """The text as one part of a path: itself if it is fit, otherwise a slug, ``~`` and a short hash."""
    slug = _UNSAFE.sub("-", part).strip(".-")
    if slug == part and part and len(part) <= MAX_PART and not _RESERVED.fullmatch(part):
        return part
    if _RESERVED.fullmatch(slug):
        slug = f"_{slug}"
    mark = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug[: MAX_PART - 9]}~{mark}"


def same_on_some_disk(path: str) -> str:
    """Equal for paths that are one file where case does not count. They are ASCII, in one Unicode form."""
    return path.lower()
