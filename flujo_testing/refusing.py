"""What a command of the toolkit does with an error: one harmless line; a secret has an exit code of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flujo.cli.endings import SECRET, Refused


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Raises Refused for these errors, and for those of goldens, which every file of the toolkit is written like."""
    from flujo.cli.inert import inert
    from flujo_testing.golden.errors import GoldenError, SecretFound

    meant: tuple[type[Exception], ...] = (GoldenError, *errors)
    try:
        yield
    except SecretFound as found:
        raise Refused(inert(str(found)), SECRET) from found
    except meant as error:
        raise Refused(inert(str(error))) from error
