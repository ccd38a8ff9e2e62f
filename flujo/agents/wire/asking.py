"""What asking a model has in common over all APIs: how a request is put together, and when it is streamed.

Not an agent: those say what their API calls things, and read its answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Protocol

from flujo.agents.wire.answers import Bill
from flujo.agents.wire.failures import not_asked
from flujo.agents.wire.reading import Json
from flujo.agents.wire.requests import (
    Body,
    bytes_of,
    check_model,
    check_output,
    conversation,
    largest_output,
    plain,
    put,
    reasons_of,
    says,
    schema_of,
)
from flujo.errors import AgentError
from flujo.ports import AgentOutput, Rejection

Settings = Mapping[str, Any]
Said = AsyncGenerator[str | AgentOutput[Any], None]


class Gathering(Protocol):
    """Takes the events of a streamed answer one by one."""

    def add(self, event: Json, /) -> str:
        """Keep an event; returns the text that it adds."""

    @property
    def finished(self) -> bool:
        """Whether the answer came to its end."""

    def answer(self) -> Json:
        """The answer as it would have come in one piece, or as much of it as there is."""


class Asking(ABC):
    """An agent's declarations, and the request it makes of them; what declares what is told by the agents."""

    gathering: ClassVar[type[Gathering]]
    """What makes a whole answer of a streamed one."""
    items: ClassVar[str]
    """The key of the conversation in a request."""
    caps: ClassVar[tuple[str, ...]]
    """The settings that bound the output, the one that is sent first; ``a.b`` is a setting within another."""
    forms: ClassVar[tuple[type, ...]] = (list,)
    """What a conversation may be on the wire."""
    unseen: ClassVar[int] = 0
    """Input tokens that the provider may add to a request."""
    keyed: ClassVar[bool] = False
    """Whether the SDK's requests can carry an ``Idempotency-Key``; what the provider makes of it is the provider's."""

    def __init__(
        self,
        model: str,
        *,
        provider: str,
        settings: Settings | None,
        output_type: Any,
        max_output_tokens: int | None,
        stream: bool,
    ) -> None:
        self.model = f"{provider}:{model}"
        self.name = self.model
        self.output_type = output_type
        self.max_output_tokens = max_output_tokens
        if max_output_tokens is None:
            self.max_output_tokens = largest_output(settings or {}, self.caps)
        self._wire_model = model
        self._settings = dict(settings or {})
        self._schema = schema_of(output_type)
        self._streams = stream

    async def run(
        self,
        input: Any,
        *,
        settings: Settings | None = None,
        feedback: Sequence[Rejection] = (),
        idempotency_key: str | None = None,
    ) -> AgentOutput[Any]:
        body = self._with_key(self._body(input, settings, feedback, stream=self._streams), idempotency_key)
        if not body.get("stream"):
            return self._read(await self._answer(body), body)
        async with aclosing(self._chunks(body)) as said:
            return [item async for item in said if isinstance(item, AgentOutput)][-1]

    async def stream(
        self,
        input: Any,
        *,
        settings: Settings | None = None,
        feedback: Sequence[Rejection] = (),
        idempotency_key: str | None = None,
    ) -> Said:
        """Chunks of text, then the AgentOutput; only the latter if the request says ``stream: false``."""
        body = self._with_key(self._body(input, settings, feedback, stream=True), idempotency_key)
        if not body.get("stream"):
            yield self._read(await self._answer(body), body)
            return
        async with aclosing(self._chunks(body)) as said:
            async for item in said:
                yield item

    async def _chunks(self, body: Body) -> Said:
        gathered = self.gathering()
        async with aclosing(self._events(body)) as events:
            try:
                async for event in events:
                    if said := gathered.add(event):
                        yield said
            except AgentError as error:
                raise self._bill(gathered.answer()).on(error) from error.__cause__
        if not gathered.finished:
            raise self._bill(gathered.answer()).half_a_stream()
        yield self._read(gathered.answer(), body)

    def estimate_input(
        self, input: Any, *, settings: Settings | None = None, feedback: Sequence[Rejection] = ()
    ) -> int | None:
        """Tokens that the request can have at most.

        None if nobody can tell: images, files, hosted tools, history kept by the provider.
        """
        body = self._body(input, settings, feedback, stream=False)
        return bytes_of(body) + self.unseen if self._only_text(body) else None

    def _with_key(self, body: Body, key: str | None) -> Body:
        if key is None or not self.keyed:
            return body
        return {**body, "extra_headers": {"Idempotency-Key": key, **(body.get("extra_headers") or {})}}

    def _body(self, input: Any, settings: Settings | None, feedback: Sequence[Rejection], *, stream: bool) -> Body:
        body: Body = {"model": self._wire_model, **self._settings, **(settings or {})}
        if isinstance(input, Mapping) and self.items in input:
            body |= plain(input)
        else:
            body[self.items] = self._opened(conversation(input))
        if not isinstance(body[self.items], self.forms):
            kind = type(body[self.items]).__name__
            raise not_asked(f"'{self.items}' of a request cannot be a {kind}: send a list")
        if reasons := reasons_of(feedback):
            body[self.items] = [*self._items(body[self.items]), self._message(reasons)]
        if self._schema is not None:
            self._ask_for(self._schema, body)
        if self.max_output_tokens is not None and not any(says(body, cap) for cap in self.caps):
            put(body, self.caps[0], self.max_output_tokens // (body.get("n") or 1))
        check_model(body, self._wire_model)
        check_output(body, self.caps, self.max_output_tokens)
        if body.get("stream", stream):
            body["stream"] = True
            self._when_streamed(body)
        return body

    def _items(self, said: list[Any] | str) -> list[Any]:
        """A conversation as a list: a text is one message of the user's."""
        return [self._message(said)] if isinstance(said, str) else said

    def _opened(self, said: list[Any] | str) -> list[Any] | str:
        """A conversation that was given without a request around it."""
        return self._items(said)

    def _message(self, content: str) -> Body:
        """A message of the user's."""
        return {"role": "user", "content": content}

    def _when_streamed(self, body: Body) -> None:  # noqa: B027  # most say nothing
        """Add what a streamed request says besides ``stream``."""

    @abstractmethod
    def _ask_for(self, schema: Body, body: Body) -> None:
        """Ask for an answer of this JSON schema, unless the request asks for a format of its own."""

    @abstractmethod
    def _only_text(self, body: Body) -> bool:
        """Whether the request brings no more input than its own text."""

    @abstractmethod
    async def _answer(self, body: Body) -> Json:
        """The whole answer to a request."""

    @abstractmethod
    def _events(self, body: Body) -> AsyncGenerator[Json, None]:
        """The events of a streamed answer; they are closed by whoever asks for them."""

    @abstractmethod
    def _bill(self, answer: Json) -> Bill:
        """What an answer, or as much of one as there is, says of its price."""

    @abstractmethod
    def _read(self, answer: Json, body: Body) -> AgentOutput[Any]:
        """What a step makes of a whole answer."""
