"""The laws of isolation, C1 to C9: who works on which copy, what is kept, how branches join. Data only."""

from __future__ import annotations

from tests.laws.held import files as at
from tests.laws.held.promises import Chapter, law, promise

C1 = law(
    "C1",
    "Each attempt has its own copy",
    promise(
        "Of the context and of the input; what a failed attempt changed is gone.",
        {
            at.STEP_CONTEXT: "test_what_a_failed_attempt_changed_is_gone",
            at.STEP_FALLBACKS: "test_a_failed_primary_leaves_neither_input_nor_context_changed",
            at.SHARING: "test_an_input_is_copied_for_each_attempt",
            at.ISOLATION: "test_attempts_run_as_on_deep_copies test_a_fork_looks_like_a_deep_copy",
            at.ISOLATION_GOLDENS: "test_c1_what_a_failed_attempt_changed_is_gone",
        },
    ),
    promise(
        "Settings are not shared between attempts either.",
        {at.ISOLATION_OF_RESULTS: "test_settings_are_not_shared_between_attempts_or_runs"},
    ),
)

C2 = law(
    "C2",
    "What an accepted attempt changed is kept as it is",
    promise(
        "Deletions, clearing, reordering, None and duplicates included: state is replaced, not added to.",
        {
            at.STEP_CONTEXT: "test_state_is_replaced_not_added_to",
            at.ISOLATION: "test_told_changes_lead_from_one_state_to_the_other test_a_deleted_field_stays_deleted "
            "test_a_value_of_any_kind_follows_one_of_any_kind",
            at.ISOLATION_GOLDENS: "test_c2_what_an_accepted_attempt_changed_is_kept_as_it_is",
        },
    ),
    promise(
        "What its plugins changed is kept with it.",
        {
            at.STEP_CONTEXT: "test_plugins_changes_are_committed_with_the_attempt",
            at.ISOLATION_GOLDENS: "test_c2_plugins_changes_are_kept_with_the_attempts",
        },
    ),
    promise(
        "What fields share they still share afterwards.",
        {
            at.SHARING: "test_what_two_fields_share_they_share_in_a_fork "
            "test_a_change_through_one_alias_is_a_change_of_all"
        },
    ),
)

C3 = law(
    "C3",
    "Branches never see each other",
    promise(
        "They start from equal snapshots.",
        {
            at.PARALLEL: "test_branches_start_from_equal_snapshots_and_never_see_each_other",
            at.MAP_OVER: "test_at_once_items_start_from_equal_contexts_and_are_not_merged_by_default",
        },
    ),
    promise(
        "A failed branch is never merged.",
        {
            at.PARALLEL: "test_an_ignored_failure_lets_the_others_go_on_and_is_never_merged",
            at.ISOLATION_GOLDENS: "test_c3_branches_start_equal_and_a_failed_one_is_never_merged",
            at.ENDS: "test_c3_what_a_branch_changed_before_it_failed_is_not_merged",
        },
    ),
    promise(
        "With context_include_keys they see and change the named fields only.",
        {
            at.PARALLEL: "test_included_keys_are_all_that_branches_see_and_change "
            "test_a_merge_function_changes_included_fields_only_*"
        },
    ),
)

