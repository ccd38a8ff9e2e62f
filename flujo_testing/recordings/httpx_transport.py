"""A recording behind an SDK that is built on httpx, such as Groq's or Cohere's:
``AsyncGroq(http_client=httpx.AsyncClient(transport=...))``.

The SDK is not modified, and no socket is opened.
"""

from __future__ import annotations

try:
    import httpx
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "flujo_testing.recordings.httpx_transport needs httpx, which comes with SDKs that are built on it: "
        "pip install httpx",
        name=missing.name,
    ) from missing

from flujo_testing.recordings.answering import Answering


class ReplayTransport(Answering, httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Answers each request from the recordings by its content, or raises ReplayMiss.

    ``replay`` tells what was used, what was not, and what was missed.
    """

    response_class = httpx.Response
