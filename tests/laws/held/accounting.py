"""The laws of accounting, A1 to A9: what is booked, what it cost, what is admitted. Data only."""

from __future__ import annotations

from tests.laws.held import files as at
from tests.laws.held.promises import Chapter, law, promise

A1 = law(
    "A1",
    "Every paid request is one entry",
    promise(
        "Failed, rejected, redirected, abandoned and interrupted calls are booked like any other.",
        {
            at.LEDGER: "test_every_paid_request_is_in_the_total_the_failed_and_the_rejected_too "
            "test_a_failed_request_is_paid_like_any_other",
            at.ACCOUNT: "test_a_cancelled_metered_call_is_booked test_an_unusable_answer_of_a_paid_call_is_booked*",
            at.STEP_ATTEMPTS: "test_what_was_paid_before_a_failure_is_booked",
            at.ENDS: "test_a1_a_call_that_was_stopped_with_its_branch_is_booked",
            at.ACCOUNTING_GOLDENS: "test_a1_three_attempts_of_which_two_fail_cost_three "
            "test_a1_a_fallbacks_primary_is_paid test_a1_a_redirected_agent_is_paid",
        },
    ),
    promise(
        "The requests of one call are entries of their own, named by run, path of the ask and number.",
        {
            at.LEDGER: "test_the_identity_of_a_request_is_its_place test_an_entry_says_who_paid_what_to_whom",
            at.ACCOUNT: "test_requests_within_one_call_are_priced_one_by_one",
            at.ACCOUNTING_GOLDENS: "test_a1_requests_of_one_call_are_entries_of_their_own",
        },
    ),
    promise(
        "An entry is written when its request ends, before anybody judges the answer.",
        {at.HOLDS: "test_a1_a_request_is_booked_before_its_answer_is_judged"},
    ),
    promise(
        "An entry tells what became of the transport; verdicts are events of their own and are joined by outcome.",
        {
            at.LEDGER: "test_costs_are_told_by_step_model_branch_and_outcome",
            at.JOURNAL_LIMITS: "test_what_a_processor_refused_was_not_accepted*",
        },
    ),
    promise(
        "Plugins that call a model are paid like agents.",
        {
            at.STEP_PLUGINS: "test_plugins_that_call_a_model_are_paid",
            at.ACCOUNTING_GOLDENS: "test_a1_a_plugin_that_calls_a_model_is_paid",
        },
    ),
    promise(
        "Who reports nothing and declares nothing makes no entry; a request that was refused costs nothing.",
        {
            at.ACCOUNT: "test_what_reports_nothing_is_no_entry_and_what_is_metered_always_is "
            "test_a_failed_request_that_cost_nothing_costs_nothing test_an_agent_that_says_it_made_no_request*",
            at.ACCOUNTING_GOLDENS: "test_a1_a_refused_request_costs_nothing "
            "test_a1_an_agent_that_fails_before_it_was_paid",
        },
    ),
    promise(
        "A report that could not be booked fails the call that makes it.",
        {at.HOSTILE: "test_a_report_that_cannot_be_booked_fails_the_ask_that_makes_it"},
    ),
)

A2 = law(
    "A2",
    "Sums agree",
    promise(
        "The run's total is the sum of its entries, by step, by model, by outcome and by branch.",
        {
            at.ACCOUNT: "test_sums_agree_every_way",
            at.LEDGER: "test_every_grouping_adds_up_to_the_same_sum",
            at.ACCOUNTING_GOLDENS: "test_a2_branches_and_steps_add_up",
        },
    ),
    promise(
        "Every kind inside every kind included.",
        {at.MATRIX: "test_costs_inside_are_costs_of_everything_around test_conservation_holds"},
    ),
    promise(
        "A check of its own, which shares no code with the engine's sums, finds every run that does not add up.",
        {at.CONSERVATION: "test_*"},
    ),
)

A3 = law(
    "A3",
    "Exact decimals",
    promise(
        "No float, no rounding, whatever decimal context the thread has.",
        {
            at.ACCOUNT: "test_an_ambient_precision_of_three_changes_nothing",
            at.MONEY: "test_a_sum_that_cannot_be_exact_is_an_error_and_never_rounded "
            "test_the_context_of_the_thread_changes_no_result test_what_is_no_exact_number_is_refused*",
            at.PRICES_OF_ANY: "test_the_decimal_context_of_the_thread_changes_no_price",
            at.ACCOUNTING_GOLDENS: "test_a3_every_kind_of_token_has_its_price",
        },
    ),
    promise(
        "The order in which requests end changes no sum.",
        {
            at.MONEY: "test_any_order_gives_the_same_sum",
            at.LEDGER: "test_replaying_entries_in_any_order_changes_no_sum "
            "test_ten_thousand_entries_in_any_order_give_one_exact_total",
        },
    ),
)

