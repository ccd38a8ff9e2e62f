"""The invariants of accounting, and mistakes that users of such tools have met, each with a test. Data only."""

from __future__ import annotations

from tests.laws.held import files as at
from tests.laws.held.promises import Chapter, law, promise

I1 = law(
    "I1",
    "Sums and totals",
    promise(
        "Sums agree every way.",
        {at.ACCOUNT: "test_sums_agree_every_way", at.LEDGER: "test_every_grouping_adds_up_to_the_same_sum"},
    ),
    promise(
        "Any order of completion gives the same total.",
        {
            at.LEDGER: "test_ten_thousand_entries_in_any_order_give_one_exact_total",
            at.USAGE: "test_usages_add_up_in_any*",
        },
    ),
    promise(
        "Booking an entry again changes nothing; the same id with other content is an error.",
        {
            at.LEDGER: "test_the_same_entry_again_is_no_second_payment "
            "test_the_same_entry_with_other_content_is_an_error_that_names_it "
            "test_replaying_entries_in_any_order_changes_no_sum",
        },
    ),
    promise(
        "Known is at most the total, and the total at most what is possible.",
        {at.LEDGER: "test_known_is_at_most_total_and_total_at_most_possible"},
    ),
)

I2 = law(
    "I2",
    "Budgets",
    promise(
        "After a run nothing is reserved, however it ended; every hold has come to one end.",
        {
            at.BUDGET_STORIES: "test_no_story_passes_a_limit_or_leaves_anything_reserved",
            at.STOPPING: "test_a_run_cancelled_at_any_moment_closes_every_step_and_holds_nothing",
        },
    ),
    promise(
        "Spent and reserved are at most the limit at every moment, while every actual is at most its bound.",
        {
            at.BUDGET_STORIES: "test_no_story_passes_a_limit_or_leaves_anything_reserved",
            at.BUDGET_POLICIES: "test_a_budget_that_does_not_add_up_is_noticed",
            at.PRICES_OF_ANY: "test_no_request_within_its_tokens_costs_more_than_its_bound",
        },
    ),
    promise(
        "Settling and releasing twice counts once; more than the bound is recorded in full.",
        {
            at.BUDGET_SETTLING: "test_a_hold_settled_twice_counts_once test_a_released_hold_stays_released "
            "test_more_than_the_bound_is_recorded_in_full_and_named_as_a_breach",
        },
    ),
    promise(
        "The bound is the estimated input and all of the output, at the dearest price it can reach.",
        {at.PRICE_BOUNDS: "test_a_bound_*"},
    ),
)

I3 = law(
    "I3",
    "Costs",
    promise(
        "No cost is negative.",
        {
            at.AMOUNT: "test_an_amount_that_cannot_be_is_refused",
            at.PRICE_TABLES: "test_a_negative_price_is_refused",
            at.USAGE: "test_a_negative_count_is_refused_with_its_name_and_value",
        },
    ),
    promise(
        "Unknown is never 0, and 0 is a real answer.",
        {
            at.LEDGER: "test_a_request_that_nobody_can_price_is_unpriced_and_not_free "
            "test_usages_add_up_and_a_request_without_one_still_is_a_request",
            at.AMOUNT: "test_what_is_known_of_amounts_adds_up_and_what_one_does_not_know_is_named",
            at.USAGE: "test_a_request_without_usage_says_that_it_is_absent "
            "test_a_request_that_used_nothing_is_not_absent",
        },
    ),
    promise(
        "Costs add up over entries only: summed usage is never priced.",
        {
            at.LEDGER: "test_a_tier_is_decided_by_request_and_not_by_the_sum_of_the_run",
            at.PRICES: "test_the_tier_is_decided_by_request_and_not_by_the_sum",
        },
    ),
    promise(
        "Every token is billed exactly once, by the price of the moment its request started.",
        {
            at.PRICES_OF_ANY: "test_every_token_is_billed_exactly_once",
            at.LEDGER: "test_a_request_is_priced_by_the_time_it_started",
            at.PRICES: "test_a_request_costs_what_was_valid_in_utc_when_it_started",
        },
    ),
)

