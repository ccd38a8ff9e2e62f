"""The laws of propagation, P1 to P10: what reaches whom, what is retried, what ends what. Data only."""

from __future__ import annotations

from tests.laws.held import files as at
from tests.laws.held.promises import Chapter, law, promise

P1 = law(
    "P1",
    "Feedback reaches the next attempt",
    promise(
        "Every rejection so far reaches the next attempt. An agent that takes feedback gets its input unchanged.",
        {
            at.STEP_FEEDBACK: "test_feedback_reaches_the_agent_and_both_attempts_are_paid",
            at.PROPAGATION_GOLDENS: "test_p1_feedback_reaches_the_next_attempts",
        },
    ),
    promise(
        "Text input gets the original text with the feedback behind it, between marks.",
        {
            at.STEP_FEEDBACK: "test_text_input_gets_the_original_and_all_feedback_so_far",
            at.PROPAGATION_GOLDENS: "test_p1_feedback_is_put_behind_the_original_text",
        },
    ),
    promise(
        "Input that can carry no feedback is refused when the pipeline is built if the types show it; "
        "otherwise an event says that the feedback was lost.",
        {
            at.PIPELINE: "test_feedback_that_cannot_be_delivered_is_a_problem",
            at.STEP_FEEDBACK: "test_input_that_carries_no_feedback_says_so_in_an_event",
            at.PROPAGATION_GOLDENS: "test_p1_input_that_carries_no_feedback_says_so",
        },
    ),
    promise(
        "Exceptions are no feedback. retry_on filters what agents raise; rejections are always retried.",
        {
            at.STEP_FEEDBACK: "test_exceptions_are_not_feedback test_retry_on_filters_what_the_agent_raises "
            "test_rejections_are_retried_whatever_retry_on_says",
            at.PROPAGATION_GOLDENS: "test_p1_exceptions_are_retried_without_feedback "
            "test_p1_retry_on_stops_at_other_exceptions",
        },
    ),
    promise(
        "Errors of definition, price, budget and pause are not retried.",
        {at.HOSTILE: "test_what_no_further_attempt_mends_is_not_retried_but_may_fall_back"},
    ),
    promise(
        "A step makes 1 + max_retries attempts; the last rejection or error is why it failed.",
        {
            at.STEP_FEEDBACK: "test_the_last_rejection_is_the_error test_max_retries_of_zero_allows_one_attempt",
            at.PROPAGATION_GOLDENS: "test_p1_the_last_rejection_fails_the_step",
        },
    ),
)

P2 = law(
    "P2",
    "Plugins judge in order, on copies",
    promise(
        "Higher priority first, ties in declared order.",
        {
            at.STEP_PLUGINS: "test_plugins_run_by_priority_and_ties_in_declared_order",
            at.PROPAGATION_GOLDENS: "test_p2_plugins_run_by_priority_until_the_first_rejection",
        },
    ),
    promise("The first rejection ends the round.", {at.STEP_PLUGINS: "test_the_first_rejection_ends_the_round"}),
    promise("Each plugin judges a private copy of the draft.", {at.STEP_PLUGINS: "test_plugins_judge_a_private_copy"}),
    promise(
        "A declared output type is checked before all plugins; its error is the feedback.",
        {
            at.STEP_PLUGINS: "test_a_declared_output_type_is_checked_first_and_its_error_is_the_feedback "
            "test_text_that_is_json_becomes_the_declared_type",
            at.PROPAGATION_GOLDENS: "test_output_types_are_checked_like_plugins",
        },
    ),
)

P3 = law(
    "P3",
    "An accepting plugin may replace the output",
    promise(
        "The new solution of an accepting outcome is the output, and the next plugin sees it. None is a solution, too.",
        {
            at.STEP_PLUGINS: "test_a_new_solution_replaces_the_output_and_the_next_plugin_sees_it "
            "test_none_is_a_new_solution_and_a_rejection_has_none",
            at.PROPAGATION_GOLDENS: "test_p3_a_new_solution_is_what_the_next_plugin_sees",
        },
    ),
)

