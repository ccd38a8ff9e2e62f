"""Answering requests from recordings, by what is asked; through the unmodified SDK, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import httpx2
import pytest
from openai import AsyncOpenAI

from flujo import AgentError, Flujo, Step
from flujo.agents.openai import OpenAIChat
from flujo_testing.recordings import (
    Exchange,
    RecordedRequest,
    RecordedResponse,
    Recording,
    Replay,
    ReplayMiss,
)
from flujo_testing.recordings.httpx_transport import ReplayTransport as HTTPXTransport
from flujo_testing.recordings.transport import ReplayTransport
from flujo_testing.recordings.vcr import body_of

URL = "https://api.openai.com/v1/chat/completions"
ASKED = {
    "n": 1,
    "model": "gpt-x",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Rain?"}],
}
RAIN = """
interactions:
- request:
    method: POST
    parsed_body:
      messages: [{content: Be brief., role: system}, {content: Rain?, role: user}]
      model: gpt-x
      n: 1
    uri: https://api.openai.com/v1/chat/completions
  response:
    headers: {content-type: application/json}
    parsed_body:
      choices: [{finish_reason: stop, index: 0, message: {content: "Grey.", role: assistant}}]
      model: gpt-x-1
    status: {code: 200}
"""


def written(folder: Path) -> Path:
    path = folder / "rain.yaml"
    path.write_text(RAIN)
    return path


def recording(*bodies: object, url: str = URL) -> Recording:
    exchanges = (
        Exchange(
            RecordedRequest("POST", url, body),
            RecordedResponse(200, (), str(position).encode()),
            Path("rain.yaml"),
            10 * position,
            position,
        )
        for position, body in enumerate(bodies, start=1)
    )
    return Recording(Path("rain.yaml"), tuple(exchanges))


def ask(replay: Replay, body: object, url: str = URL, method: str = "POST") -> int:
    """The position of the exchange that answers."""
    return replay.answer(RecordedRequest(method, url, body)).position


def miss(replay: Replay, body: object, url: str = URL, method: str = "POST") -> str:
    with pytest.raises(ReplayMiss) as missed:
        ask(replay, body, url, method)
    assert replay.misses[-1] is missed.value
    return str(missed.value)


def test_a_request_is_answered_by_its_content_and_not_by_its_turn() -> None:
    replay = Replay(recording({"a": 1}, {"a": 2}, {"a": 3}))
    assert [ask(replay, {"a": a}) for a in (3, 1, 2)] == [3, 1, 2]


def test_the_order_of_keys_and_of_the_query_does_not_matter() -> None:
    replay = Replay(recording({"a": 1, "b": {"c": 2, "d": 3}}, url="https://X.test/v1?b=2&a=1"))
    assert ask(replay, {"b": {"d": 3, "c": 2}, "a": 1}, url="https://x.test/v1?a=1&b=2") == 1


def test_equal_requests_are_answered_in_recorded_order_each_once() -> None:
    replay = Replay(recording({"a": 1}, {"a": 2}, {"a": 1}))
    assert (ask(replay, {"a": 1}), ask(replay, {"a": 1})) == (1, 3)
    assert miss(replay, {"a": 1}) == (
        f"no recording answers POST {URL}: it was recorded 2 time(s), as in rain.yaml:10 (exchange 1), "
        "and is asked once more. Ask it as often as recorded, or record it again"
    )
    assert [exchange.position for exchange in replay.unused] == [2]
    assert [exchange.position for exchange in replay.used] == [1, 3]


def test_a_miss_shows_the_nearest_recording_and_the_first_path_that_differs() -> None:
    replay = Replay(recording({"model": "y", "messages": [{"content": "Snow?"}]}, ASKED))
    changed = json.loads(json.dumps(ASKED).replace("Rain?", "Rain!"))
    assert miss(replay, changed) == (
        f"no recording answers POST {URL}; the nearest is rain.yaml:20 (exchange 2)\n"
        '  $.messages[1].content: recorded "Rain?", asked "Rain!"\n'
        "Ask what was recorded, or record it again"
    )


@pytest.mark.parametrize(
    ("recorded", "asked", "line"),
    [
        ({"a": 1}, {"a": True}, "$.a: recorded 1, asked true"),
        ({"a": 1}, {"a": 1.0}, "$.a: recorded 1, asked 1.0"),
        ({"a": 0.0}, {"a": -0.0}, "$.a: recorded 0.0, asked -0.0"),
        ({"a": "é"}, {"a": "e\u0301"}, '$.a: recorded "\\u00e9", asked "e\\u0301"'),
        ({"a": "x\x1b[2J"}, {"a": "x"}, '$.a: recorded "x\\u001b[2J", asked "x"'),
        ({"a": 1}, {}, "$.a: recorded 1, asked nothing"),
        ({}, {"two words": None}, '$["two words"]: recorded nothing, asked null'),
        ({"a": [1]}, {"a": [1, 2]}, "$.a[1]: recorded nothing, asked 2"),
        ({"a": [1]}, {"a": {"0": 1}}, '$.a: recorded [1], asked {"0": 1}'),
        ("text", {"a": 1}, '$: recorded "text", asked {"a": 1}'),
        (b"\xff", b"\xfe", "$: recorded bytes /w==, asked bytes /g=="),
        (None, {}, "$: recorded null, asked {}"),
        (
            {"a": "s" * 40 + "A" + "t" * 80},
            {"a": "s" * 40 + "B" + "t" * 80},
            f'$.a: recorded …"{"s" * 20}A{"t" * 49}"…, asked …"{"s" * 20}B{"t" * 49}"…',
        ),
        ({"a": list(range(99))}, {"a": 1}, f"$.a: recorded {str(list(range(99)))[:70]}…, asked 1"),
    ],
)
def test_values_that_differ_on_the_wire_differ_here(recorded: object, asked: object, line: str) -> None:
    assert miss(Replay(recording(recorded)), asked).splitlines()[1].strip() == line


def test_another_address_or_method_misses_and_says_so() -> None:
    assert miss(Replay(recording({})), {}, url="https://x.test/v2").splitlines()[1] == (
        f"  url: recorded {URL}, asked https://x.test/v2"
    )
    assert miss(Replay(recording(None)), None, method="GET").splitlines()[1] == ("  method: recorded POST, asked GET")
    assert miss(Replay(), {}) == f"no recording answers POST {URL}: there is none. Record it first"


def test_bodies_too_deep_to_walk_are_still_told_apart() -> None:
    def nested(value: int) -> object:
        body: object = value
        for _ in range(300):
            body = [body]
        return body

    assert miss(Replay(recording(nested(1))), nested(2)).splitlines()[1].startswith("  $" + "[0]" * 100 + ": ")


def test_changing_any_one_byte_of_a_body_misses() -> None:
    body = json.dumps(ASKED, separators=(",", ":")).encode()
    for at in range(len(body)):
        other = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        miss(Replay(recording(body_of(body))), body_of(other))


def agent_on(transport: ReplayTransport) -> OpenAIChat:
    client = AsyncOpenAI(
        api_key="unused",
        base_url="https://api.openai.com/v1",
        http_client=httpx2.AsyncClient(transport=transport),
    )
    return OpenAIChat("gpt-x", client=client, instructions="Be brief.", settings={"n": 1})


async def test_the_sdk_is_answered_from_a_file(tmp_path: Path) -> None:
    transport = ReplayTransport(written(tmp_path))
    assert (await agent_on(transport).run("Rain?")).output == "Grey."
    assert (transport.replay.unused, transport.replay.misses) == ((), [])


def test_the_sdk_of_synchronous_code_is_answered_as_well(tmp_path: Path) -> None:
    transport = ReplayTransport(written(tmp_path))
    with httpx2.Client(transport=transport) as client:
        assert client.post(URL, json=ASKED).json()["model"] == "gpt-x-1"


async def test_a_client_of_httpx_is_answered_in_the_same_way(tmp_path: Path) -> None:
    transport = HTTPXTransport(written(tmp_path), recording(None, url="https://x.test/sync"))
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.post(URL, json=ASKED)).json()["model"] == "gpt-x-1"
        with pytest.raises(ReplayMiss, match="it was recorded 1 time"):
            await client.post(URL, json=ASKED)
    assert ask_twice_at_once(transport, "https://x.test/sync") == [200, "ReplayMiss"]
    assert (transport.replay.unused, len(transport.replay.misses)) == ((), 2)


def ask_twice_at_once(transport: HTTPXTransport, url: str) -> list[object]:
    with httpx.Client(transport=transport) as client:
        answered: list[object] = [client.post(url).status_code]
        try:
            client.post(url)
        except ReplayMiss as miss:
            answered.append(type(miss).__name__)
    return answered


@pytest.mark.parametrize(("module", "missing"), [("transport", "httpx2"), ("httpx_transport", "httpx")])
def test_without_its_http_library_a_transport_names_what_to_install(module: str, missing: str) -> None:
    script = f"""
