"""What syrupy is told about goldens: where to read them, and that it neither finds, writes nor deletes any.

The index of a snapshot is the golden's path below the golden folder.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, NoReturn

from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from flujo_testing.golden.errors import GoldenMisuse
from flujo_testing.golden.location import GoldenFolder
from flujo_testing.golden.parsing import decoded
from flujo_testing.golden.reading import read_golden

if TYPE_CHECKING:
    from syrupy.location import PyTestLocation
    from syrupy.types import SnapshotIndex


class GoldenExtension(SingleFileSnapshotExtension):
    """Reads bounded; refuses everything that would change a file, whatever syrupy's options ask for."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"
    folder: ClassVar[GoldenFolder]

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        return str(index)

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        return str(cls.folder.path / str(index))

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(cls.folder.path)

    def read_snapshot_data_from_location(
        self, *, snapshot_location: str, snapshot_name: str, session_id: str
    ) -> str | None:
        content = read_golden(self.folder, snapshot_name)
        return None if content is None else decoded(content, self.folder.shown(snapshot_name))

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """None: what syrupy finds and does not use, it deletes."""
        return SnapshotCollections()

    @classmethod
    def write_snapshot_collection(
        cls, *, snapshot_collection: SnapshotCollection, name_order: dict[str, int] | None = None
    ) -> NoReturn:
        raise GoldenMisuse(f"{snapshot_collection.location}: goldens are written by --golden=update only")

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> NoReturn:
        raise GoldenMisuse(f"{snapshot_location}: goldens are deleted by people only")


@cache
def extension_for(folder: GoldenFolder) -> type[GoldenExtension]:
    """The extension that reads from one folder; syrupy makes its instances without arguments."""

    class Bound(GoldenExtension):
        pass

    Bound.folder = folder
    return Bound
