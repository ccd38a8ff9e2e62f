"""The server behind recordings: the real SDKs are answered as recorded, what was not recorded is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from openai import BadRequestError

from flujo_testing import FakeError, ScriptLeftOver, ScriptUnmatched
from flujo_testing.recordings import RecordedResponse
from flujo_testing.server import LLMServer
from tests.flujo_testing.server.sdks import CHAT, asked, wrong

RAIN = """
interactions:
- request:
    method: POST
    parsed_body:
      messages: [{content: Rain?, role: user}]
      model: gpt-x
    uri: https://api.example/openai/v1/chat/completions
  response:
    headers: {content-type: application/json, connection: keep-alive, x-request-id: req_7}
    parsed_body:
      choices: [{finish_reason: stop, index: 0, message: {content: "Grey.", role: assistant}}]
      model: gpt-x-1
    status: {code: 200}
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "rain.yaml"
    path.write_text(RAIN, encoding="utf-8")
    return path


async def answered(server: LLMServer, text: str) -> tuple[str | None, str | None]:
    async with asked(CHAT, f"{server.url}/v1") as client:
        completion = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": text}])
        return completion.choices[0].message.content, completion._request_id


async def test_a_request_is_answered_as_the_recorded_one_that_equals_it(llm_server: LLMServer, recording: Path) -> None:
    replay = llm_server.answer_from(recording)
    assert await answered(llm_server, "Rain?") == ("Grey.", "req_7")
    assert (len(replay.used), replay.unused) == (1, ())


async def test_a_request_that_was_not_recorded_is_an_error_and_tells_the_nearest(
    llm_server: LLMServer, recording: Path
) -> None:
    difference = r'rain.yaml:3 .exchange 1.\n  \$.messages\[0\].content: recorded "Rain\?", asked "Snow\?"'
    with wrong(ScriptUnmatched, difference):
        llm_server.answer_from(recording)
        with pytest.raises(BadRequestError, match=r"no recording answers POST https://api.example/openai/v1/chat"):
            await answered(llm_server, "Snow?")


async def test_a_recording_that_nobody_asks_for_is_an_error_when_the_test_ends(recording: Path) -> None:
    with wrong(ScriptLeftOver, "has 1 recorded answers when the test ends, the first is .*rain.yaml:3"):
        LLMServer().answer_from(recording)


async def test_a_recorded_response_may_be_an_item_of_a_script(llm_server: LLMServer) -> None:
    body = b'{"choices": [{"message": {"content": "By hand."}}]}'
    headers = (("content-type", "application/json"), ("x-request-id", "req_8"))
    llm_server.answer(RecordedResponse(200, headers, body))
    assert await answered(llm_server, "Rain?") == ("By hand.", "req_8")


def test_recordings_and_scripts_are_not_mixed(recording: Path) -> None:
    server = LLMServer()
    server.answer_from(recording)
    with pytest.raises(FakeError, match="has its answers by recordings already"):
        server.answer("a")
    with pytest.raises(FakeError, match="has its answers by recordings already"):
        server.answer_from(recording)