C4 = law(
    "C4",
    "Branches join as you say",
    promise(
        "By default the parent's context stays as it was.",
        {
            at.PARALLEL: "test_no_merge_is_the_default",
            at.MERGE: "test_without_a_merge_the_parent_stays_the_very_state_it_was",
            at.ISOLATION_GOLDENS: "test_c4_no_merge_leaves_the_parent_alone",
        },
    ),
    promise(
        "CONTEXT_UPDATE is a three-way merge: tails of lists in declared order, dicts by key, models by field.",
        {
            at.PARALLEL: "test_context_update_merges_tails_and_keys_in_declared_order",
            at.MERGE: "test_a_merge_is_what_the_law_says test_what_both_appended_follows_in_declared_order "
            "test_dicts_are_merged_by_key test_models_are_merged_by_field "
            "test_a_field_changed_in_one_branch_is_taken test_the_same_change_twice_is_no_conflict "
            "test_a_deletion_is_a_change_whatever_was_there",
            at.MAP_OVER: "test_at_once_contexts_join_in_the_order_of_items",
        },
    ),
    promise(
        "Whatever else two branches changed differently is a conflict that names field, branches and values.",
        {
            at.PARALLEL: "test_a_conflict_fails_the_step_and_names_field_branches_and_values",
            at.MERGE_STRATEGIES: "test_what_was_changed_differently_is_a_conflict "
            "test_a_conflict_tells_field_branches_and_values "
            "test_values_without_json_form_are_compared_as_they_are",
            at.MAP_OVER: "test_at_once_a_conflict_names_the_items",
            at.ISOLATION_GOLDENS: "test_c4_what_two_branches_changed_differently_is_a_conflict",
        },
    ),
    promise(
        "OVERWRITE, KEEP_FIRST and a function are the ways out.",
        {
            at.PARALLEL: "test_the_explicit_ways_out_of_a_conflict test_a_merge_function_gets_copies_and_decides",
            at.MERGE_STRATEGIES: "test_the_last_declared_or_the_first_branch_wins test_a_function_returns_* "
            "test_what_a_function_returns_is_validated",
            at.MAP_OVER: "test_at_once_the_ways_out_of_a_conflict",
            at.ISOLATION_GOLDENS: "test_c4_the_explicit_ways_out test_c4_a_function_merges",
        },
    ),
)

C5 = law(
    "C5",
    "A failed part leaves the context as it was before it",
    promise(
        "A conditional branch.",
        {
            at.BRANCH_ON: "test_a_failed_branch_leaves_the_context_as_it_was_and_its_spend_in_the_ledger "
            "test_a_failed_output_mapper_leaves_the_context_as_it_was_before_the_branch"
        },
    ),
    promise(
        "An iteration; those before it stay.",
        {
            at.LOOP_UNTIL: "test_completed_iterations_stay_and_a_failed_one_is_undone "
            "test_a_failed_body_is_undone_even_where_its_own_steps_completed"
        },
    ),
    promise(
        "An item; those before it stay.",
        {at.MAP_OVER: "test_in_turn_a_failed_item_is_undone_the_ones_before_stay_and_none_follows"},
    ),
    promise(
        "Everything around that keeps what its parts change.",
        {
            at.MATRIX: "test_a_failure_inside_fails_everything_around_with_its_own_path "
            "test_what_the_leaf_changes_goes_out_unless_a_kind_keeps_it_in"
        },
    ),
)

C6 = law(
    "C6",
    "Nothing of the caller's is shared",
    promise(
        "Neither the input nor the context data; the result's context does not change later.",
        {
            at.STEP_CONTEXT: "test_the_results_context_and_the_callers_data_are_apart",
            at.ISOLATION_OF_RESULTS: "test_a_listener_cannot_change_the_context_of_its_run_or_the_next "
            "test_a_reader_of_the_transcript_cannot_change_the_context_or_the_next_run "
            "test_every_run_calls_the_default_factories_of_its_context",
            at.MERGE: "test_a_merged_context_shares_nothing_with_those_it_came_from",
            at.STRUCTURE: "test_a_clone_shares_nothing_that_can_be_changed",
            at.ISOLATION_GOLDENS: "test_c6_nothing_of_the_callers_is_shared",
        },
    ),
    promise(
        "What agents keep or change afterwards rewrites no transcript.",
        {
            at.ISOLATION_OF_RESULTS: "test_an_agent_that_changes_what_it_returned_rewrites_no_answer "
            "test_an_output_processor_that_works_in_place_rewrites_no_answer "
            "test_what_a_listener_does_to_an_event_is_not_in_the_transcript",
            at.FUNCTIONS: "test_what_a_function_returned_may_change_later_without_changing_the_transcript",
        },
    ),
    promise(
        "Resources are shared on purpose.",
        {at.STEP_ATTEMPTS: "test_steps_take_resources_and_settings_by_name"},
    ),
)

