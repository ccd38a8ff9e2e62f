"""What a random pipeline is: plain frozen data that says who is asked, and what everybody does when asked.

Nothing here runs. ``deeds.py`` says what the words mean to agents, plugins and user functions, ``model.py`` what they
mean to the laws, ``building.py`` makes real steps of them. A list of calls or verdicts is played by *turn*: the sum of
the attempt, iteration and item numbers in the path of the ask, so that nothing depends on the order of calls.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, TypeAlias

TIMEOUT_S = 6
"""Of every step that has one. Nobody answers later than after 5 seconds, but those who hang."""
Limits: TypeAlias = tuple[tuple[str, Decimal], ...]
"""Dimensions of usage, and how much of each is allowed, in the order of the fields of ``UsageLimits``."""


class Data:
    """Shown without the fields that have their defaults: a failing story should be short."""

    def __repr__(self) -> str:
        told = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)  # type: ignore[arg-type]
            if getattr(self, each.name) != each.default
        ]
        return f"{type(self).__name__}({', '.join(told)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # else Hypothesis shows every field


@dataclass(frozen=True, repr=False)
class Pay(Data):
    """One model request: input and output tokens, None if the provider did not say.

    One that was ``lost`` may have used more.
    """

    model: str | None
    tokens: tuple[int, int] | None
    lost: bool = False


@dataclass(frozen=True, repr=False)
class Write(Data):
    """One change of the context: see ``deeds.write``."""

    how: Literal["append", "drop", "clear", "winner", "note", "unnote", "page", "count"]
    key: str = "k"
    value: str = "v"


@dataclass(frozen=True, repr=False)
class Call(Data):
    """What an agent does in one turn. It writes and pays before it ends; who hangs only writes.

    ``lasts`` whole seconds, and a fraction that tells asks apart (see ``deeds.seconds``).
    """

    end: Literal["answer", "value_error", "key_error", "agent_error", "hang"] = "answer"
    answer: Literal["echo", "tell", "const", "look", "update", "spoil"] = "tell"
    value: Any = "v"
    lasts: int | None = None
    pays: tuple[Pay, ...] = ()
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, repr=False)
class Agent(Data):
    name: str
    calls: tuple[Call, ...] = (Call(),)
    takes_context: bool = False
    takes_feedback: bool = False
    metered: str | None = None
    most: tuple[int, int] | None = None
    requests: int = 1
    """The model that it declares, how many tokens of input and output a request may use at most, and how many there
    may be."""


@dataclass(frozen=True, repr=False)
class Verdict(Data):
    """What a plugin does in one turn. ``redirect`` is an index into the agents of the step."""

    end: Literal["accept", "reject", "raise", "nothing", "hang"] = "accept"
    feedback: str | None = None
    solution: tuple[Any] | None = None
    redirect: int | None = None
    lasts: int | None = None
    pays: Pay | None = None
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, repr=False)
class Plugin(Data):
    name: str
    verdicts: tuple[Verdict, ...] = (Verdict(),)
    priority: int = 0
    takes_context: bool = False


@dataclass(frozen=True, repr=False)
class Rule(Data):
    """What a user function does: see ``deeds.decide``. ``sees_context``: whether it takes the context, too."""

    how: Literal["const", "wrap", "keep", "log", "size", "spoil", "raise", "from", "told", "by_log"]
    value: Any = None
    sees_context: bool = False


@dataclass(frozen=True, repr=False)
class Plain(Data):
    """``agents[0]`` is the step's own; the others can be redirected to."""

    name: str
    agents: tuple[Agent, ...]
    plugins: tuple[Plugin, ...] = ()
    input_processor: Rule | None = None
    output_processor: Rule | None = None
    max_retries: int = 0
    retry_on: Literal["Exception", "KeyError"] = "Exception"
    backoff_s: int | None = None
    timeout: bool = True
    fallback: Part | None = None
    updates_context: bool = False
    limits: Limits = ()


@dataclass(frozen=True, repr=False)
class Parallel(Data):
    """``merge`` may be one of two functions: ``longest`` and ``broken``."""

    name: str
    branches: tuple[tuple[str, tuple[Part, ...]], ...]
    merge: Literal["no_merge", "context_update", "overwrite", "keep_first", "longest", "broken"] = "no_merge"
    ignores_failures: bool = False
    include: tuple[str, ...] | None = None
    max_concurrency: int | None = None
    select: Rule | Plain | None = None
    ignore_unknown: bool = False


@dataclass(frozen=True, repr=False)
class Conditional(Data):
    name: str
    condition: Rule
    branches: tuple[tuple[str | bool | int, tuple[Part, ...]], ...]
    default: tuple[Part, ...] | None = None
    input_mapper: Rule | None = None
    output_mapper: Rule | None = None


@dataclass(frozen=True, repr=False)
class Loop(Data):
    name: str
    body: tuple[Part, ...]
    exit_condition: Rule
    max_loops: int = 3
    initial_input_mapper: Rule | None = None
    iteration_input_mapper: Rule | None = None
    output_mapper: Rule | None = None


@dataclass(frozen=True, repr=False)
class Map(Data):
    name: str
    body: tuple[Part, ...]
    items: Rule
    max_concurrency: int | None = 1
    merge: Literal["no_merge", "context_update", "overwrite", "keep_first", "longest", "broken"] = "no_merge"


@dataclass(frozen=True, repr=False)
class Human(Data):
    """``answer`` is what somebody says in the end; ``wants_int`` that the answer must be a whole number."""

    name: str
    message: Rule
    answer: Any = "yes"
    wants_int: bool = False


@dataclass(frozen=True, repr=False)
class Nested(Data):
    name: str
    steps: tuple[Part, ...]
    limits: Limits = ()


@dataclass(frozen=True, repr=False)
class Cached(Data):
    step: Plain


Part: TypeAlias = Plain | Parallel | Conditional | Loop | Map | Human | Nested | Cached


@dataclass(frozen=True, repr=False)
class Story(Data):
    """A pipeline and what it is run on; ``tempo`` says how long everybody takes (see ``deeds.seconds``)."""

    steps: tuple[Part, ...]
    input: Any = "rain"
    log: tuple[str, ...] = ()
    limits: Limits = ()
    tempo: int = 0
