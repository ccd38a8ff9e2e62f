"""The laws of whole runs: schedules, pauses and resumes, and every kind of step in every other. Data only."""

from __future__ import annotations

from tests.laws.held import files as at
from tests.laws.held.promises import Chapter, law, promise

S1 = law(
    "S1",
    "The same transcript for every schedule",
    promise(
        "The order in which branches and items finish changes nothing.",
        {
            at.PARALLEL: "test_the_transcript_does_not_depend_on_the_order_of_completion",
            at.MAP_OVER: "test_the_whole_story_is_the_same_in_turn_and_at_once",
            at.RESULTS: "test_transcripts_of_equal_runs_are_equal_though_their_times_differ",
        },
    ),
    promise(
        "The backend changes nothing.",
        {at.MATRIX: "test_the_transcript_is_the_same_on_both_backends"},
    ),
    promise(
        "Where a branch is stopped, every step is closed, every branch accounted for, nothing held, and what "
        "cancelled calls say is the same in every run.",
        {
            at.CANCELLING: "test_*",
            at.STOPPING: "test_a_run_cancelled_at_any_moment_closes_every_step_and_holds_nothing "
            "test_what_cancelled_calls_say_is_the_same_in_every_run",
            at.PARALLEL: "test_a_branch_never_vanishes_when_its_agent_raises_a_cancellation",
        },
    ),
    promise(
        "Branches begin in declared order where only some run at once.",
        {at.STREAMS: "test_branches_begin_in_declared_order_where_only_some_run_at_once"},
    ),
)

R1 = law(
    "R1",
    "Pause",
    promise(
        "A human step pauses the run from any depth; a pause is no failure.",
        {
            at.MATRIX: "test_a_question_inside_pauses_everything_around",
            at.RESUMING: "test_r1_*",
            at.HUMAN: "test_what_completed_steps_changed_is_in_the_context_of_a_paused_run",
        },
    ),
    promise(
        "The other branches finish first; under PROPAGATE a sibling's failure withdraws the question.",
        {
            at.ENDS: "test_r1_the_other_branches_finish_first* test_r1_*withdraws*",
            at.HUMAN: "test_a_failure_beside_it_withdraws_a_question test_an_ignored_failure_leaves_the_question_open",
        },
    ),
    promise(
        "The result lists what is asked and at which path, in declared order.",
        {
            at.ENDS: "test_r1_questions_of_several_branches_*",
            at.HUMAN: "test_several_questions_are_open_at_once_in_declared_order_and_others_finish_first",
        },
    ),
)

R2 = law(
    "R2",
    "Resume",
    promise(
        "Nothing that was answered is asked again: agents, plugins, people, functions.",
        {
            at.RESUMING: "test_r2_*",
            at.HUMAN: "test_nothing_that_was_answered_is_asked_again test_a_completed_run_has_nothing_to_resume",
            at.MATRIX: "test_an_answer_goes_on_from_the_question",
            at.JOURNAL: "test_a_replayed_run_calls_nobody_and_is_the_same_run test_runs_do_not_share_answers",
        },
    ),
    promise(
        "A resumed run ends like one that knew the answers from its start.",
        {at.ORACLE_RESUMING: "test_a_paused_run_goes_on_with_the_answers_that_there_are"},
    ),
    promise(
        "A recorded answer brings the change of its context with it.",
        {
            at.RESUMING: "test_r2_recorded_answers_bring_their_changes_of_the_context",
            at.JOURNAL: "test_a_replayed_run_calls_nobody_and_is_the_same_run test_a_deleted_field_is_deleted_again",
            at.RESUMED_CONTEXTS: "test_*",
        },
    ),
    promise(
        "Answers that nobody asked for, that were given before, or that do not fit are misuse, before anything runs.",
        {
            at.RESUMING: "test_r2_an_answer_*",
            at.HUMAN: "test_answers_that_do_not_fit_are_misuse_before_anything_runs "
            "test_an_answered_question_is_not_answered_again test_answers_are_read_by_the_schema",
        },
    ),
)

R3 = law(
    "R3",
    "Failed, limited and stopped runs",
    promise(
        "A failed run keeps all answers and feedback; the deepest failed step gets 1 + max_retries further attempts, "
        "numbered onward.",
        {
            at.RESUMING: "test_r3_the_failed_step_*",
            at.DOUBT: "test_r3_attempts_that_were_granted_once_stay_granted",
            at.ORACLE_RESUMING: "test_a_failed_run_goes_on_with_further_attempts",
        },
    ),
    promise(
        "Siblings that were stopped go on from their last answer.",
        {at.RESUMING: "test_r3_a_stopped_sibling_*", at.DOUBT: "test_r3_a_retry_that_was_stopped_*"},
    ),
    promise(
        "A limited run goes on under higher limits only; what was spent before counts.",
        {
            at.RESUMING: "test_r3_a_limited_run_* test_r3_limits_that_are_none_are_misuse",
            at.DOUBT: "test_r3_higher_limits_* test_r3_a_retry_that_was_refused_* test_r3_a_refusal_*",
            at.BROKEN_OFF: "test_a_verdict_that_passed_the_limit_is_not_paid_again_under_a_higher_one "
            "test_what_a_plugin_changed_is_kept_though_*",
            at.ORACLE_RESUMING: "test_a_limited_run_goes_on_under_higher_limits",
        },
    ),
)

K1 = law(
    "K1",
    "Every kind of step inside every other",
    promise(
        "The matrix: each kind within each kind completes, changes the context, is paid, fails, pauses, goes on and "
        "is limited as the laws say, on both backends.",
        {at.MATRIX: "test_*"},
    ),
    promise(
        "Random pipelines of all kinds do what a second engine says, which follows the laws word by word.",
        {at.ORACLE: "test_*"},
    ),
    promise(
        "The whole story of each kind, event by event.",
        {
            at.BRANCH_ON: "test_the_whole_story_of_a_condition",
            at.LOOP_UNTIL: "test_the_whole_story_of_a_loop",
            at.MAP_OVER: "test_the_whole_story_is_the_same_in_turn_and_at_once",
            at.SELECT: "test_the_whole_story_of_a_selection",
            at.CACHED: "test_the_story_of_a_miss_and_a_hit",
            at.HUMAN: "test_the_whole_story_of_a_question test_the_whole_story_of_an_answer",
            at.NESTED: "test_the_whole_story_of_a_nested_pipeline",
            at.REFINE: "test_drafts_are_made_until_one_is_complete",
        },
    ),
    promise(
        "A kind that is written wrongly is refused when it is built, with all problems at once.",
        {at.BAD_KINDS: "test_*"},
    ),
    promise("A hundred levels run, one more is refused.", {at.DEPTH: "test_a_hundred_levels_run test_one_level_more*"}),
    promise(
        "A golden of any kind tells every event of it: none can be missing, doubled or moved unnoticed.",
        {
            at.STORY_COMPOSITE_LAWS: "test_an_event_that_is_missing_or_comes_twice_makes_another_story "
            "test_a_decision_an_answer_or_an_end_that_changes_places_makes_another_story",
            at.STORY_LAWS: "test_a_lie_*",
        },
    ),
    promise("The story of every kind is a golden.", {at.GOLDENS: "test_*"}),
)

RUNS = Chapter(
    "Whole runs",
    "Schedules, pauses and resumes, and every kind of step inside every other.",
    (S1, R1, R2, R3, K1),
)