P4 = law(
    "P4",
    "A redirect asks somebody else within the attempt",
    promise(
        "The other agent gets the same input; plugins judge its answer; both calls are paid and shown.",
        {
            at.STEP_REDIRECTS: "test_a_redirect_asks_the_other_agent_within_the_attempt_and_both_are_paid",
            at.PROPAGATION_GOLDENS: "test_p4_a_redirect_asks_another_agent_within_the_attempt",
        },
    ),
    promise(
        "It starts from the context that the attempt started from.",
        {at.STEP_REDIRECTS: "test_a_redirected_agent_starts_from_the_attempts_base_context"},
    ),
    promise(
        "A redirect beats a new solution.",
        {at.STEP_REDIRECTS: "test_a_redirect_beats_a_new_solution_of_an_accepting_outcome"},
    ),
    promise(
        "The same agent twice in one attempt is an error that names everybody asked; so is passing ten hops. "
        "Equal but distinct agents are no circle.",
        {
            at.STEP_REDIRECTS: "test_the_same_agent_twice_in_one_attempt_is_an_infinite_redirect "
            "test_equal_but_distinct_agents_are_no_loop_and_hops_have_a_limit",
        },
    ),
    promise(
        "That error is not retried but may fall back.",
        {
            at.STEP_REDIRECTS: "test_an_infinite_redirect_may_fall_back",
            at.PROPAGATION_GOLDENS: "test_p4_a_circle_of_redirects_is_not_retried_but_falls_back",
        },
    ),
    promise(
        "A redirect to something that is no agent is a rejection.",
        {
            at.STEP_REDIRECTS: "test_a_redirect_to_what_is_no_agent_is_a_rejection",
            at.HOSTILE: "test_a_redirect_to_an_agent_with_an_impossible_output_type_is_a_rejection",
            at.ENDINGS: "test_a_redirect_to_what_cannot_be_looked_at_rejects",
        },
    ),
)

P5 = law(
    "P5",
    "A plugin that breaks rejects",
    promise(
        "A plugin that raises or gives no outcome rejects the draft; the reason is the feedback, and it is retried.",
        {
            at.STEP_PLUGINS: "test_a_plugin_that_misbehaves_rejects_and_is_named "
            "test_a_rejection_without_a_reason_gets_one",
            at.ENDINGS: "test_a_plugin_that_raises_an_error_without_words_rejects",
            at.PROPAGATION_GOLDENS: "test_p5_a_plugin_that_crashes_rejects",
        },
    ),
    promise("A plugin that hangs rejects when its time is up.", {at.DEADLINES: "test_a_plugin_that_hangs_rejects*"}),
    promise(
        "A step whose plugin breaks every time ends in its fallback like any other.",
        {at.ROUNDS: "test_p5_a_plugin_that_always_crashes_ends_in_the_fallback"},
    ),
)

P6 = law(
    "P6",
    "Deadlines",
    promise(
        "timeout_s bounds each call of an agent and each call of a plugin.",
        {
            at.DEADLINES: "test_an_agent_that_gives_no_answer_in_time_has_failed_its_attempt "
            "test_a_plugin_that_hangs_rejects_with_the_reason test_our_timeouts_are_retried_whatever_retry_on_says",
            at.PROPAGATION_GOLDENS: "test_p6_ten_timeouts_of_two_minutes_take_no_time",
        },
    ),
    promise(
        "Waiting for budget, or for a slow reader of a stream, does not count.",
        {
            at.HOLDS: "test_p6_waiting_for_budget_is_no_part_of_the_deadline",
            at.STREAMS: "test_an_agent_does_not_time_out_because_its_reader_is_slow",
        },
    ),
    promise(
        "A timeout of ours and a TimeoutError of the agent's own are told apart.",
        {
            at.DEADLINES: "test_a_timeout_of_the_agents_own_is_its_exception",
            at.PROPAGATION_GOLDENS: "test_p6_a_timeout_of_ours_and_one_of_the_agent_are_told_apart",
        },
    ),
    promise(
        "An agent that swallows its cancellation or blocks the event loop has failed, whatever it returns, "
        "and is named.",
        {
            at.DEADLINES: "test_an_agent_that_swallows_its_cancellation_has_failed_whatever_it_returns "
            "test_an_agent_that_blocks_the_event_loop_has_failed_even_if_it_raises",
            at.HOSTILE: "test_a_group_that_fails_while_it_times_out_is_an_overrun_and_retried",
            at.PROPAGATION_GOLDENS: "test_p6_an_agent_that_swallows_its_cancellation_is_named",
        },
    ),
    promise("A watchdog names it while it hangs.", {at.DEADLINES: "test_the_watchdog_*"}),
    promise(
        "Back-off waits between attempts, in the transcript.",
        {
            at.STEP_ATTEMPTS: "test_backoff_waits_between_attempts_and_is_in_the_transcript",
            at.PROPAGATION_GOLDENS: "test_p6_backoff_waits_between_attempts",
        },
    ),
)

