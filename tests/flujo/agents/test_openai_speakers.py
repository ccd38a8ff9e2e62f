"""Others who speak OpenAI's APIs, each with its ways to report usage, text and errors."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flujo import AgentError, AgentOutput, Flujo, Step, Usage
from flujo.agents.openai import OpenAIChat
from tests.flujo.agents.wire import answer, chunk, client, completion, streamed

PLAIN = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
SAID = {"role": "assistant", "content": "Grey."}
PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Grey."}]


async def outcome(*answers: Any, **options: Any) -> AgentOutput[Any]:
    sdk, _ = client(*answers)
    return await OpenAIChat("m", client=sdk, provider="p", **options).run("Rain?")


async def test_deepseek_reports_cached_tokens_by_another_name() -> None:
    cached = {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}
    for usage in ({**PLAIN, **cached}, {**PLAIN, **cached, "prompt_tokens_details": {"cached_tokens": 4}}):
        output = await outcome(answer(completion(SAID, usage=usage)))
        assert output.usage == Usage(input_tokens=9, cache_read_tokens=4, output_tokens=5)
        assert output.requests is None


async def test_groq_reports_the_usage_of_a_stream_beside_it_and_times_that_are_no_usage() -> None:
    usage = {**PLAIN, "queue_time": 0.1, "prompt_time": 0.2, "completion_time": 0.3, "total_time": 0.5}
    last = chunk({}, "stop", x_groq={"id": "r", "usage": usage})
    output = await outcome(streamed(chunk(SAID), last), stream=True)
    assert output == AgentOutput("Grey.", usage=Usage(input_tokens=9, output_tokens=5), model="p:gpt-x-1")


async def test_mistral_gives_text_in_parts_where_thoughts_stand_beside_it() -> None:
    plain = await outcome(answer(completion({"role": "assistant", "content": PARTS})))
    contents = ([PARTS[0]], [{"type": "text", "text": "Gr"}], "ey.")
    pieces = [chunk({"content": content}) for content in contents]
    in_stream = await outcome(streamed(*pieces, chunk({}, "stop")), stream=True)
    assert (plain.output, in_stream.output) == ("Grey.", "Grey.")


async def test_openrouter_reports_its_cost_and_errors_within_a_choice() -> None:
    paid = {**PLAIN, "cost": 0.00025, "cost_details": {"upstream_inference_cost": 0.0002}, "is_byok": False}
    assert (await outcome(answer(completion(SAID, usage=paid)))).cost_usd == Decimal("0.00025")
    broken = {"index": 0, "finish_reason": "error", "message": {}, "error": {"code": 502, "message": "Wet."}}
    told = "p:gpt-x-1 failed (502): Wet.. Retry, or give the step a fallback"
    for given, stream in (
        (answer({**completion({}), "choices": [broken], "usage": paid}), False),
        (streamed(chunk({"content": "Gr"}), {"model": "gpt-x-1", "choices": [broken], "usage": paid}), True),
    ):
        with pytest.raises(AgentError) as failed:
            await outcome(given, stream=stream)
        assert (str(failed.value), failed.value.cost_usd) == (told, Decimal("0.00025"))


async def test_usage_of_other_kinds_is_kept_by_its_name() -> None:
    usage = {
        **PLAIN,
        "num_search_queries": 2,
        "prompt_tokens_details": {"cached_tokens": 0, "video_tokens": 3, "novel_tokens": 7},
        "completion_tokens_details": {"accepted_prediction_tokens": 1},
        "novel": [{"seconds": 1.5}, {"name": "rain", "free": True, "seconds": -1}],
    }
    sdk, _ = client(answer(completion(SAID, usage=usage)))
    (entry,) = (await Flujo(Step("ask", OpenAIChat("m", client=sdk))).run_async("Rain?")).ledger.entries
    assert entry.usage == Usage(input_tokens=9, output_tokens=5)
    assert entry.other_usage == (
        ("novel.0.seconds", Decimal("1.5")),
        ("num_search_queries", Decimal(2)),
        ("prompt_tokens_details.novel_tokens", Decimal(7)),
    )


async def test_counts_without_the_usual_ones_are_kept_and_the_usage_is_unknown() -> None:
    with pytest.raises(AgentError) as failed:
        await outcome(answer({**completion({}, usage={"novel": 3}), "choices": []}))
    (request,) = failed.value.requests or ()
    assert (request.usage, request.other_usage, request.outcome) == (None, (("novel", Decimal(3)),), "error")
