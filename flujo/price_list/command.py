"""``flujo prices``: what public price lists say, and in what two of them differ. Light until a command is called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flujo.cli.endings import CLEAN, FINDINGS, Refused
from flujo.cli.inert import inert

if TYPE_CHECKING:
    from flujo.price_list.snapshot import Snapshot

prices = typer.Typer(no_args_is_help=True, help="Show public prices of models, pin them in a file, compare two files.")

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of lines.")]
_File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="A file of 'flujo prices export'; else what is installed.")
]
_List = Annotated[Path, typer.Argument(help="A file of 'flujo prices export'.", show_default=False)]


@prices.command()
def show(
    models: Annotated[
        list[str] | None, typer.Argument(help="'provider:model', or a pattern: 'openai:gpt-*'.", show_default="all")
    ] = None,
    file: _File = None,
    at: Annotated[
        datetime | None, typer.Option("--at", formats=["%Y-%m-%d"], help="The day (UTC) of the request; else today.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The prices of models in USD per million tokens (or the unit that is named), by context and tier."""
    with _refusing():
        snapshot = _snapshot(file)
        day = datetime.now(UTC).date() if at is None else at.date()
        rows = [row for model in _asked(snapshot, models or ()) for row in _rows(snapshot, model, day)]
    if as_json:
        _write({"source": snapshot.source, "id": snapshot.id, "at": day.isoformat(), "prices": rows})
        return
    from flujo.price_list.show import table

    table(rows, f"{snapshot.source}, id {snapshot.id}, prices of {day.isoformat()}")


@prices.command()
def export(file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)]) -> None:
    """Pin the prices of the installed package genai-prices in a file, which PriceList.read() takes."""
    with _refusing():
        snapshot = _snapshot(None)
        snapshot.write(file)
    count = sum(len(models) for models in snapshot.providers.values())
    typer.echo(f"{file}: {count} models of {snapshot.source}, id {snapshot.id}")


@prices.command()
def diff(old: _List, new: _List, as_json: AsJson = False) -> None:
    """In what two lists differ. Exit code: 0 if in nothing, else 1."""
    from flujo.price_list.difference import changes

    with _refusing():
        lists = _snapshot(old), _snapshot(new)
    found = list(changes(*lists))
    if as_json:
        rows = [{"model": one.model, "what": one.what, "old": one.old, "new": one.new} for one in found]
        _write({"old": lists[0].id, "new": lists[1].id, "changes": rows})
    else:
        for one in found:
            old_text, new_text = ("not listed" if text is None else text for text in (one.old, one.new))
            typer.echo(inert(f"{one.model} {one.what}: {old_text} -> {new_text}"))
        count = len({one.model for one in found})
        typer.echo(
            inert(f"{count} models differ: {lists[0].source} ({lists[0].id}) -> {lists[1].source} ({lists[1].id})")
        )
    raise typer.Exit(FINDINGS if found else CLEAN)


def _snapshot(file: Path | None) -> Snapshot:
    from flujo.price_list.snapshot import Snapshot

    if file is not None:
        return Snapshot.read(file)
    from flujo.price_list.genai import installed

    return installed()


def _asked(snapshot: Snapshot, asked: Sequence[str]) -> list[str]:
    """The models as ``provider:id``: those that a pattern fits, or the one that a name is priced as."""
    from fnmatch import fnmatchcase

    from flujo.price_list import PriceList
    from flujo.price_list.difference import models_of

    everything, by_name = models_of(snapshot), PriceList(snapshot)
    found: dict[str, None] = {}
    for one in asked or ("*",):
        if any(sign in one for sign in "*?["):
            fitting = [model for model in everything if fnmatchcase(model, one)]
            if not fitting:
                raise Refused(f"no model of the list fits '{one}': {snapshot.source} has {len(everything)}")
            found.update(dict.fromkeys(fitting))
        else:
            provider, listed = by_name.listed(one)
            found[f"{provider}:{listed.id}"] = None
    return list(found)


def _rows(snapshot: Snapshot, model: str, day: date) -> Iterator[dict[str, Any]]:
    """One row for the standard prices of a model, and one for each context that it has on that day."""
    from flujo.price_list.cost_model import contexts_of, terms_of
    from flujo.price_list.difference import models_of, told_rate

    listed, noon = models_of(snapshot)[model], datetime.combine(day, time(12), UTC)
    for context in (None, *contexts_of(listed, noon)):
        units = terms_of(model, listed, noon, context).by_unit
        yield {"model": model, "context": context, "usd": {unit: told_rate(units[unit]) for unit in sorted(units)}}


def _write(data: object) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=True))


@contextmanager
def _refusing() -> Iterator[None]:
    """What is wrong with a file, a name or the installation is one line."""
    from flujo.errors import PriceError

    try:
        yield
    except (PriceError, OSError, ValueError, ModuleNotFoundError) as error:
        raise Refused(str(error)) from error