P7 = law(
    "P7",
    "One way to run a step",
    promise(
        "With a fallback or without, a step makes the same rounds, with the same feedback and the same spend.",
        {at.ROUNDS: "test_p7_a_fallback_changes_nothing_before_it_begins"},
    ),
    promise(
        "Streamed or not, a run tells the same transcript.",
        {
            at.ROUNDS: "test_p7_a_streamed_run_tells_the_same_transcript",
            at.AUDIENCE: "test_chunks_come_as_they_arrive_and_the_accounting_is_that_of_an_unstreamed_run",
        },
    ),
    promise(
        "Cached or not, a step that has to be made tells the same rounds and pays the same.",
        {at.ROUNDS: "test_p7_a_step_inside_a_cache_makes_the_same_rounds"},
    ),
    promise(
        "A fallback gets the original input, the context from before the primary's first attempt, and no feedback.",
        {
            at.STEP_FALLBACKS: "test_a_fallback_starts_afresh_and_the_primary_is_paid "
            "test_a_failed_primary_leaves_neither_input_nor_context_changed",
            at.PROPAGATION_GOLDENS: "test_p7_a_fallback_starts_afresh",
            at.ROUNDS: "test_p7_a_fallback_gets_the_input_without_what_retries_were_told",
        },
    ),
    promise(
        "It may be a step of any kind, and runs its own plugins only.",
        {
            at.STEP_FALLBACKS: "test_a_fallback_runs_its_own_plugins_only",
            at.ROUNDS: "test_p7_a_fallback_of_any_kind_starts_from_the_original_input",
        },
    ),
    promise(
        "A fallback that fails too is the error, and both are paid.",
        {
            at.STEP_FALLBACKS: "test_a_fallback_that_fails_is_the_error_and_names_its_path",
            at.PROPAGATION_GOLDENS: "test_p7_a_fallback_that_fails_too",
        },
    ),
    promise(
        "A step that its fallback saved keeps its name and says so.",
        {
            at.JOURNAL_LIMITS: "test_a_step_that_was_refused_by_its_limit_says_that_its_fallback_saved_it "
            "test_a_step_that_passed_its_limit_says_that_its_fallback_saved_it"
        },
    ),
)

P8 = law(
    "P8",
    "Failures",
    promise(
        "A failed step ends its pipeline; nothing after it runs.",
        {at.PROPAGATION_GOLDENS: "test_p8_a_failed_step_ends_its_pipeline"},
    ),
    promise(
        "Under PROPAGATE the failure of one branch stops the others at once, whatever their agents make of it.",
        {
            at.PARALLEL: "test_a_failure_stops_the_other_branches_and_fails_the_step",
            at.HOSTILE: "test_a_stopped_branch_is_stopped_whatever_its_agent_makes_of_it",
            at.STOPPING: "test_nested_parallel_steps_stop_with_the_branch_around_them "
            "test_a_nested_parallel_step_that_has_not_begun_asks_nobody_after_the_stop",
            at.PROPAGATION_GOLDENS: "test_p8_a_failing_branch_stops_the_others",
        },
    ),
    promise(
        "Under IGNORE the others go on; the output holds the successful branches in declared order.",
        {
            at.PARALLEL: "test_an_ignored_failure_lets_the_others_go_on_and_is_never_merged "
            "test_every_branch_gets_the_input_and_the_output_keeps_declared_order",
            at.PROPAGATION_GOLDENS: "test_p8_an_ignored_failure_leaves_the_others",
        },
    ),
    promise(
        "All failing under IGNORE fails the step with the earliest declared error.",
        {
            at.PARALLEL: "test_all_failing_under_ignore_fails_the_step_with_the_earliest_declared_error",
            at.PROPAGATION_GOLDENS: "test_p8_all_branches_failing_fails_the_step",
        },
    ),
    promise(
        "A limit outranks a failure, and a failure a pause.",
        {at.ENDS: "test_p8_*", at.HUMAN: "test_a_failure_beside_it_withdraws_a_question"},
    ),
    promise(
        "Whatever kinds are around a step, its failure fails them all, and the error keeps its path.",
        {at.MATRIX: "test_a_failure_inside_fails_everything_around_with_its_own_path"},
    ),
)

