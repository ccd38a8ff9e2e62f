"""Requests to try a cost model with: every kind of tokens, alone and mixed, of sizes at and around each tier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flujo import Usage
from flujo.prices import Kind

USUAL_SIZES = (0, 1, 1000, 128_000, 200_000, 272_000, 1_000_000)


def ladder(tiers: Iterable[int]) -> list[int]:
    """Sizes of input up to a million tokens, with each side of every tier."""
    return sorted({*USUAL_SIZES, *(size + step for size in tiers for step in (0, 1))})


def requests(input_tokens: int, output_tokens: int) -> Iterator[Usage]:
    """Usages of exactly so many input and output tokens: plain, of one kind each, and mixed."""
    half, third, part = input_tokens // 2, input_tokens // 3, output_tokens // 2
    yield Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    yield from (usage for kind, usage in of_one_kind(input_tokens, output_tokens) if kind not in ("input", "output"))
    yield Usage(
        input_tokens=input_tokens,
        cache_read_tokens=third,
        cache_write_tokens=half,
        cache_write_1h_tokens=third,
        output_tokens=output_tokens,
        output_reasoning_tokens=part,
    )


def of_one_kind(input_tokens: int, output_tokens: int = 0) -> Iterator[tuple[Kind, Usage]]:
    """A usage for each kind of tokens whose input, or else output, is all of that kind."""
    n, m = input_tokens, output_tokens
    yield "input", Usage(input_tokens=n, output_tokens=m)
    yield "cache_read", Usage(input_tokens=n, cache_read_tokens=n, output_tokens=m)
    yield "cache_write", Usage(input_tokens=n, cache_write_tokens=n, output_tokens=m)
    yield "cache_write_1h", Usage(input_tokens=n, cache_write_tokens=n, cache_write_1h_tokens=n, output_tokens=m)
    yield "input_audio", Usage(input_tokens=n, input_audio_tokens=n, output_tokens=m)
    yield (
        "cache_audio_read",
        Usage(input_tokens=n, cache_read_tokens=n, input_audio_tokens=n, cache_audio_read_tokens=n, output_tokens=m),
    )
    yield "input_image", Usage(input_tokens=n, input_image_tokens=n, output_tokens=m)
    of_output = m or n
    yield "output_reasoning", Usage(output_tokens=of_output, output_reasoning_tokens=of_output)
    yield "output_audio", Usage(output_tokens=of_output, output_audio_tokens=of_output)
