"""The one error tree of Flujo. Plain data: a message, the path it happened at, and the values that matter.

Three families. *You built it wrong*: ``PipelineDefinitionError``, ``UsageError``. *The run failed*: everything under
``RunError``; a run keeps such an error in its result and raises it only from ``raise_for_status()``.
*We are wrong*: plain assertions, which have no class here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flujo.usage import RequestUsage, Usage, check_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal


class FlujoError(Exception):
    """Base of every error that Flujo raises."""

    def __reduce__(self) -> tuple[Callable[..., FlujoError], tuple[object, ...]]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[FlujoError], args: tuple[object, ...], state: dict[str, object]) -> FlujoError:
    """An error from a pickle: made of what it held, as its constructor asks for other things."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


# You built it wrong ---------------------------------------------------------------------------------


class MisuseError(FlujoError):
    """A call that cannot work as written; the message says which call to make instead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a pipeline: a stable ``code``, the ``path`` of the step, what, and the fix."""

    code: str
    path: str
    text: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path or 'the pipeline'}: {self.text} [{self.code}]. {self.fix}"


class PipelineDefinitionError(FlujoError):
    """A pipeline that cannot run as it was built; ``problems`` lists everything that is wrong with it at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class JournalConflict(MisuseError):
    """A journal has another answer for the ask at ``path`` of run ``run_id``; the one that it has stands."""

    def __init__(self, run_id: str, path: str) -> None:
        super().__init__(f"run '{run_id}' has another answer at '{path}' already: give every run an id of its own")
        self.run_id = run_id
        self.path = path


STORABLE = (
    "Use plain data, pydantic models or dataclasses of a module that can be imported; clients, locks and the like "
    "belong into resources"
)


class NotStorable(MisuseError):
    """A value that a store cannot keep, or not as it is: ``path`` (such as ``$.a[3].b``) says where, ``reason`` why."""

    def __init__(self, path: str, reason: str, what: str = "the value", fix: str = STORABLE) -> None:
        super().__init__(f"{what} cannot be stored: at {path}, {reason}. {fix}")
        self.path = path
        self.reason = reason
        self.what = what


class NoSuchRun(MisuseError):
    """A store knows no run of this id; ``near`` are those that look like it."""

    def __init__(self, run_id: str, near: Sequence[str] = ()) -> None:
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else "the store lists its runs with runs()"
        super().__init__(f"there is no run '{run_id}' in the store; {hint}")
        self.run_id = run_id
        self.near = tuple(near)


class RunHeld(MisuseError):
    """Another process, or another task of this one, is running the run; ``holder`` says which, and since when."""

    def __init__(self, run_id: str, holder: str) -> None:
        super().__init__(f"run '{run_id}' is being run by {holder}: wait for it to end, or end that process")
        self.run_id = run_id
        self.holder = holder


class PipelineChanged(MisuseError):
    """A run in a store was made by a pipeline of other steps; ``path`` is the first that differs, ``fork_at`` what to
    fork the run at, so that it keeps what both have in common."""

    def __init__(self, run_id: str, path: str, why: str, fork_at: str) -> None:
        super().__init__(
            f"run '{run_id}' was made by another pipeline: {why}. Go on with the pipeline that made it, "
            f"or take what both have in common: store.fork({run_id!r}, {fork_at!r}) gives the id of a new run"
        )
        self.run_id = run_id
        self.path = path
        self.fork_at = fork_at


# What agents and listeners raise ---------------------------------------------------------------------


class AgentError(FlujoError):
    """Raised by an agent that failed; what the provider was paid before the failure is booked all the same.

    ``usage`` and ``model`` describe one request; ``requests`` several, then they replace the two.
    ``cost_usd`` is what the provider says it charged, where it says so: 0 for a request that was refused and not
    charged. ``price_context`` names the variant it was bought in (batch, service tier).
    """

    def __init__(
        self,
        message: str,
        *,
        usage: Usage | None = None,
        model: str | None = None,
        cost_usd: Decimal | None = None,
        requests: Sequence[RequestUsage] | None = None,
        price_context: str | None = None,
    ) -> None:
        super().__init__(message)
        check_report(usage, model, cost_usd, requests)
        self.price_context = price_context
        self.usage = usage
        self.model = model
        self.cost_usd = cost_usd
        self.requests = None if requests is None else tuple(requests)


class PipelineAbort(FlujoError):
    """Raised by a listener to stop the run; the result's status is ``aborted`` and every spend is kept."""


# The run failed ---------------------------------------------------------------------------------------


class RunError(FlujoError):
    """Something went wrong at ``path`` while a pipeline ran."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class StepFailedError(RunError):
    """A step used up its ``attempts``, or met an error that is not retried; ``cause`` is the last error.

    ``attempts`` is None for a step that asks nobody itself.
    """

    def __init__(self, path: str, attempts: int | None, cause: BaseException) -> None:
        when = {None: "failed", 0: "failed before it was asked", 1: "failed after 1 attempt"}
        told_when = when.get(attempts, f"failed after {attempts} attempts")
        super().__init__(f"step '{path}' {told_when}: {told(cause)}", path=path)
        self.attempts = attempts
        self.cause = cause


class RejectedError(RunError):
    """The last draft of a step was rejected by ``plugin`` with ``feedback``."""

    def __init__(self, path: str, plugin: str, feedback: str) -> None:
        super().__init__(f"plugin '{plugin}' rejected the last draft: {feedback}", path=path)
        self.plugin = plugin
        self.feedback = feedback


class StepTimeoutError(RunError):
    """An agent gave no answer within its step's ``timeout_s`` (seconds)."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__(f"no answer within {timeout_s:g} s", path=path)
        self.timeout_s = timeout_s