C7 = law(
    "C7",
    "updates_context merges the output",
    promise(
        "A dict or a model, validated against the context model.",
        {
            at.STEP_CONTEXT: "test_updates_context_merges_a_dict_or_a_model_validated",
            at.APPLY_OUTPUT: "test_*",
            at.ISOLATION_GOLDENS: "test_c7_an_output_is_merged_into_the_context",
        },
    ),
    promise(
        "One that does not fit fails the step, and nothing has changed.",
        {
            at.STEP_CONTEXT: "test_an_output_that_does_not_fit_the_context_fails_the_step_and_changes_nothing",
            at.ISOLATION_GOLDENS: "test_c7_an_output_that_does_not_fit_fails_the_step",
        },
    ),
    promise(
        "At every depth.",
        {at.DEPTH_OF_UPDATES: "test_c7_an_output_is_merged_at_every_depth"},
    ),
)

C8 = law(
    "C8",
    "An output is handed on as the object it is",
    promise(
        "No attribute is taken for it, nothing goes through JSON.",
        {
            at.STEP_CONTEXT: "test_outputs_are_handed_on_as_the_objects_they_are "
            "test_an_output_may_be_a_rejection_without_being_one",
            at.BRANCH_ON: "test_the_output_is_handed_on_as_the_object_it_is",
            at.ISOLATION_GOLDENS: "test_c8_models_are_handed_on_as_they_are",
        },
    ),
    promise(
        "With a store it is of the type that its agent declares, and comes back equal through it.",
        {
            at.CROSSING: "test_a_declared_type_comes_back_as_it_was "
            "test_an_answer_that_is_not_what_its_agent_declares_is_refused "
            "test_what_an_output_type_refuses_its_agent_is_told",
        },
    ),
    promise(
        "With a store one without a declared type is JSON, or its step fails with its spend.",
        {
            at.CROSSING: "test_json_needs_no_declared_type test_without_a_declared_type_an_answer_has_to_be_json "
            "test_a_type_that_says_nothing_declares_nothing test_what_contains_itself_is_no_json "
            "test_a_refused_answer_fails_its_step_with_its_spend_and_nothing_else",
        },
    ),
)

C9 = law(
    "C9",
    "Nothing is cached unless asked for",
    promise(
        "A cache keeps accepted results with their context changes, and nothing that failed.",
        {
            at.CACHING: "test_c9_a_hit_* test_c9_a_failed_result_is_not_kept "
            "test_c9_nothing_is_cached_unless_asked_for",
            at.CACHED: "test_a_hit_brings_the_changes_of_the_context_and_not_the_context "
            "test_only_completed_results_are_kept test_a_kept_output_is_nobodys_to_change",
        },
    ),
    promise(
        "The key covers agents, plugins, functions, settings, the input, and what was read of the context.",
        {
            at.CACHING: "test_c9_whatever_bears_on_the_result_misses test_c9_what_was_*",
            at.CACHED: "test_agents_plugins_settings_and_names_are_in_the_key test_the_canonical_input_is_in_the_key "
            "test_what_was_read_of_the_context_has_to_be_the_same",
        },
    ),
    promise(
        "Agents without a stable identity are refused.",
        {
            at.BAD_KINDS: "test_agents_without_identity_are_not_cached",
            at.CACHED: "test_what_has_no_identity_is_refused_with_its_path",
        },
    ),
)

ISOLATED = Chapter(
    "Isolation",
    "Who works on which copy, what is kept, and how branches join.",
    (C1, C2, C3, C4, C5, C6, C7, C8, C9),
)
