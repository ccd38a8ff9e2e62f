"""The oracle's plain step: attempts, redirects, verdicts, feedback, fallback, booking. Laws P1-P7, A1, A6, C1, C2, C7.

It shares no code with the engine. What an agent makes of its input is told by ``deeds.py``, which both ask.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.oracle import deeds, merging
from tests.oracle.budgets import Budget, Hold, amount, cost_of, settle, told_again
from tests.oracle.frames import Failed, Frame, Limited, budgets_of, play, plays, waited
from tests.oracle.moments import Ended, Turns
from tests.oracle.pipelines import TIMEOUT_S, Agent, Pay, Plain, Plugin, Rule

WHY = {"value_error": "ValueError: broke", "key_error": "KeyError: 'broke'", "agent_error": "cut off"}
LATE = f"no answer within {TIMEOUT_S} s"


class Unusable(Exception):
    """One attempt brought nothing: why, whether another attempt may follow, and what the next one is told.

    One that was stopped when a run ended that is resumed now does not count.
    """

    def __init__(self, why: Any, *, retryable: bool = True, told: deeds.Told = (), counts: bool = True) -> None:
        self.why = why
        self.retryable = retryable
        self.told = told
        self.counts = counts


@dataclass
class Attempt:
    """``context`` is None until somebody takes it; ``rejections`` are those of the attempts before."""

    frame: Frame
    here: str
    step: Plain
    budgets: tuple[Budget, ...]
    number: int
    rejections: deeds.Told
    input: Any
    hop: int = 0
    context: SimpleNamespace | None = None
    asked: bool = False

    @property
    def path(self) -> str:
        path = f"{self.here}/attempt:{self.number}"
        return f"{path}/redirect:{self.hop}" if self.hop else path

    @property
    def made(self) -> int:
        """How many attempts were made: this one counts once somebody was asked."""
        return self.number if self.asked or self.hop else self.number - 1

    def tell(self, kind: str, *fields: Any) -> None:
        self.frame.tell(kind, self.here, self.number, self.hop, *fields)

    def own_context(self) -> SimpleNamespace:
        if self.context is None:
            self.context = deepcopy(self.frame.context)
        return self.context


@plays(Plain, "step")
def play_plain(frame: Frame, here: str, step: Plain, value: Any) -> Turns:
    try:
        return (yield from attempted(frame, here, step, value))
    except Failed as failure:
        if step.fallback is None:
            raise
        _, _, made, why = failure.cause
    frame.tell("FellBack", here, made, why)
    return (yield from play(frame, here, step.fallback, value, "fallback:"))


def attempted(frame: Frame, here: str, step: Plain, value: Any) -> Turns:
    budgets = (*frame.budgets, *budgets_of(frame.run, step.limits, here))
    failed_at = frame.run.past.failed_at.get(here, ())
    allowed = 1 + step.max_retries
    rejections: deeds.Told = ()
    number, why = 0, None
    while number < allowed:
        number += 1
        attempt = Attempt(frame, here, step, budgets, number, rejections, value)
        try:
            return (yield from accepted(attempt))
        except Unusable as failure:
            why, rejections = failure.why, (*rejections, *failure.told)
            allowed += 0 if failure.counts else 1
            if not failure.retryable and not (attempt.made == number and number in failed_at):
                raise Failed(here, attempt.made, why) from None
        except Limited as limited:
            if limited.budget in frame.budgets:
                raise
            raise Failed(here, attempt.made, "limited") from None
        if number in failed_at:
            allowed = number + 1 + step.max_retries
        if number < allowed and step.backoff_s is not None:
            frame.tell("BackedOff", here, number, float(step.backoff_s))
            yield from waited(frame.run, f"{here}/backoff:{number}", step.backoff_s)
    raise Failed(here, number, why)


def accepted(attempt: Attempt) -> Turns:
    """The output of one attempt with its redirects; what it changed is in the frame's context then."""
    step, agents, target = attempt.step, [0], None
    if step.input_processor is not None:
        attempt.input = processed(step.input_processor, attempt.input)
    while True:
        output = yield from answered(attempt, step.agents[agents[-1]])
        if step.output_processor is not None:
            output = processed(step.output_processor, output)
        for plugin in sorted(step.plugins, key=lambda plugin: -plugin.priority):
            output, target = yield from judged(attempt, plugin, output)
            if target is not None:
                break
        if target is None:
            commit(attempt, output)
            return output
        if target in agents:
            hops = [step.agents[index].name for index in (*agents, target)]
            raise Unusable(("circle", *hops), retryable=False)
        agents.append(target)
        attempt.hop += 1
        # Each agent of an attempt starts from the attempt's base; plugins go on with the context of the last one.
        attempt.asked, attempt.context, target = False, None, None