I4 = law(
    "I4",
    "Prices",
    promise(
        "A price that cannot be told is an error and no guess: model, kind of token, variant, overlap of kinds.",
        {
            at.PRICES: "test_an_unknown_model_is_an_error_that_lists_the_known_ones "
            "test_tokens_of_a_kind_without_any_price_are_an_error "
            "test_an_unknown_context_is_an_error_and_not_the_standard_price "
            "test_tokens_of_two_kinds_with_a_price_each_are_an_error_and_no_guess",
        },
    ),
    promise(
        "A table is exact, written in text, and known by the hash of what it holds.",
        {
            at.PRICE_TABLES: "test_a_price_that_is_a_float_or_a_bool_is_refused "
            "test_equal_contents_have_equal_ids_however_they_are_written test_other_contents_have_other_ids",
        },
    ),
    promise(
        "What a provider reports as its cost is kept beside ours.",
        {at.LEDGER: "test_the_cost_of_the_provider_*", at.OPENAI_CHAT: "test_a_cost_that_the_provider_reports_*"},
    ),
    promise(
        "Wire formats are read at the edge: real recordings are paid as they were.",
        {
            at.RECORDINGS: "test_a_recording_is_asked_for_and_paid_as_it_was",
            at.OPENAI_CHAT: "test_every_kind_of_token_*",
        },
    ),
)

M1 = law(
    "M1",
    "Tokens",
    promise(
        "Cached tokens billed twice, or at the full price.",
        {at.PRICES: "test_cached_tokens_are_not_billed_twice_nor_at_the_full_price"},
    ),
    promise(
        "Cache writes for an hour billed at the price for five minutes.",
        {at.PRICES: "test_writes_kept_for_an_hour_have_their_own_price"},
    ),
    promise(
        "A tier decided by the sum of the run.",
        {at.LEDGER: "test_a_tier_is_decided_by_request_and_not_by_the_sum_of_the_run"},
    ),
    promise(
        "Reasoning counted twice.",
        {at.PRICES: "test_reasoning_without_a_price_is_output_and_counted_once"},
    ),
    promise(
        "Usage that a stream reports cumulatively added up.",
        {at.OPENAI_STREAMS: "test_cumulative_usage_is_not_added_up"},
    ),
)

M2 = law(
    "M2",
    "Lost spend",
    promise(
        "Only the last attempt counted.",
        {at.LEDGER: "test_every_paid_request_is_in_the_total_the_failed_and_the_rejected_too"},
    ),
    promise(
        "Usage lost when a call raises.",
        {
            at.STEP_ATTEMPTS: "test_what_was_paid_before_a_failure_is_booked",
            at.OPENAI_FAILURES: "test_usage_in_an_error_body_is_booked",
        },
    ),
    promise(
        "The rejected predecessor of a fallback dropped.",
        {at.STEP_FALLBACKS: "test_a_fallback_starts_afresh_and_the_primary_is_paid"},
    ),
    promise("A cancelled call lost.", {at.ACCOUNT: "test_a_cancelled_metered_call_is_booked"}),
    promise(
        "Requests that an SDK repeats by itself, unseen.",
        {at.OPENAI_FAILURES: "test_nothing_is_retried_behind_the_engines_back"},
    ),
    promise(
        "Charges below a millionth of a dollar lost by rounding.",
        {at.MONEY: "test_charges_below_a_microdollar_are_not_lost"},
    ),
    promise("0.1 + 0.1 + 0.1 more than 0.3.", {at.MONEY: "test_three_times_a_dime_is_thirty_cents"}),
    promise("A hit in a local cache billed.", {at.CACHING: "test_a8_a_hit_is_an_event_and_no_entry"}),
)

M3 = law(
    "M3",
    "Limits that do not hold",
    promise(
        "A hold that leaks on cancellation until the budget has shrunk.",
        {at.BUDGET_WAITING: "test_cancelling_again_and_again_does_not_shrink_the_budget"},
    ),
    promise("A hold that is settled twice.", {at.BUDGET_SETTLING: "test_a_hold_settled_twice_counts_once"}),
    promise(
        "A model without a price that defeats the limit.",
        {
            at.BUDGET_SETTLING: "test_an_unpriced_answer_does_not_defeat_the_limit "
            "test_an_unpriced_answer_without_a_bound_leaves_nothing"
        },
    ),
    promise(
        "A limit of 0 that is taken for none.",
        {at.BUDGET_ADMISSION: "test_a_limit_of_0_is_a_limit", at.USAGE: "test_a_limit_of_0_is_a_limit"},
    ),
    promise(
        "A limit that does not reach what runs inside.",
        {at.NESTED_LIMITS: "test_a7_*", at.MATRIX: "test_a_breach_inside_ends_the_run_limited"},
    ),
    promise(
        "Parallel calls that all look before any of them spends.",
        {at.ACCOUNT_LIMITS: "test_five_parallel_calls_of_four_cents_spend_at_most_ten_in_every_order_of_completion"},
    ),
)

INVARIANTS = Chapter(
    "Invariants of accounting",
    "What is true of every ledger and every budget, checked by tests with random data where that says more.",
    (I1, I2, I3, I4),
)
MISTAKES = Chapter(
    "Mistakes that others have made",
    "Each was met by users of some tool of this kind. None of them can happen here without a red test.",
    (M1, M2, M3),
)