P9 = law(
    "P9",
    "Listeners and interruptions",
    promise(
        "Listeners see every event of every depth.",
        {at.AUDIENCE: "test_listeners_see_every_event_of_every_depth"},
    ),
    promise(
        "A listener that raises changes neither transcript nor status; its error is in listener_errors.",
        {
            at.AUDIENCE: "test_a_listener_changes_nothing_for_the_transcript",
            at.PROPAGATION_GOLDENS: "test_p9_a_listener_that_raises_changes_nothing",
        },
    ),
    promise(
        "PipelineAbort ends the run as aborted, at any event, and all spend is kept.",
        {
            at.AUDIENCE: "test_an_abort_stops_the_run_and_keeps_every_spend test_an_abort_interrupts_calls_that_wait "
            "test_an_abort_at_the_very_last_step_still_aborts",
            at.STOPPING: "test_an_abort_at_*",
            at.ENDINGS: "test_an_abort_without_words_aborts",
            at.PROPAGATION_GOLDENS: "test_p9_a_listener_that_aborts",
        },
    ),
    promise(
        "A cancellation from outside and KeyboardInterrupt go on after the end of the run was told.",
        {
            at.AUDIENCE: "test_a_run_cancelled_from_outside_tells_its_end_before_it_propagates "
            "test_an_interruption_propagates_after_the_end_was_told",
            at.STOPPING: "test_a_run_cancelled_at_any_moment_closes_every_step_and_holds_nothing "
            "test_an_asyncio_task_cancelled_at_any_moment_closes_every_step_and_holds_nothing",
            at.DEADLINES: "test_a_cancellation_from_outside_is_no_timeout",
            at.PARALLEL: "test_an_interruption_in_a_branch_is_raised_as_it_is",
            at.FUNCTIONS: "test_an_interruption_in_a_function_is_raised_as_it_is",
        },
    ),
    promise(
        "A stream gives every event, a slow reader slows the run, leaving early cancels it.",
        {
            at.AUDIENCE: "test_a_stream_gives_events_then_the_result test_a_slow_reader_slows_the_run "
            "test_leaving_early_cancels_the_run",
            at.STREAMS: "test_leaving_a_stream_at_any_event_closes_what_was_open",
        },
    ),
)

P10 = law(
    "P10",
    "Functions decide, steps do",
    promise(
        "Conditions, selections, items, mappers and exit conditions are plain functions; async ones are refused when "
        "the pipeline is built.",
        {
            at.FUNCTIONS: "test_what_cannot_be_called_says_why test_what_a_function_takes_is_read_from_its_signature",
            at.BAD_KINDS: "test_a_function_that_cannot_be_called_is_refused_by_name",
        },
    ),
    promise(
        "So are merge functions and processors.",
        {
            at.PIPELINE: "test_a_parallel_step_that_cannot_run_is_refused test_a_step_that_cannot_run_is_refused",
            at.BUILD_CHECKS: "test_an_async_validator_is_refused_where_it_is_written",
            at.BINDING: "test_plain_functions_are_called_in_line",
        },
    ),
    promise(
        "They get copies: what they change is gone.",
        {
            at.FUNCTIONS: "test_the_context_that_a_function_is_given_is_a_copy "
            "test_a_function_keeps_nothing_that_the_run_still_changes "
            "test_what_a_function_returned_may_change_later_without_changing_the_transcript",
            at.BRANCH_ON: "test_functions_work_on_copies",
            at.LOOP_UNTIL: "test_what_functions_change_is_gone",
            at.MAP_OVER: "test_what_items_and_bodies_change_in_an_item_stays_their_own",
            at.PARALLEL: "test_a_merge_function_gets_copies_and_decides",
        },
    ),
    promise(
        "One that raises, or answers what its step cannot use, fails the step with the cause; spend is kept.",
        {
            at.BRANCH_ON: "test_a_function_that_raises_fails_the_step_once_and_spend_is_kept",
            at.LOOP_UNTIL: "test_a_function_that_raises_fails_the_step_and_completed_iterations_stay "
            "test_an_exit_condition_says_true_or_false_and_nothing_else",
            at.MAP_OVER: "test_what_is_no_list_of_items_is_an_error_that_says_so",
            at.SELECT: "test_what_is_no_list_of_names_says_so",
            at.HUMAN: "test_a_message_that_is_no_text_fails_the_step",
            at.FUNCTIONS: "test_what_is_to_be_awaited_or_collected_is_no_key",
            at.PARALLEL: "test_a_merge_function_that_raises_fails_the_step_with_the_cause",
            at.STEP_ATTEMPTS: "test_a_processor_that_raises_fails_the_step_at_once_and_the_spend_is_kept",
        },
    ),
    promise(
        "Every decision is in the transcript, and a resumed run does not take it again.",
        {
            at.RESUMING: "test_p10_*",
            at.BRANCH_ON: "test_the_whole_story_of_a_condition test_mappers_are_decisions_of_their_own*",
            at.LOOP_UNTIL: "test_mappers_are_told_between_the_iterations_they_stand_between",
        },
    ),
)

PROPAGATION = Chapter(
    "Propagation",
    "What reaches whom, what is retried, and what ends what. Random pipelines hold all of it together: "
    f"`{at.ORACLE}` runs them on the engine and on a second, much simpler engine that follows the laws word by word.",
    (P1, P2, P3, P4, P5, P6, P7, P8, P9, P10),
)