import sys
sys.modules[{missing!r}] = None
try:
    import flujo_testing.recordings.{module}
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"flujo_testing.recordings.{module} needs {missing}, which comes with ")


def test_what_an_sdk_marks_its_requests_with_is_not_compared() -> None:
    replay = Replay(recording({}, url="https://x.test/v1?beta=true&a=1"))
    assert ask(replay, {}, url="https://x.test/v1?a=1") == 1
    other = Replay(recording({}, url="https://x.test/v1?beta=false"))
    told = "  url: recorded https://x.test/v1?beta=false, asked https://x.test/v1"
    assert miss(other, {}, url="https://x.test/v1").splitlines()[1] == told


async def test_a_miss_ends_the_step_with_its_whole_story(tmp_path: Path) -> None:
    transport = ReplayTransport(written(tmp_path))
    result = await Flujo(Step("draft", agent_on(transport), max_retries=0)).run_async("Snow?")
    assert result.status == "failed"
    assert str(result.error) == (
        f"step 'draft' failed after 1 attempt: no recording answers POST {URL}; "
        f"the nearest is {tmp_path / 'rain.yaml'}:3 (exchange 1)\n"
        '  $.messages[1].content: recorded "Rain?", asked "Snow?"\n'
        "Ask what was recorded, or record it again"
    )
    assert [exchange.position for exchange in transport.replay.unused] == [1]
    assert len(transport.replay.misses) == 1


class WrappingTransport(ReplayTransport):
    """Some HTTP libraries turn whatever their transport raises into an error of their own."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response: httpx2.Response = await super().handle_async_request(request)
            return response
        except ReplayMiss as error:
            raise httpx2.ConnectError("no connection") from error


async def test_a_miss_that_is_wrapped_on_its_way_is_named_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(AgentError) as failed:
        await agent_on(WrappingTransport(written(tmp_path))).run("Snow?")
    assert str(failed.value).startswith(
        "openai:gpt-x could not be reached: Connection error., because of ConnectError: no connection, "
        f"because of ReplayMiss: no recording answers POST {URL}; the nearest"
    )
    assert '$.messages[1].content: recorded "Rain?", asked "Snow?"' in str(failed.value)
