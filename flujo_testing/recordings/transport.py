"""A recording behind an SDK's own HTTP client:
``AsyncOpenAI(http_client=httpx2.AsyncClient(transport=...))``.

The SDK is not modified, and no socket is opened. The HTTP library is httpx2, which the OpenAI SDK is built
on.
"""

from __future__ import annotations

try:
    import httpx2
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo_testing.recordings.transport needs httpx2, which comes with the OpenAI SDK: "
        "pip install 'flujo-pipelines[openai,testing]'",
        name=missing.name,
    ) from missing

from flujo_testing.recordings.answering import Answering


class ReplayTransport(Answering, httpx2.AsyncBaseTransport, httpx2.BaseTransport):
    """Answers each request from the recordings by its content, or raises ReplayMiss.

    ``replay`` tells what was used, what was not, and what was missed.
    """

    response_class = httpx2.Response
