"""A secret reaches no cassette and no message, wherever it stood: recorded, updated, pruned, renamed, imported."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import anyio
import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flujo import AgentError, AgentOutput, Flujo, Step, Usage, override
from flujo.canonical import canonical_json
from flujo_testing.cassette.door import RecordingDoor
from flujo_testing.cassette.exchange import Exchange
from flujo_testing.cassette.http import transport
from flujo_testing.cassette.library import cassettes, move, sealed
from flujo_testing.cassette.lines import written
from flujo_testing.cassette.mode import Mode
from flujo_testing.cassette.player import Player
from flujo_testing.cassette.shelf import Shelf, shelf_of
from flujo_testing.cassette.tape import Tape
from flujo_testing.golden.errors import SecretFound
from flujo_testing.golden.leak import secrets_in
from tests.flujo_testing.cassette.deck import OWNER

PATH = "test_rain/test_rain.jsonl"
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn"]),
    min_size=12,
    max_size=40,
).map(lambda text: f"Ǝ{text}")  # none of our own words


class Speaker:
    """Answers, or raises, what it was made of."""

    def __init__(self, answer: object, name: str = "speaker") -> None:
        self.answer = answer
        self.name = name

    async def run(self, text: object, *, settings: object = None) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def saying(answer: object, input: object = "rain", **step: Any) -> Callable[[Player], None]:
    """A run of one step, recorded at the door."""

    async def run(player: Player) -> None:
        with override(door=RecordingDoor(player)):
            await Flujo(Step("say", Speaker(answer), max_retries=0, **step)).run_async(input)

    return lambda player: anyio.run(run, player)


def sending(
    url: str = "https://example.com/",
    content: bytes = b"{}",
    answer: httpx2.Response | Exception | None = None,
    headers: dict[str, str] | None = None,
) -> Callable[[Player], None]:
    """One request of a synchronous client, recorded behind it."""

    class Provider(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if isinstance(answer, Exception):
                raise answer
            return answer or httpx2.Response(200, json={})

    def run(player: Player) -> None:
        with httpx2.Client(transport=transport(httpx2, player, Provider())) as client:
            try:
                client.post(url, content=content, headers=headers)
            except httpx2.TransportError as error:
                assert error is answer  # noqa: PT017  # the provider's own

    return run


def kept_out(secret: str) -> dict[str, Callable[[Player], None]]:
    """Places that no cassette keeps."""
    return {
        "header of a request": sending(headers={"authorization": quote(secret)}),
        "header of an answer": sending(answer=httpx2.Response(200, json={}, headers={"set-cookie": quote(secret)})),
        "key in an address": sending(f"https://example.com/?key={quote(secret, safe='')}"),
        "user in an address": sending(f"https://user:{quote(secret, safe='')}@example.com/"),
    }


def refused(secret: str) -> dict[str, Callable[[Player], None]]:
    """Places that a cassette keeps: nothing is written then."""
    usage = Usage(input_tokens=1)
    encoded = b64encode(b"x" + secret.encode() + b"y").decode()
    nested = json.dumps({"inner": json.dumps({"text": f"a {secret} b"})})
    return {
        "input": saying("grey", f"about {secret} and rain"),
        "key of an input": saying("grey", {secret: 1}),
        "settings": saying("grey", settings={"user": secret}),
        "output": saying(f"{secret}"),
        "deep in an output": saying({"a": [1, {"b": [secret]}]}),
        "base64 in an output": saying(encoded),
        "bytes of an input": saying("grey", b"\x00" + secret.encode()),
        "model": saying(AgentOutput("grey", usage=usage, model=f"test:{secret}")),
        "exception": saying(ValueError(f"cannot use {secret}")),
        "paid exception": saying(AgentError(f"{secret} is no key", usage=usage)),
        "address": sending(f"https://example.com/{quote(secret, safe='')}/x"),
        "parameter": sending(f"https://example.com/?q={quote(secret, safe='')}"),
        "body": sending(content=json.dumps({"text": secret}).encode()),
        "escaped twice in a body": sending(content=nested.encode()),
        "bytes of a body": sending(content=b"\xff" + secret.encode()),
        "answer": sending(answer=httpx2.Response(200, json={"text": secret})),
        "streamed answer": sending(answer=httpx2.Response(200, text=f"data: {nested}\n\ndata: [DONE]\n\n")),
        "bytes of an answer": sending(answer=httpx2.Response(200, content=b"\xff" + secret.encode())),
        "exception of a client": sending(answer=httpx2.ConnectError(f"cannot reach {secret}")),
        "kept header": sending(answer=httpx2.Response(200, json={}, headers={"content-type": quote(secret)})),
    }


def shelf_for(folder: Path, secret: str) -> Shelf:
    return shelf_of(folder, "cassettes", secrets_in({"RAIN_API_KEY": secret}))


def leaves(folder: Path) -> list[str]:
    """Every text within every file, decoded as often as somebody may have encoded it."""
    return [text for file in folder.rglob("*") if file.is_file() for text in _texts(file.read_bytes())]


def _texts(content: bytes) -> list[str]:
    plain = content.decode("utf-8", "replace")
    unquoted = unquote_to_bytes(plain).decode("utf-8", "replace")
    return [plain, unquoted, plain.encode().decode("unicode_escape", "replace")]


@pytest.mark.parametrize("place", list(kept_out("x" * 12)))
@given(secret=SECRETS)
@example(secret="a+b/c=d&e%20f\"\\'<>")
def test_a_secret_in_a_place_that_is_not_kept_is_not_written(
    tmp_path_factory: pytest.TempPathFactory, place: str, secret: str
) -> None:
    folder = tmp_path_factory.mktemp("kept-out")
    record(shelf_for(folder, secret), kept_out(secret)[place]).finish(ended=True)
    assert (folder / "cassettes" / PATH).is_file()
    assert [text for text in leaves(folder) if secret in text] == []


@pytest.mark.parametrize("place", list(refused("x" * 12)))
@given(secret=SECRETS)
@example(secret="a+b/c=d&e%20f\"\\'<>")
def test_a_secret_in_what_is_kept_stops_the_writing_and_is_not_told(
    tmp_path_factory: pytest.TempPathFactory, place: str, secret: str
) -> None:
    folder = tmp_path_factory.mktemp("refused")
    with pytest.raises(SecretFound) as raised:
        record(shelf_for(folder, secret), refused(secret)[place]).finish(ended=True)
    assert secret not in str(raised.value)
    assert [file for file in folder.rglob("*") if file.is_file()] == []


def record(shelf: Shelf, act: Callable[[Player], None], mode: Mode = Mode.ONCE) -> Player:
    tape = Tape(shelf.shown(PATH), shelf.load(PATH, OWNER) or ())
    player = Player(tape, mode, existed=False, keep=partial(shelf.keep, PATH, OWNER))
    act(player)
    return player


def hidden(tmp_path: Path, secret: str) -> Path:
    """A cassette with a secret in it, which somebody wrote before the environment had it."""
    file = tmp_path / "cassettes" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(written(OWNER, [Exchange("a", {"input": secret}, {"output": "x"})]))
    return file


@given(secret=SECRETS)
@example(secret="a+b/c=d&e%20f\"\\'<>")
def test_a_miss_tells_what_differs_but_no_secret(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    shelf = shelf_for(tmp_path_factory.mktemp("missed"), secret)
    differing = [("rain", f"rain and {secret}"), (f"{secret} falls", "snow falls"), (f"{secret}1", f"{secret}2")]
    for recorded, asked in differing:
        tape = Tape("x.jsonl", [Exchange("a", {"input": {"text": recorded}}, {})], mask=shelf.scan.masked)
        told = str(tape.missed("a", {"input": {"text": asked}}, "Record it."))
        assert secret not in told
        assert json.dumps(secret)[1:-1] not in told
        assert "$.input.text: recorded" in told


def updated(shelf: Shelf) -> None:
    record(shelf, saying("new"), Mode.NEW).finish(ended=True)


def renamed(shelf: Shelf) -> None:
    (held,) = cassettes(shelf)
    move(shelf, held, "tests/test_rain.py::test_snow")


def sealed_anew(shelf: Shelf) -> None:
    sealed(shelf, PATH)


@pytest.mark.parametrize("act", [updated, renamed, sealed_anew])
def test_a_secret_that_was_there_before_goes_into_no_new_file(tmp_path: Path, act: Callable[[Shelf], None]) -> None:
    secret = 'a "quoted" kéy'
    file = hidden(tmp_path, secret)
    before = file.read_bytes()
    with pytest.raises(SecretFound) as raised:
        act(shelf_for(tmp_path, secret))
    assert secret not in str(raised.value)
    assert file.read_bytes() == before
    assert [other for other in tmp_path.rglob("*") if other.is_file()] == [file]
    assert canonical_json(secret)[1:-1].encode() in before  # escaped, so a search in the bytes alone would miss it