A4 = law(
    "A4",
    "An unknown price is never nothing",
    promise(
        "Without a limit a metered request of an unknown model has an unknown cost, and so has the run.",
        {
            at.ACCOUNT: "test_an_unknown_model_costs_nobody_knows_what",
            at.LEDGER: "test_a_request_that_nobody_can_price_is_unpriced_and_not_free "
            "test_one_unpriced_request_makes_the_total_unknown_and_keeps_the_rest",
            at.ACCOUNTING_GOLDENS: "test_a4_an_unknown_price_is_an_unknown_total",
        },
    ),
    promise(
        "Under a cost limit, or with strict pricing, it is an error before the call.",
        {
            at.ACCOUNT: "test_an_unknown_model_is_an_error_before_the_call_under_a_limit_or_strict_pricing",
            at.METERING: "test_a_metered_plugin_without_a_price_fails_the_step_before_it_is_asked "
            "test_strict_pricing_without_limits_reserves_nothing_and_pays_what_has_a_price",
            at.ACCOUNTING_GOLDENS: "test_a4_an_unknown_price_is_refused_under_a_limit",
        },
    ),
    promise(
        "A limit that is no cost limit needs no prices.",
        {at.METERING: "test_a_limit_that_is_no_cost_limit_needs_no_prices"},
    ),
)

A5 = law(
    "A5",
    "A budget reserves before the call",
    promise(
        "A call that could pass the limit is not made; equality is allowed; a limit of 0 is a limit.",
        {
            at.ACCOUNT_LIMITS: "test_a_call_that_could_pass_the_limit_is_never_made test_a_limit_of_zero_is_a_limit",
            at.BUDGET_ADMISSION: "test_a_bound_that_reaches_the_limit_exactly_is_admitted "
            "test_a_bound_that_could_pass_the_limit_is_refused_with_all_its_numbers test_a_limit_of_0_is_a_limit",
            at.ACCOUNTING_GOLDENS: "test_a5_a_call_that_could_pass_the_limit_is_not_made test_a5_equality_is_allowed",
        },
    ),
    promise(
        "Any number of parallel calls, ending in any order, never passes the limit.",
        {
            at.ACCOUNT_LIMITS: "test_five_parallel_calls_of_four_cents_spend_at_most_ten_in_every_order_of_completion",
            at.BUDGET_WAITING: "test_parallel_calls_never_pass_the_limit_in_any_order_of_completion",
            at.BUDGET_STORIES: "test_no_story_passes_a_limit_or_leaves_anything_reserved",
        },
    ),
    promise(
        "One hold per call, settled at its answer: none is held during back-off, verdicts and pauses.",
        {at.HOLDS: "test_a5_*"},
    ),
    promise(
        "Work inside a call draws on what the call holds.",
        {at.BUDGET_INSIDE: "test_*", at.JOURNAL_LIMITS: "test_a_nested_run_within_its_limits_disturbs_nobody"},
    ),
    promise(
        "Who is refused only because of what others hold waits, in declared order, and can be cancelled.",
        {
            at.BUDGET_WAITING: "test_a_call_waits_while_only_the_holds_of_others_are_in_its_way "
            "test_a_waiting_call_that_is_cancelled_leaves_no_trace_and_lets_the_next_go_on "
            "test_calls_of_one_tick_are_admitted_in_declared_order",
            at.ADMISSION: "test_*",
            at.ACCOUNT_LIMITS: "test_equality_is_allowed_and_waiting_ends_when_others_settle "
            "test_the_earliest_declared_branch_is_admitted_first",
            at.STREAMS: "test_a_limit_is_used_up_in_declared_order_where_one_branch_runs_at_once",
            at.ACCOUNTING_GOLDENS: "test_a5_parallel_calls_wait_for_what_others_give_back",
        },
    ),
    promise(
        "A metered call without a bound runs alone under a limit; an unmetered one holds nothing, "
        "and what it reports counts.",
        {
            at.ACCOUNT_LIMITS: "test_calls_without_a_bound_run_one_at_a_time_under_a_limit "
            "test_what_an_unmetered_call_reports_is_booked_and_a_breach_ends_the_run",
            at.BUDGET_WAITING: "test_calls_without_bounds_pass_the_limit_by_at_most_one_call",
        },
    ),
    promise(
        "A call that was lost after it was sent stays counted at its bound.",
        {
            at.ACCOUNT: "test_a_metered_call_that_times_out_is_in_doubt_and_its_bound_stays_counted",
            at.BUDGET_SETTLING: "test_a_call_in_doubt_stays_counted_at_its_bound",
            at.ACCOUNTING_GOLDENS: "test_a5_a_call_that_timed_out_is_in_doubt",
            at.DOUBT: "test_a5_what_was_held_beyond_what_is_known_of_a_call_stays_counted test_a5_*lost* "
            "test_a5_a_call_that_says_nothing_may_have_made_all_its_requests",
        },
    ),
    promise(
        "What is known of a call that was lost has been spent, whatever is in doubt of it.",
        {at.DOUBT: "test_a5_what_is_known_of_some_requests_of_a_call_counts"},
    ),
)