def processed(rule: Rule, value: Any) -> Any:
    try:
        return deeds.decide(rule, deepcopy(value), None)
    except ZeroDivisionError as error:
        raise Unusable(f"ZeroDivisionError: {error}", retryable=False) from None


def answered(attempt: Attempt, agent: Agent) -> Turns:
    path, step = attempt.path, attempt.step
    given, feedback = attempt.input, attempt.rejections
    if feedback and not agent.takes_feedback:
        if isinstance(given, str):
            given = with_feedback(given, feedback)
        else:
            feedback = ()
            attempt.tell("FeedbackLost")
    hold = yield from admitted(attempt, agent)
    attempt.tell("Asked", agent.name, given, feedback)
    attempt.asked = True
    call = deeds.call_of(agent, path)
    context = attempt.own_context() if agent.takes_context else None
    if context is not None:
        deeds.write(context, call.writes)
    try:
        in_time = yield from came_in_time(attempt, path, call.end == "hang", call.lasts)
    except (Ended, Unusable):
        book(attempt, path, (), agent.metered, "cancelled", hold)
        attempt.tell("AskFailed", "cancelled", "cancelled")
        raise
    pays = call.pays if call.end in ("answer", "agent_error") else ()
    transport = "ok" if call.end == "answer" else "error" if in_time else "timeout"
    run = attempt.frame.run
    try:
        book(attempt, path, pays, agent.metered, transport, hold)
    except Limited:
        attempt.tell("AskFailed", "limited", "limited")
        if call.end != "answer":
            run.passed.add(path)
        raise
    if path in run.past.passed:  # as the log has it; the attempt was broken off by the limit
        run.passed.add(path)
        attempt.tell("AskFailed", "limited", "limited")
        raise Unusable("limited", counts=False)
    if call.end == "answer":
        told = feedback if agent.takes_feedback else None
        output = deeds.answer(agent, call, deepcopy(given), context, told)
        attempt.tell("Answered", output)
        return output
    why = WHY[call.end] if in_time else LATE
    attempt.tell("AskFailed", transport, why)
    raise Unusable(why, retryable=not in_time or step.retry_on == "Exception" or call.end == "key_error")


def with_feedback(text: str, feedback: deeds.Told) -> str:
    told = "\n".join(f"- {plugin} (attempt {attempt}): {reason}" for plugin, reason, attempt in feedback)
    return f"{text}\n\n<feedback>\nEarlier drafts were rejected:\n{told}\n</feedback>"


def admitted(attempt: Attempt, agent: Agent) -> Turns:
    """What a metered ask holds of the budgets above it; None if it need not hold anything. Laws A4, A5."""
    frame = attempt.frame
    if agent.metered is None or not attempt.budgets or attempt.path in frame.run.past.waits:
        return None
    limits_cost = any(each.dimension == "cost_usd" for each in attempt.budgets)
    if limits_cost and cost_of(agent.metered, (1, 1)) is None:
        raise Unusable(("unpriced", agent.metered), retryable=False)
    bounds: dict[str, Decimal | None] = {}
    for each in attempt.budgets:
        one = amount(each.dimension, agent.metered, agent.most)
        bounds[each.dimension] = None if one is None else one * agent.requests
    hold = Hold(attempt.budgets, bounds, frame.run.time.current)
    refused, queue = hold.refusal(), frame.run.queue
    if refused is None:
        alone = not frame.order and not queue.waiting and not queue.arrived
        if not (alone and hold.decide()):
            yield from queue.wait(frame.run.time, frame.order, hold)
        refused = hold.refused
    if refused is not None:
        left = max(refused.limit - refused.gone, Decimal(0))
        amounts = bounds[refused.dimension], left, refused.limit
        attempt.tell("NotAdmitted", refused.dimension, *map(deeds.exact, amounts))
        raise Limited(refused)
    return hold


