"""Where the goldens of a project lie: as pytest's ini file says, seen from the folder that a command is called in."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flujo_testing.golden.errors import GoldenMisuse
from flujo_testing.golden.location import GoldenFolder, golden_folder

SETTING: Final = "flujo_golden_dir"
_DEFAULT: Final = "golden"
_SNAPSHOTS: Final = "__snapshots__"
# In the order in which pytest looks for them; pytest.ini counts even when it is empty.
_FILES: Final = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def folder_of(here: Path, given: Path | None) -> GoldenFolder:
    """The folder ``given``, otherwise that of the project around ``here``. Raises GoldenMisuse for what is none."""
    anchor, settings = settings_around(here)
    if given is None:
        setting = settings.get(SETTING, _DEFAULT)
        if not isinstance(setting, str):
            raise GoldenMisuse(f"{SETTING} is no text in the ini file in {anchor}: name a folder, such as 'golden'")
        return golden_folder(anchor, setting, _SNAPSHOTS)
    folder = here / given
    if not folder.is_dir():
        raise GoldenMisuse(f"there is no folder {str(given)!r}: name that of the goldens (--dir)")
    return GoldenFolder(anchor if folder.is_relative_to(anchor) else folder.parent, folder)


def settings_around(here: Path) -> tuple[Path, Mapping[str, Any]]:
    """The folder of the ini file around ``here``, and what it tells pytest; ``here`` itself if there is none."""
    found = ((folder, told) for folder in (here, *here.parents) if (told := _settings(folder)) is not None)
    return next(found, (here, {}))


def _settings(folder: Path) -> Mapping[str, Any] | None:
    """What the ini file in a folder tells pytest; None if there is none."""
    for name in _FILES:
        file = folder / name
        if file.is_file():
            found = _of_toml(file) if file.suffix == ".toml" else _of_ini(file)
            if found is not None:
                return found
    return None


def _of_toml(file: Path) -> Mapping[str, Any] | None:
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:  # ValueError: also of an integer with too many digits
        raise GoldenMisuse(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    found: object = told
    for name in ("tool", "pytest", "ini_options"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _of_ini(file: Path) -> Mapping[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise GoldenMisuse(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    section = "tool:pytest" if file.name == "setup.cfg" else "pytest"
    if parser.has_section(section):
        return parser[section]
    return {} if file.name in ("pytest.ini", ".pytest.ini") else None