class OverrunError(StepTimeoutError):
    """An agent came back only after its deadline: it swallowed its cancellation or blocked the event loop."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__(path, timeout_s)
        self.args = (
            f"came back after its deadline of {timeout_s:g} s: it swallows cancellation or blocks the event loop",
        )


class MisbehavedError(RunError):
    """An agent, plugin or user function answered with something that no pipeline can use."""


class DecisionError(RunError):
    """A user's function (a condition, a mapper, ...) raised, or returned what its step cannot use.

    ``function`` is the parameter that it was given for.
    """

    def __init__(self, path: str, function: str, why: str) -> None:
        super().__init__(f"{function} {why}", path=path)
        self.function = function


class UnknownBranchError(RunError):
    """A condition or selection named branches that the step does not have; ``known`` are those it has."""

    def __init__(self, path: str, function: str, keys: Sequence[object], known: Sequence[object]) -> None:
        chosen, branches = (", ".join(map(shown_value, names)) for names in (keys, known))
        super().__init__(f"{function} chose {chosen}, but the branches are: {branches}", path=path)
        self.keys = tuple(keys)
        self.known = tuple(known)


MAX_LOOPS = "the exit condition was not met within"


class MaxLoopsError(RunError):
    """A loop made ``max_loops`` iterations and its exit condition was never true."""

    def __init__(self, path: str, max_loops: int) -> None:
        super().__init__(f"{MAX_LOOPS} {max_loops} iterations (max_loops)", path=path)
        self.max_loops = max_loops


class InfiniteRedirectError(RunError):
    """Plugins sent one attempt in a circle, or past the hop limit; ``hops`` names every agent asked, in order."""

    def __init__(self, path: str, hops: Sequence[str], why: str) -> None:
        super().__init__(f"{why}: {' -> '.join(hops)}", path=path)
        self.hops = tuple(hops)


class ContextUpdateError(RunError):
    """An output could not be merged into the context; nothing was changed."""


class ContextMergeConflict(RunError):
    """Two branches changed ``field`` (a path such as ``$.notes.legal``) in different ways."""

    def __init__(self, field: str, values: Sequence[tuple[str, object]], *, path: str = "") -> None:
        told = ", ".join(f"branch '{branch}' has {shown_value(value)}" for branch, value in values)
        super().__init__(
            f"{field} was changed differently: {told}. Choose a merge_strategy that says which one holds",
            path=path,
        )
        self.field = field
        self.values = tuple(values)


class UsageLimitExceededError(RunError):
    """A usage limit does not admit a call, or was passed by one; ``dimension`` says which limit."""

    def __init__(self, message: str, *, path: str = "", dimension: str = "") -> None:
        super().__init__(message, path=path)
        self.dimension = dimension


class PriceError(RunError):
    """A request cannot be priced."""


class UnknownModelPrice(PriceError):
    """The price table has no row for a model."""


class MissingUnitPrice(PriceError):
    """A model has tokens of a kind for which neither it nor a parent kind has a price."""


class UnknownPriceContext(PriceError):
    """A request was made in a context (batch, service tier) that its price row does not know."""


class InDoubtError(RunError):
    """A call was in doubt after a crash, and its step was told to fail then (``on_doubt``), or a person said so."""


class StoreError(RunError):
    """A store cannot read or write; ``file`` is the file it is in. What was kept before stays kept."""

    def __init__(self, file: str, what: str, fix: str) -> None:
        super().__init__(f"the store {file} {what}. {fix}")
        self.file = file
        self.what = what


class RunTakenOver(StoreError):
    """Another process runs the run now: this one was silent for too long, and what it still wrote was refused."""

    def __init__(self, run_id: str, place: str, holder: str | None) -> None:
        by = f"was taken over by {holder}" if holder is not None else "was taken from this process"
        fix = "It goes on there; nothing that this process still brought was kept"
        super().__init__(place, f"refuses an answer: run '{run_id}' {by}", fix)
        self.run_id = run_id


class RunPausedError(RunError):
    """Raised by ``raise_for_status()`` of a run that waits for answers."""


def told(error: BaseException) -> str:
    """An error as transcripts and messages tell it: ours by their text, others with their type, no traceback."""
    name = type(error).__name__
    if name in ("CancelledError", "Cancelled"):  # their texts hold addresses
        return "cancelled"
    try:
        text = str(error)
    except Exception as broken:
        return f"{name}, whose text cannot be made ({type(broken).__name__})"
    if isinstance(error, FlujoError) and text:
        return text
    return f"{name}: {text}" if text else name


def shown_value(value: object) -> str:
    """A user's value as messages tell it: its repr, cut if it is long, and never an error."""
    try:
        text = repr(value)
    except Exception as broken:
        return f"<{type(value).__name__}, which cannot be shown ({type(broken).__name__})>"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


SHOWN = 200
"""Characters of a value that a message shows."""
