"""Hypothesis strategies of random pipelines, as data. ``Taste`` says which kinds of steps there are in them.

What a step does is read from a handful of bytes, one per choice, for each draw of Hypothesis costs more than a run. The
first option is the simplest everywhere, so that zeros are what failures shrink to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from tests.oracle.pipelines import (
    Agent,
    Cached,
    Call,
    Conditional,
    Human,
    Limits,
    Loop,
    Map,
    Nested,
    Parallel,
    Part,
    Pay,
    Plain,
    Plugin,
    Rule,
    Story,
    Verdict,
    Write,
)

T = TypeVar("T")
KINDS = ("plain", "parallel", "conditional", "loop", "map", "nested", "cached")
WORDS = ("sun", "fog", "hail", "dew")
VALUES: tuple[Any, ...] = (*WORDS, ["a", "b"], {"k": ["v"]}, None, 3)
MERGES: tuple[Any, ...] = ("no_merge", *["context_update"] * 4, "overwrite", "keep_first", "longest", "broken")
HOWS: tuple[Any, ...] = ("append", "append", "drop", "clear", "winner", "note", "unnote", "page", "count")
MODELS = ("m:a", "m:b", "m:unknown", None)
CALLS: tuple[Any, ...] = (*["answer"] * 20, "value_error", "key_error", "agent_error", "hang")
ANSWERS: tuple[Any, ...] = ("tell", "tell", "echo", "const", "look", "update", "spoil")
VERDICTS: tuple[Any, ...] = (*["accept"] * 9, *["reject"] * 4, "raise", "nothing", "hang")
LASTING: tuple[int | None, ...] = (None, 0, 1, 2, 3, 4)
A_REQUEST: dict[str, Decimal] = {
    "cost_usd": Decimal("0.000053"),
    "input_tokens": Decimal(4),
    "output_tokens": Decimal(5),
    "total_tokens": Decimal(9),
    "requests": Decimal(1),
}
"""What a request may use, about, in the order of the fields of limits."""
LIMITED: tuple[tuple[str, ...], ...] = (
    ("requests",),
    ("cost_usd",),
    ("total_tokens",),
    ("output_tokens",),
    ("cost_usd", "requests"),
    ("input_tokens", "output_tokens"),
    ("output_tokens", "requests"),
)
BYTES = st.binary(min_size=100, max_size=100)
INCLUDED: tuple[tuple[str, ...] | None, ...] = (None, None, ("log", "winner"), ("notes", "count"))
UP_TO = [st.integers(0, most) for most in range(9)]


class Dice:
    """Choices read from bytes; when those are used up, the first option of all."""

    def __init__(self, thrown: bytes) -> None:
        self._thrown = iter(thrown)

    def pick(self, options: Sequence[T]) -> T:
        return options[next(self._thrown, 0) % len(options)]

    def many(self, least: int, most: int, make: Callable[[], T]) -> tuple[T, ...]:
        return tuple(make() for _ in range(self.pick(range(least, most + 1))))

    def one_in(self, many: int) -> bool:
        return self.pick(range(many)) == many - 1

    def pay(self, lost: bool = False) -> Pay:
        model = self.pick(MODELS)
        tokens = self.pick(((7, 5), (2, 3), (0, 9), None))
        return Pay(model, tokens if model is not None else tokens or (1, 1), lost)

    def limits(self, many: int, requests: tuple[int, ...]) -> Limits:
        """One in so many times: what about so many requests use."""
        if not self.one_in(many):
            return ()
        return tuple((dimension, A_REQUEST[dimension] * self.pick(requests)) for dimension in self.pick(LIMITED))

    def writes(self) -> tuple[Write, ...]:
        return self.many(0, 2, lambda: Write(self.pick(HOWS), self.pick("kl"), self.pick(WORDS)))

    def call(self) -> Call:
        return Call(
            self.pick(CALLS),
            self.pick(ANSWERS),
            self.pick(VALUES),
            self.pick(LASTING),
            self.many(0, 2, lambda: self.pay(lost=self.one_in(8))),
            self.writes(),
        )

    def agent(self) -> Agent:
        return Agent(
            self.pick(("ann", "bob")),
            self.many(1, 3, self.call),
            takes_context=self.one_in(2),
            takes_feedback=self.one_in(2),
            metered=self.pick((None, None, "m:a", "m:a", "m:b", "m:unknown")),
            most=self.pick(((7, 5), None, (9, 9))),
            requests=self.pick((1, 1, 2)),
        )

    def verdict(self, agents: int) -> Verdict:
        redirect = self.pick((*[None] * 8, 0, 1, 1, 2, 2))
        return Verdict(
            self.pick(VERDICTS),
            self.pick((None, *WORDS)),
            (self.pick(VALUES),) if self.one_in(4) else None,
            redirect if redirect is None or redirect < agents else None,
            self.pick(LASTING),
            self.pay() if self.one_in(3) else None,
            self.writes(),
        )

    def plugin(self, name: str, agents: int) -> Plugin:
        verdicts = self.many(1, 3, lambda: self.verdict(agents))
        return Plugin(name, verdicts, self.pick((0, 1)), takes_context=self.one_in(2))

    def processor(self) -> Rule | None:
        return self.pick((*[None] * 30, *[Rule("wrap")] * 4, Rule("spoil", "s"), Rule("raise")))

    def rule(self, *options: Rule) -> Rule:
        """One of these; seldom one that raises, tries to change what it is given, or is of no use to its step."""
        return self.pick((*options * 9, Rule("raise"), Rule("spoil", "s", sees_context=True)))

    def mapper(self, *more: Rule) -> Rule | None:
        return self.rule(Rule("wrap"), Rule("log", sees_context=True), *more) if self.one_in(3) else None


@dataclass(frozen=True)
class Taste:
    """What kinds of steps a story may have, whether agents declare models, and whether there are limits."""

    kinds: tuple[str, ...] = KINDS
    metered: bool = True
    limits: bool = False

    def without(self, *kinds: str) -> Taste:
        return replace(self, kinds=tuple(kind for kind in self.kinds if kind not in kinds))


class Source(Protocol):
    """Where stories come from."""

    def bytes(self) -> bytes: ...

    def upto(self, most: int) -> int: ...

    def kind(self, kinds: tuple[str, ...]) -> str: ...


class Drawn:
    """From Hypothesis, which makes a failing story short."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def bytes(self) -> bytes:
        return self.draw(BYTES)

    def upto(self, most: int) -> int:
        return self.draw(UP_TO[most])

    def kind(self, kinds: tuple[str, ...]) -> str:
        return kinds[self.draw(UP_TO[len(kinds) - 1])]


