"""Bad input and faults: what is expected of the engine and of what it tells, with the tests. Data only."""

from __future__ import annotations

from tests.laws.held import files as at
from tests.laws.held.promises import Chapter, law, promise

T1 = law(
    "T1",
    "Agents that misbehave",
    promise(
        "One that never returns, swallows its cancellation or blocks the loop is held to its deadline and named.",
        {
            at.DEADLINES: "test_an_agent_that_* test_the_watchdog_names_who_hangs_while_it_hangs",
            at.HOSTILE: "test_a_group_that_fails_while_it_times_out_is_an_overrun_and_retried",
        },
    ),
    promise(
        "One that raises a cancellation of its own fails its step; no branch vanishes.",
        {
            at.PARALLEL: "test_a_branch_never_vanishes_when_its_agent_raises_a_cancellation",
            at.FUNCTIONS: "test_a_function_that_raises_a_cancellation_fails_its_step",
        },
    ),
    promise(
        "KeyboardInterrupt leaves a consistent transcript.",
        {
            at.AUDIENCE: "test_an_interruption_propagates_after_the_end_was_told",
            at.ENDINGS: "test_an_interruption_at_a_steps_start_closes_the_step",
        },
    ),
    promise(
        "A coroutine or generator as an answer is an error that names it.",
        {at.STEP_ATTEMPTS: "test_an_answer_that_was_not_awaited_is_named"},
    ),
    promise(
        "A value without JSON form is named with its path, a cyclic one included.",
        {
            at.CANONICAL: "test_a_value_without_json_form_is_named_with_its_path",
            at.SHARING: "test_what_cannot_be_copied_is_refused_by_name test_a_context_that_contains_itself_is_refused",
        },
    ),
    promise(
        "Errors that have no words are named by their class; results with them can be pickled.",
        {
            at.HOSTILE: "test_an_error_that_cannot_be_told_is_named_by_its_class",
            at.ENDINGS: "test_a_failed_result_can_be_pickled",
        },
    ),
)

T2 = law(
    "T2",
    "Plugins, functions, cost models and listeners that misbehave",
    promise(
        "A plugin that raises, hangs, changes its input, returns None, or redirects in a circle or to nobody.",
        {
            at.STEP_PLUGINS: "test_a_plugin_that_misbehaves_rejects_and_is_named test_plugins_judge_a_private_copy",
            at.DEADLINES: "test_a_plugin_that_hangs_rejects_with_the_reason",
            at.STEP_REDIRECTS: "test_a_redirect_to_what_is_no_agent_is_a_rejection "
            "test_the_same_agent_twice_in_one_attempt_is_an_infinite_redirect",
        },
    ),
    promise(
        "A cost model, estimate, condition, mapper or merge function that raises fails its step; spend is kept.",
        {
            at.ACCOUNT: "test_a_cost_model_that_raises_fails_the_step_and_keeps_the_spend "
            "test_an_estimate_that_raises_fails_the_step_before_the_call",
            at.BRANCH_ON: "test_a_function_that_raises_fails_the_step_once_and_spend_is_kept",
            at.LOOP_UNTIL: "test_a_function_that_raises_fails_the_step_and_completed_iterations_stay",
            at.MAP_OVER: "test_items_that_raise_while_they_are_collected_fail_the_step",
            at.PARALLEL: "test_a_merge_function_that_raises_fails_the_step_with_the_cause",
        },
    ),
    promise(
        "A listener that raises is in listener_errors and changes nothing else.",
        {at.AUDIENCE: "test_a_listener_changes_nothing_for_the_transcript"},
    ),
    promise(
        "Parallel calls overspend on no schedule.",
        {at.ACCOUNT_LIMITS: "test_five_parallel_calls_of_four_cents_spend_at_most_ten_in_every_order_of_completion"},
    ),
)