A6 = law(
    "A6",
    "A breach ends the run",
    promise(
        "It is not retried, not ignored, not saved by a fallback; the result is limited and shows all that was spent.",
        {
            at.ACCOUNT_LIMITS: "test_a_breach_is_neither_retried_nor_ignored_nor_saved_by_a_fallback",
            at.MATRIX: "test_a_breach_inside_ends_the_run_limited",
            at.ORACLE: "test_limits_admit_what_fits_and_end_what_they_are_for",
            at.ACCOUNTING_GOLDENS: "test_a6_a_breach_ends_the_run_and_no_fallback_saves_it "
            "test_a6_an_ignored_branch_cannot_hide_a_breach",
        },
    ),
    promise(
        "Siblings are stopped promptly and spend no more.",
        {
            at.ACCOUNT_LIMITS: "test_a_breach_stops_siblings_promptly",
            at.HOSTILE: "test_a_branch_that_swallows_the_stop_of_a_breach_spends_no_more",
        },
    ),
    promise(
        "A step's own limits cover one execution with its retries; breaching them fails the step, "
        "and its fallback runs under the outer limits.",
        {
            at.ACCOUNT_LIMITS: "test_a_steps_own_limit_fails_the_step_and_its_fallback_runs_under_the_outer_ones",
            at.JOURNAL_LIMITS: "test_an_answer_that_passed_a_steps_limit_is_kept_with_what_its_fallback_brought",
            at.NESTED_LIMITS: "test_a6_*",
            at.NESTED: "test_a_budget_of_its_own_fails_the_step_and_not_the_run "
            "test_each_execution_has_the_budget_for_itself",
            at.ACCOUNTING_GOLDENS: "test_a6_a_steps_own_limit_fails_the_step_only",
        },
    ),
    promise("Every dimension is a limit.", {at.ACCOUNT_LIMITS: "test_every_dimension_is_a_limit"}),
)

A7 = law(
    "A7",
    "Nested runs draw on all budgets above them",
    promise(
        "A budget inside another reserves in both, or in neither; the outermost breach is the one that counts.",
        {at.BUDGET_NESTING: "test_*"},
    ),
    promise(
        "So do pipelines, loops and maps inside a step with limits.",
        {at.NESTED_LIMITS: "test_a7_*", at.NESTED: "test_the_budget_of_the_run_counts_what_is_inside"},
    ),
    promise(
        "So does a run that an agent starts.",
        {
            at.ACCOUNT_LIMITS: "test_a_run_inside_an_agent_draws_on_the_budget_of_the_run_around_it",
            at.JOURNAL_LIMITS: "test_a_breach_inside_a_nested_run_*",
            at.DOUBT: "test_a7_*",
        },
    ),
)

A8 = law(
    "A8",
    "Nothing is paid or counted twice",
    promise(
        "A hit in a cache is an event, no entry, and costs nothing.",
        {at.CACHING: "test_a8_*", at.CACHED: "test_the_story_of_a_miss_and_a_hit"},
    ),
    promise(
        "Replay and resume restore the original entries.",
        {
            at.JOURNAL: "test_a_replayed_run_calls_nobody_and_is_the_same_run",
            at.RESUMING: "test_a8_*",
            at.LEDGER: "test_the_same_entry_again_is_no_second_payment",
        },
    ),
    promise(
        "What was spent stays shown, also where a run that goes on ends before it gets there.",
        {
            at.RESUMED_LEDGERS: "test_a8_*",
            at.BROKEN_OFF: "test_a_call_that_was_cut_off_is_shown_*",
            at.ORACLE_RESUMING: "test_what_was_spent_stays_shown_*",
        },
    ),
    promise(
        "Limits count after a replay what they counted before: what is in doubt, too, and tools, and runs inside.",
        {
            at.DOUBT: "test_a8_* test_r3_doubt_* test_r3_tools_that_were_called_before_count test_a7_* "
            "test_a5_what_was_spent_counts_before_a_resumed_run_gets_to_it",
            at.ENDINGS: "test_a_replayed_timeout_stays_in_doubt_so_the_limit_still_holds",
            at.ORACLE_RESUMING: "test_limits_count_what_they_counted_before_a_run_goes_on",
        },
    ),
)

A9 = law(
    "A9",
    "Limits are per run",
    promise(
        "Every run of a runner starts with its whole budget.",
        {at.ACCOUNT_LIMITS: "test_limits_are_per_run"},
    ),
)

ACCOUNTING = Chapter(
    "Accounting",
    "What is booked, what it cost, and which calls are admitted. Runs that are cancelled or aborted at every single "
    f"moment keep these laws, too: `{at.STOPPING}`.",
    (A1, A2, A3, A4, A5, A6, A7, A8, A9),
)
