"""The contract of plugins: ours keep it, and plugins that break a sentence of it are found out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flujo import PluginOutcome, Usage, validator
from flujo_testing import EchoAgent, PluginConformance, ScriptedPlugin, VirtualClock
from tests.flujo_testing.conformance import bad_plugins as bad
from tests.flujo_testing.conformance.bad_plugins import MODEL, USAGE
from tests.flujo_testing.conformance.found import breaches, sentences_of

pytestmark = pytest.mark.anyio


@validator(priority=3)
def at_most_two_lines(poem: dict[str, Any]) -> bool | str:
    return len(poem["lines"]) <= 2 or f"{len(poem['lines'])} lines, at most 2"


@validator
def has_lines(poem: dict[str, Any]) -> bool:
    return bool(poem["lines"])


class OfPoems(PluginConformance):
    def accepts(self) -> Sequence[Any]:
        return [{"lines": ["grey"]}, {"lines": ["grey", "rain"]}]

    def rejects(self) -> Sequence[Any]:
        return [{"lines": ["grey", "grey", "rain"]}]


class TestValidatorWithAReason(OfPoems):
    def make_plugin(self) -> Any:
        return at_most_two_lines


class TestValidatorWithoutAReason(OfPoems):
    def make_plugin(self) -> Any:
        return has_lines

    def rejects(self) -> Sequence[Any]:
        return [{"lines": []}]


class OfOneVerdict(PluginConformance):
    """A script gives its verdicts in order, whatever the draft is."""

    def accepts(self) -> Sequence[Any]:
        return []

    def rejects(self) -> Sequence[Any]:
        return []

    def usage_of(self, output: Any) -> Usage | None:
        return USAGE


class TestScriptedPluginThatAccepts(OfOneVerdict):
    def make_plugin(self) -> Any:
        return ScriptedPlugin(True, True, model=MODEL, usage=USAGE)

    def accepts(self) -> Sequence[Any]:
        return [["grey"]]


class TestScriptedPluginThatRejects(OfOneVerdict):
    def make_plugin(self) -> Any:
        return ScriptedPlugin("too grey", "too grey", model=MODEL, usage=USAGE)

    def rejects(self) -> Sequence[Any]:
        return [["grey"]]


class TestScriptedPluginThatMends(OfOneVerdict):
    def make_plugin(self) -> Any:
        outcome = PluginOutcome(True, new_solution=["bright"], usage=USAGE, model=MODEL)
        return ScriptedPlugin(outcome, outcome)

    def accepts(self) -> Sequence[Any]:
        return [["grey"]]


class TestScriptedPluginThatRedirects(OfOneVerdict):
    def make_plugin(self) -> Any:
        outcome = PluginOutcome(False, "ask the senior", redirect_to=EchoAgent(), usage=USAGE, model=MODEL)
        return ScriptedPlugin(outcome, outcome)

    def rejects(self) -> Sequence[Any]:
        return [["grey"]]


class Candidate(OfPoems):
    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind
        self.made = 0

    def make_plugin(self) -> Any:
        plugin = self.kind()
        self.made += 1
        plugin.number = self.made
        return plugin

    def usage_of(self, output: Any) -> Usage | None:
        used: Usage | None = self.kind.used
        return used


ASKING = {*sentences_of(PluginConformance)} - {"test_it_can_be_asked", "test_what_it_declares_is_sound"}
SOUND = "test_its_name_and_priority_are_sound"
IN_A_STEP = "test_it_judges_in_a_step_and_the_run_adds_up"
APART = "test_drafts_at_the_same_time_are_judged_apart"
EARLIER = "test_earlier_drafts_do_not_change_its_verdict"
ANSWERS = "test_it_answers_with_an_outcome"
AS_DECLARED = "test_it_accepts_and_rejects_what_it_should"
SAYS_WHY = "test_a_rejection_says_why"
MENDS = "test_a_new_solution_comes_with_an_acceptance"
REDIRECTS = "test_it_redirects_to_agents_only"
UNTOUCHED = "test_it_leaves_its_draft_alone"
SHARES = "test_its_outcomes_share_nothing"
USED = "test_its_usage_is_exact"
CANCELLED = "test_cancellation_gets_through"
DECLARED = "test_what_it_declares_is_sound"

TO_BE_ASKED = "a plugin has 'async def validate(self, draft)', which may take context and resources by keyword"
NAMED = "a plugin has a name that can stand in a path, without '/' and ':', and not 'output_type'"
STAYS = "name and priority never change: paths and the order of plugins are made of them"
OUTCOME = "a plugin awaits its verdict and returns it as a PluginOutcome, whose success is True or False"
AS_IT_SAYS = "a plugin accepts and rejects as declared"
ALONE = "a verdict depends on its draft alone, whatever the plugin judges before or meanwhile"
OWN = "a new solution belongs to the draft that it was given for, and no later call touches it"
STOPS = "a plugin that is cancelled stops and lets the cancellation pass"
UNCHANGED = "a plugin changes nothing in its draft; what it would change is a new solution"
EXACT = "a plugin reports what its verdict used, and None where it asked no model"
SHORT, LONG = "{'lines': ['grey']}", "{'lines': ['grey', 'grey', 'rain']}"
YES = "(True, None, <class 'NoneType'>, <absent>)"
NO = "(False, 'too long', <class 'NoneType'>, <absent>)"

BROKEN: list[tuple[type[Any], set[str], str, str]] = [
    (
        bad.TakesSettings,
        {"test_it_can_be_asked", *ASKING} - {CANCELLED},
        TO_BE_ASKED,
        "missing a required argument: 'settings'",
    ),
    (bad.IsNamedLikeAPath, {SOUND, IN_A_STEP}, NAMED, "its name is 'style/short'"),
    (bad.IsNamedLikeTheTypeCheck, {SOUND, IN_A_STEP}, NAMED, "its name is 'output_type'"),
    (bad.HasNoRealPriority, {SOUND}, "a plugin has a priority, a whole number", "it is True"),
    (bad.RenamesItself, {SOUND}, STAYS, "('short', 0) became ('short_2', 0)"),
    (bad.LowersItsPriority, {SOUND}, STAYS, "('short', 0) became ('short', -3)"),
    (bad.IsNamedApart, {SOUND}, STAYS, "('short', 0) became ('short2', 0)"),
    (bad.RaisesToReject, ASKING - {CANCELLED}, OUTCOME, f"on {SHORT} it raises ValueError: too long"),
    (bad.AnswersTrue, ASKING - {CANCELLED}, OUTCOME, f"on {SHORT} it returns True"),
    (bad.ForgetsToAwait, ASKING - {CANCELLED}, OUTCOME, f"on {SHORT} it returns a coroutine"),
    (bad.SucceedsWithAText, {ANSWERS}, OUTCOME, f"success on {SHORT} is 'yes'"),
    (
        bad.GivesReasonsInAList,
        {ANSWERS, SAYS_WHY},
        "feedback is a text, or None: the next attempt is told it",
        f"on {SHORT} it is ['too long']",
    ),
    (bad.AcceptsEverything, {AS_DECLARED, SAYS_WHY}, AS_IT_SAYS, f"it accepts {LONG}"),
    (bad.RejectsEverything, {AS_DECLARED}, AS_IT_SAYS, f"it rejects {SHORT}"),
    (
        bad.GivesNoReason,
        {SAYS_WHY},
        "a rejection says why, because the next attempt is told nothing else",
        f"its feedback on {LONG} is ' '",
    ),
    (
        bad.RejectsAndMends,
        {MENDS},
        "a new solution belongs to an accepting outcome: that of a rejection is lost",
        f"it rejects {LONG} and offers {{'lines': ['grey', 'grey']}}",
    ),
    (
        bad.RedirectsToAName,
        {REDIRECTS, IN_A_STEP},
        "a plugin redirects to an agent, or to None",
        "'senior' is neither a function nor has it 'async def run(self, input)'",
    ),
    (
        bad.MendsTheDraftItself,
        {UNTOUCHED},
        UNCHANGED,
        f"its output was {LONG} and became {{'lines': ['grey', 'grey']}}",
    ),
    (
        bad.ChangesTheInput,
        {UNTOUCHED},
        UNCHANGED,
        "its input was {'topic': 'rain'} and became {'topic': 'rain', 'seen': True}",
    ),
    (bad.AcceptsWhatItHasSeen, {EARLIER}, ALONE, f"on {LONG} it said {NO}, later {YES}"),
    (bad.KeepsTheDraftInItself, {APART}, ALONE, f"on {SHORT} it says {YES} alone, beside others {NO}"),
    (bad.SharesItsSolution, {SHARES}, OWN, "two outcomes hold the same object: [{'lines': ['bright']}, ['bright']]"),
    (
        bad.GrowsItsSolution,
        {SHARES, EARLIER, APART},
        OWN,
        "the second call changed {'lines': ['bright']} to {'lines': ['bright', 'bright']}",
    ),
    (bad.ReportsZeros, {USED}, EXACT, f"on {SHORT} it used None and reports Usage(requests=1)"),
    (
        bad.ReportsLess,
        {USED},
        EXACT,
        f"on {SHORT} it used Usage(input_tokens=11, output_tokens=7, requests=1) "
        "and reports Usage(input_tokens=11, requests=1)",
    ),
    (bad.NamesNoModel, {USED}, "usage comes with the model that it was paid for", "its model is None"),
    (
        bad.ReportsAnotherUsage,
        {USED},
        "usage is a flujo.Usage of whole numbers, or None",
        "it is Roughly(input_tokens=0, cache_read_tokens=0, cache_write_tokens=0, cache_writ...",
    ),
    (
        bad.SwallowsCancellation,
        {CANCELLED},
        STOPS,
        "it went on and answered PluginOutcome(success=True, feedback=None, redirect_to=None, new_solution=<ab...",
    ),
    (bad.TurnsCancellationIntoAnError, {CANCELLED}, STOPS, "it raised ConnectionError: lost"),
    (
        bad.DeclaresText,
        {DECLARED},
        "what is metered declares what its calls may use at most, in whole numbers",
        "max_output_tokens is '100'",
    ),
]


@pytest.mark.parametrize(("kind", "failed", "contract", "how"), BROKEN, ids=[kind.__name__ for kind, *_ in BROKEN])
async def test_a_plugin_that_breaks_a_sentence_of_the_contract_is_told_which_and_how(
    kind: type[Any], failed: set[str], contract: str, how: str, virtual_clock: VirtualClock
) -> None:
    found = await breaches(PluginConformance, Candidate(kind))
    assert set(found) == failed
    assert f"{contract}; but with {kind.__name__}: {how}" in found.values()


async def test_a_plugin_that_keeps_the_contract_is_not_blamed() -> None:
    assert await breaches(PluginConformance, Candidate(bad.Fine)) == {}


def test_every_test_of_the_contract_turns_red_for_some_plugin() -> None:
    assert {name for _, failed, _, _ in BROKEN for name in failed} == set(sentences_of(PluginConformance))


async def test_who_defines_nothing_is_told_what_to_define() -> None:
    with pytest.raises(NotImplementedError, match=r"PluginConformance must define make_plugin\(self\)"):
        await PluginConformance().test_it_can_be_asked()
    with pytest.raises(NotImplementedError, match=r"PluginConformance must define accepts\(self\)"):
        await PluginConformance().test_it_answers_with_an_outcome()
    with pytest.raises(NotImplementedError, match=r"PluginConformance must define rejects\(self\)"):
        await PluginConformance().test_a_rejection_says_why()


async def test_who_names_no_output_at_all_is_told_to() -> None:
    with pytest.raises(NotImplementedError, match="must name an output that the plugin accepts or rejects"):
        await OfOneVerdict().test_it_answers_with_an_outcome()
