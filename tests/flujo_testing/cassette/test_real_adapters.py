"""Real adapters on real SDKs: recorded from a server on loopback, replayed when there is none."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from flujo import AgentOutput, Flujo, Price, PriceTable, Step, Usage
from flujo.agents.openai import OpenAIChat
from flujo_testing.cassette.playing import playing
from flujo_testing.server import LLMServer, StatusError
from flujo_testing.transcript import render, story_of

PRICES = PriceTable({"openai:gpt-4o": Price(input="3", cache_read="2", output="17")})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "rain.jsonl"


async def run(url: str, *, stream: bool) -> str:
    """The story of a run that fails once with a 429 and then answers with cached tokens."""
    async with openai.AsyncOpenAI(base_url=url, api_key="sk-none", max_retries=0) as client:
        runner = Flujo(Step("write", OpenAIChat("gpt-4o", client=client)), cost_model=PRICES)
        if not stream:
            return render(story_of(await runner.run_async("rain")))
        async with runner.stream_async("rain") as events:
            arrived = [event async for event in events]
        return render(story_of(arrived[-1]))  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_run_is_told_alike_with_and_without_its_provider(
    llm_server: LLMServer, file: Path, *, stream: bool
) -> None:
    spent = Usage(input_tokens=120, cache_read_tokens=20, output_tokens=40)
    llm_server.answer(StatusError(429, retry_after_s=0), AgentOutput("Grey rain", usage=spent))
    with playing(file, "once") as cassette:
        recorded = await run(llm_server.url, stream=stream)
    assert cassette.recorded == 2
    assert 'output: "Grey rain"' in recorded
    assert 'usd: "0.00102"' in recorded  # 100 at 3, 20 at 2 and 40 at 17 USD per million
    with playing(file):
        replayed = await run("http://127.0.0.1:9/v1", stream=stream)  # nobody listens there
    assert replayed == recorded