class Seeded:
    """From a seed: the same stories always."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def bytes(self) -> bytes:
        return self.random.randbytes(100)

    def upto(self, most: int) -> int:
        return self.random.randint(0, most)

    def kind(self, kinds: tuple[str, ...]) -> str:
        return self.random.choice(kinds)


class Builder:
    """Makes stories: their structure from few choices, what the steps do from bytes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.upto = source.upto
        self.known: dict[str, Cached] = {}

    def dice(self) -> Dice:
        return Dice(self.source.bytes())

    def story(self, depth: int, taste: Taste) -> Story:
        steps = self.sequence(depth, taste)
        dice = self.dice()
        inputs: tuple[Any, ...] = ("rain", "rain", ["a", "b"], {"k": ["v"]})
        limits = dice.limits(1, (3, 2, 5, 1)) if taste.limits else ()
        return Story(steps, dice.pick(inputs), dice.many(0, 2, lambda: dice.pick(WORDS)), limits)

    def part(self, name: str, depth: int, taste: Taste) -> Part:
        """A step of any kind, with at most ``depth`` kinds inside each other."""
        kind = self.source.kind(taste.kinds) if depth > 1 else "plain"
        made: Part = getattr(self, kind)(name, depth, taste)
        return made

    def sequence(self, depth: int, taste: Taste) -> tuple[Part, ...]:
        return tuple(self.part(name, depth, taste) for name in "stu"[: 1 + self.upto(1)])

    def plain(self, name: str, depth: int, taste: Taste) -> Plain:
        fallback = self.part("f", depth - 1, taste) if depth > 1 and self.upto(3) == 3 else None
        dice = self.dice()
        max_retries, plugins = dice.pick((0, 1, 2)), dice.pick(((), ("p",), ("q", "p")))
        options: dict[str, Any] = {
            "retry_on": "KeyError" if dice.one_in(4) else "Exception",
            "backoff_s": dice.pick((None, None, 1, 3)),
            "input_processor": dice.processor(),
            "output_processor": dice.processor(),
            "updates_context": dice.one_in(12),
            "limits": dice.limits(4, (1, 2, 0)) if taste.limits else (),
        }
        agents = dice.many(1, 3, dice.agent)
        if not taste.metered:
            agents = tuple(replace(agent, metered=None) for agent in agents)
        judges = tuple(dice.plugin(plugin, len(agents)) for plugin in plugins)
        return Plain(name, agents, judges, max_retries=max_retries, fallback=fallback, **options)

    def parallel(self, name: str, depth: int, taste: Taste) -> Parallel:
        dice = self.dice()
        options: dict[str, Any] = {
            "merge": dice.pick(MERGES),
            "ignores_failures": dice.one_in(2),
            "include": dice.pick(INCLUDED),
            "max_concurrency": dice.pick((None, None, 1, 2)),
            "select": self.selection(dice),
            "ignore_unknown": dice.one_in(2),
        }
        names = "xyz"[: 1 + self.upto(2)]
        inner = taste.without("cached")
        return Parallel(name, tuple((branch, self.sequence(depth - 1, inner)) for branch in names), **options)

    def selection(self, dice: Dice) -> Rule | Plain | None:
        lists: tuple[list[str], ...] = (["x", "y"], ["z", "x", "x"], ["y"], ["x", "y"], [], ["x", "w"])
        if not dice.one_in(4):
            return None
        if dice.one_in(3):
            calls = tuple(Call(answer="const", value=dice.pick((*lists, "x"))) for _ in range(2))
            return Plain("choose", (Agent("router", calls),))
        return dice.rule(Rule("size", lists), Rule("by_log", lists, sees_context=True))

    def conditional(self, name: str, depth: int, taste: Taste) -> Conditional:
        dice = self.dice()
        keys: tuple[Any, ...] = dice.pick((("a", "b"), (True, False), (1, 2)))
        missing = (*keys * 4, "nowhere")
        condition = dice.rule(Rule("size", missing), Rule("by_log", missing, sees_context=True))
        branches = tuple((key, self.sequence(depth - 1, taste)) for key in keys)
        default = self.sequence(depth - 1, taste) if self.upto(1) else None
        return Conditional(name, condition, branches, default, dice.mapper(), dice.mapper())

    def loop(self, name: str, depth: int, taste: Taste) -> Loop:
        dice = self.dice()
        body = self.sequence(depth - 1, taste)
        exit_condition = dice.rule(
            Rule("from", 2), Rule("from", 1), Rule("from", 3), Rule("by_log", (True, False), True)
        )
        told = Rule("told")
        mappers = dice.mapper(told), dice.mapper(told), dice.mapper(told)
        return Loop(name, body, exit_condition, dice.pick((2, 3, 1)), *mappers)

    def map(self, name: str, depth: int, taste: Taste) -> Map:
        dice = self.dice()
        lists: tuple[list[Any], ...] = (["a", "b"], ["a", "a", "c"], [], [{"k": ["v"]}, "a"])
        items = dice.rule(Rule("size", lists), Rule("by_log", lists, sees_context=True))
        at_once = dice.pick((1, 1, None, 2))
        body = self.sequence(depth - 1, taste if at_once == 1 else taste.without("cached"))
        return Map(name, body, items, at_once, "no_merge" if at_once == 1 else dice.pick(MERGES))

    def nested(self, name: str, depth: int, taste: Taste) -> Nested:
        limits = self.dice().limits(2, (2, 4)) if taste.limits else ()
        return Nested(name, self.sequence(depth - 1, taste), limits)

    def cached(self, name: str, depth: int, taste: Taste) -> Cached:
        """An agent that reads nothing of the context, or all of it; often the same as elsewhere in the story."""
        dice = self.dice()
        if name in self.known and dice.one_in(2):
            return self.known[name]
        agent = dice.agent()
        if not taste.metered:
            agent = replace(agent, metered=None)
        if agent.takes_context:
            agent = replace(agent, calls=tuple(map(looking, agent.calls)))
        made = self.known[name] = Cached(Plain(name, (agent,), max_retries=dice.pick((0, 1, 2))))
        return made

    def human(self, name: str, depth: int, taste: Taste) -> Human:
        dice = self.dice()
        message = dice.rule(Rule("const", "really?"), Rule("wrap"), Rule("log", sees_context=True))
        return Human(name, message, dice.pick(("yes", "no")))


def looking(call: Call) -> Call:
    """The same, but it reads all of the context: what is set before it is read is not."""
    reading = tuple(write for write in call.writes if write.how not in ("clear", "winner"))
    return replace(call, answer="look", writes=reading)


@st.composite
def stories(draw: st.DrawFn, depth: int = 4, taste: Taste = Taste()) -> Story:
    return Builder(Drawn(draw)).story(depth, taste)


def seeded_stories(seed: int, depth: int = 4, taste: Taste = Taste()) -> Iterator[Story]:
    source = Seeded(seed)
    while True:
        yield Builder(source).story(depth, taste)