def came_in_time(attempt: Attempt, path: str, hangs: bool, lasts: int | None) -> Turns:
    """Wait for somebody, but for those who were asked before. Who hangs where nothing bounds it hangs for a day."""
    run = attempt.frame.run
    late = hangs and attempt.step.timeout
    seconds = TIMEOUT_S if late else 86_400 if hangs else deeds.seconds(lasts, path, run.tempo)
    if (yield from waited(run, path, seconds)):
        raise Unusable("cancelled", counts=False)
    return not late


def book(
    attempt: Attempt, path: str, pays: tuple[Pay, ...], metered: str | None, transport: str, hold: Hold | None = None
) -> None:
    """Law A1: one entry for every request, before anybody judges. Raises Limited if a limit is passed then."""
    frame, run = attempt.frame, attempt.frame.run
    says_nothing = not pays
    if says_nothing and metered is not None:
        pays = (Pay(metered, None),)
    in_doubt = says_nothing or any(pay.lost for pay in pays)
    paid = [(pay.model or metered, pay.tokens) for pay in pays]
    for number, (model, tokens) in enumerate(paid, 1):
        outcome = "in_doubt" if pays[number - 1].lost else transport if len(pays) == 1 else "ok"
        entry = (path, number, attempt.number, frame.branch, model, tokens, cost_of(model, tokens), outcome)
        frame.tell("Paid", attempt.here, entry)
    run.paid[path] = paid
    if path in run.past.waits:
        run.doubts[path] = run.past.doubts.get(path, {})
        told_again(attempt.budgets, paid, run.doubts[path])
        settle(run.queue, run.time, None, attempt.budgets, paid)
    else:
        run.doubts[path] = settle(run.queue, run.time, hold, attempt.budgets, paid, in_doubt=in_doubt)
    for each in attempt.budgets if transport != "cancelled" else ():
        if each.spent > each.limit:
            frame.tell("LimitPassed", attempt.here, each.dimension, deeds.exact(each.spent), deeds.exact(each.limit))
            raise Limited(each)


def judged(attempt: Attempt, plugin: Plugin, output: Any) -> Turns:
    """The output after one plugin, and whom it redirects to."""
    path = f"{attempt.path}/plugin:{plugin.name}"
    verdict = plugin.verdicts[deeds.turn(path) % len(plugin.verdicts)]
    if plugin.takes_context:
        deeds.write(attempt.own_context(), verdict.writes)
    feedback = deeds.feedback_of(verdict, output, attempt.input, attempt.number, attempt.rejections)
    in_time = yield from came_in_time(attempt, path, verdict.end == "hang", verdict.lasts)
    gives = verdict.end in ("accept", "reject")
    book(attempt, path, (verdict.pays,) if gives and verdict.pays else (), None, "ok")
    if verdict.end == "nothing":
        feedback = f"plugin {plugin.name} gave no PluginOutcome but NoneType"
    elif not gives:
        feedback = f"plugin {plugin.name} failed ({WHY['value_error'] if in_time else LATE})"
    accepts = verdict.end == "accept"
    if not accepts and feedback is None:
        feedback = f"{plugin.name} gave no reason"
    redirect = verdict.redirect if gives else None
    replaces = accepts and redirect is None and verdict.solution is not None
    name = None if redirect is None else attempt.step.agents[redirect].name
    new = verdict.solution[0] if replaces and verdict.solution else None
    attempt.tell("Judged", plugin.name, accepts, feedback, name, replaces, new, not gives)
    if redirect is None and not accepts:
        reason = (plugin.name, feedback or "")
        raise Unusable(("rejected", *reason), told=((*reason, attempt.number),))
    return (deepcopy(new) if replaces else output), redirect


def commit(attempt: Attempt, output: Any) -> None:
    """Laws C2 and C7: what the attempt made of its context is kept as it is, then the output is merged into it."""
    frame = attempt.frame
    after = deepcopy(attempt.context or frame.context)
    if attempt.step.updates_context:
        known = isinstance(output, dict) and all(name in deeds.FIELDS for name in output)
        if not known or not all(type(output[name]) is type(getattr(after, name)) for name in output):
            raise Unusable("context update", retryable=False)
        vars(after).update(deepcopy(output))
    if changes := merging.changes(frame.context, after):
        frame.tell("ContextChanged", attempt.here, changes)
    frame.context = after