T3 = law(
    "T3",
    "Odd values",
    promise(
        "NaN, infinities, -0.0, lone surrogates, NUL, bidi controls, both normal forms, huge integers and long lines "
        "are told exactly, distinct and visible, and read back as they were.",
        {
            at.STORY_PLAIN: "test_values_that_differ_never_render_equal test_values_are_told_by_what_they_hold "
            "test_an_integer_of_more_digits_than_python_writes_is_told_in_hexadecimal",
            at.STORY_YAML: "test_what_is_read_back_is_what_was_written "
            "test_the_text_is_one_that_any_editor_shows_as_it_is",
            at.CANONICAL: "test_the_text_tells_whether_two_values_differ",
            at.PROPAGATION_GOLDENS: "test_any_text_is_told",
        },
    ),
    promise(
        "Terminal escapes and commands to a CI service are shown inert.",
        {
            at.GOLDEN_FAILURE: "test_what_could_act_is_shown_instead test_no_line_of_shown_text_is_a_command",
            at.GOLDEN_LIFE: "test_a_model_cannot_command_the_ci_service",
            at.STORY_WORDS: "test_what_a_value_holds_does_nothing_to_a_terminal",
        },
    ),
)

T4 = law(
    "T4",
    "Size, depth and surroundings",
    promise(
        "Pipelines nested deeper than the limit are refused when they are built, with the reason.",
        {at.PIPELINE: "test_nesting_has_a_limit", at.DEPTH: "test_one_level_more_is_refused_with_the_reason"},
    ),
    promise(
        "A hundred thousand iterations, ten thousand branches, items or steps take time and memory in proportion.",
        {
            at.DEPTH: "test_a_hundred_thousand_iterations test_the_log_grows_with_the_size_only "
            "test_ten_thousand_items_at_once test_ten_thousand_branches test_a_sequence_of_*",
        },
    ),
    promise(
        "The backend and the order of completion change no byte of a golden.",
        {
            at.MATRIX: "test_the_transcript_is_the_same_on_both_backends",
            at.GOLDEN_OWNER: "test_one_golden_serves_all_backends",
            at.STORY_YAML: "test_the_same_data_is_always_written_the_same",
        },
    ),
)

T5 = law(
    "T5",
    "Goldens and recordings from outside",
    promise(
        "A secret is neither written nor shown.",
        {
            at.GOLDEN_LEAK: "test_*",
            at.GOLDEN_LIFE: "test_a_secret_is_neither_written_nor_shown",
            at.GOLDEN_WRITING: "test_a_file_with_a_secret_is_not_written",
        },
    ),
    promise(
        "A hostile file runs no code, takes bounded time and memory, and is one clear error.",
        {
            at.GOLDEN_PARSING: "test_*",
            at.GOLDEN_READING: "test_a_large_file_is_refused_before_it_is_read "
            "test_a_path_that_leaves_its_folder_is_refused test_a_symbolic_link_is_refused_wherever_it_stands",
            at.GOLDEN_PENDING: "test_a_hostile_proposal_is_refused",
            at.RECORDINGS_READ: "test_a_hostile_recording_is_refused test_reading_a_recording_runs_no_code",
        },
    ),
    promise(
        "Whatever fails while a golden is written, it is old or new, never half.",
        {
            at.GOLDEN_WRITING: "test_a_golden_is_old_or_new_whichever_operation_fails "
            "test_a_golden_is_old_or_new_whenever_the_process_is_killed test_a_folder_that_is_read_only*",
        },
    ),
    promise(
        "Two writers of one file are told, whoever they are.",
        {
            at.GOLDEN_OWNER: "test_two_owners_of_one_path_are_both_named_whichever_runs",
            at.GOLDEN_XDIST: "test_two_owners_of_one_path_on_two_workers_are_both_named",
            at.GOLDEN_LOCATION: "test_paths_that_differ_in_case_are_one_on_some_disk",
        },
    ),
)

FAULTS = Chapter(
    "Bad input and faults",
    "What the engine and its goldens do when agents, plugins, functions, files or surroundings misbehave.",
    (T1, T2, T3, T4, T5),
)
