"""What every adapter says before each request: ``about_to_send``. Whoever tests keeps live requests back there."""

from __future__ import annotations

from typing import Any

from flujo.overrides import current
from flujo.ports import OutgoingRequest


def about_to_send(model: str, url: Any = None, http_client: Any = None) -> None:
    """Tell the sentry that is in force, if any. It raises what keeps the request from being sent.

    ``http_client`` is the client of httpx or httpx2 that will send it, ``url`` an URL of the same library on the
    provider's host; None where they are not known: then the request counts as one to the provider.
    """
    sentry = current().sentry
    if sentry is not None:
        transport = None if http_client is None else http_client._transport_for_url(url)
        sentry(OutgoingRequest(model, None if url is None else str(url), transport))
