"""What may go wrong, what then happens, and the tests that show it. Data; it looks at no test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GOLDEN = "tests/flujo_testing/test_golden_"
AUDIT = "tests/flujo_testing/audit/test_audit_"
CASSETTE = "tests/flujo_testing/cassette/test_"
EXECUTION = "tests/flujo/execution/test_"
KINDS = "tests/flujo/kinds/test_"
TRANSCRIPT = "tests/flujo_testing/test_transcript_"
THREATS = "tests/threats/test_"
REPORT = "tests/flujo_testing/report/test_"
REVIEW = "tests/flujo_testing/review/test_"
PRICES = "tests/flujo/price_list/test_"
STORES = "tests/flujo/stores/test_"
COMMAND_LINE = "tests/flujo/cli/test_"
DBOS = "tests/dbos/test_"


@dataclass(frozen=True, slots=True)
class Row:
    """``tests``: by path of the test file the names of its tests."""

    fault: str
    expected: str
    tests: tuple[tuple[str, tuple[str, ...]], ...]


def row(fault: str, expected: str, tests: Mapping[str, str]) -> Row:
    """``tests`` holds names by file without its end, separated by spaces."""
    return Row(fault, expected, tuple((f"{path}.py", tuple(names.split())) for path, names in tests.items()))


ROWS = (
    row(
        "a secret in a golden, a proposal, a cassette, a matrix or a report of an audit: as it is, in an address, in "
        "base64, in JSON within a text",
        "nothing is written, the old file stays, and the error says which field holds a secret and not which secret",
        {
            f"{THREATS}secrets": "test_nothing_is_written_with_a_secret_in_it",
            f"{CASSETTE}secrets": "test_a_secret_in_*",
            f"{GOLDEN}leak": "test_a_secret_* test_a_key_of_a_known_shape_is_found",
            f"{GOLDEN}life": "test_a_secret_is_neither_written_nor_shown",
            f"{AUDIT}gates": "test_a_report_with_a_secret_is_not_written_and_the_old_one_stays",
            f"{REVIEW}deciding": "test_a_secret_in_the_reason_reaches_no_file",
            f"{REVIEW}tidying": "test_a_secret_in_the_reason_is_found_although_the_page_would_escape_it",
            "tests/flujo_testing/from_run/test_from_run": "test_a_secret_is_never_written",
        },
    ),
    row(
        "a secret in what a red test says, in its name, or in a golden that changed",
        "is hidden in the record of the run, its page, its summary and the terminal; all else is told",
        {
            f"{THREATS}secrets": "test_a_report_is_written_without_the_secret",
            f"{REPORT}record": "test_a_secret_in_an_escape_of_a_golden_is_masked_before_anybody_reads_the_golden",
            f"{REPORT}report_pytest": "test_a_secret_is_in_no_record_and_no_summary",
        },
    ),
    row(
        "a secret in a header of a request or an answer, or in the user or key of an address",
        "is not recorded: the recorded fields are an allow-list",
        {
            f"{CASSETTE}secrets": "test_a_secret_in_a_place_that_is_not_kept_is_not_written",
            f"{CASSETTE}http": "test_neither_keys_nor_headers_are_kept",
            f"{CASSETTE}command": "test_import_keeps_neither_keys_nor_headers",
        },
    ),
    row(
        "a secret that is in a cassette already",
        "`flujo cassette scan` ends with 3, a miss does not tell it, no other file gets it",
        {
            f"{CASSETTE}command": "test_scan_ends_with_its_own_code_for_a_secret",
            f"{CASSETTE}secrets": "test_a_miss_tells_what_differs_but_no_secret "
            "test_a_secret_that_was_there_before_goes_into_no_new_file",
        },
    ),
    row(
        "a hostile file: YAML tags, aliases that grow, a pickle, 100 MiB, nesting 100,000 deep, integers of 5,000 "
        "digits, texts without an end",
        "no code runs, time and memory are bounded, one error names file, line and reason",
        {
            f"{THREATS}readers": "test_a_hostile_file_runs_no_code_and_is_one_clear_error test_a_good_file_is_read",
            f"{GOLDEN}parsing": "test_what_is_no_plain_data_is_refused_with_its_line "
            "test_no_code_runs_when_a_hostile_golden_is_read",
            f"{GOLDEN}pending": "test_a_hostile_proposal_is_refused",
            f"{CASSETTE}lines": "test_what_is_no_cassette_is_refused_with_its_line "
            "test_reading_runs_no_code_and_opens_nothing",
            "tests/flujo_testing/test_recordings": "test_a_hostile_recording_is_refused "
            "test_reading_a_recording_runs_no_code",
            f"{AUDIT}gates": "test_a_matrix_that_is_none_is_refused",
            f"{REVIEW}proposals": "test_a_decision_that_cannot_be_read_is_not_guessed "
            "test_a_test_file_that_python_cannot_read_is_no_reason_to_stop",
            f"{REVIEW}tidying": "test_a_list_that_is_none_is_refused",
            f"{REVIEW}command": "test_an_ini_file_*",
            f"{REPORT}record": "test_a_file_that_is_no_record_is_told_so_with_its_name_and_the_place",
            f"{PRICES}snapshot": "test_a_file_that_is_not_what_was_written_is_refused test_what_is_no_json_is_refused",
        },
    ),
    row(
        "a path that leads out of its folder, a symbolic link, a folder or a pipe in the place of a file",
        "is refused, for reading, writing and removing",
        {
            f"{THREATS}readers": "test_a_symbolic_link_is_not_followed_out_of_the_folder "
            "test_a_folder_in_the_place_of_a_file_is_said_to_be_no_file",
            f"{GOLDEN}reading": "test_a_path_that_leaves_its_folder_is_refused test_a_symbolic_link_* "
            "test_a_folder_or_a_pipe_is_no_file",
            f"{GOLDEN}writing": "test_nothing_is_written_or_removed_through_a_symbolic_link",
            f"{GOLDEN}life": "test_a_symlinked_golden_is_refused_and_nothing_is_written_through_it",
            f"{GOLDEN}pending": "test_a_proposal_for_a_path_outside_is_not_looked_for",
            f"{REVIEW}proposals": "test_a_proposal_cannot_* test_a_proposal_that_is_a_link_is_not_read "
            "test_nothing_is_written_through_a_link test_a_decision_cannot_lead_out_of_the_folder "
            "test_a_decision_about_proposals_elsewhere_is_not_finished_unasked "
            "test_a_proposal_of_a_test_outside_the_project_looks_at_no_file_there",
            f"{REVIEW}tidying": "test_a_listed_path_that_leads_elsewhere_is_not_removed "
            "test_a_listed_file_that_is_no_golden_is_not_removed",
        },
    ),
    row(
        "the n-th file operation fails, the disk is full or read-only, the process is killed, while files are written",
        "every file is the old one or the new one, none is lost, the error names the file that failed",
        {
            f"{THREATS}writers": "test_*",
            f"{GOLDEN}writing": "test_a_golden_is_old_or_new_* test_a_temporary_file_that_cannot_be_removed_is_named "
            "test_a_folder_that_is_read_only_is_said_to_be",
            f"{GOLDEN}life": "test_a_folder_that_cannot_be_written_is_a_problem_that_fails_the_run "
            "test_goldens_are_safe_when_their_folder_vanishes_meanwhile",
            f"{AUDIT}gates": "test_a_report_that_cannot_be_written_is_a_problem",
            f"{THREATS}watched": "test_*",
            f"{REVIEW}proposals": "test_a_rest_that_cannot_be_removed_is_named "
            "test_where_there_can_be_no_lock_nothing_is_decided",
            f"{REPORT}report_pytest": "test_a_summary_that_cannot_be_written_fails_the_run",
            f"{REPORT}report_left": "test_a_cache_that_cannot_be_made_is_a_problem_and_no_fault",
            "tests/flujo_testing/starting/test_init": "test_nothing_that_is_there_is_overwritten "
            "test_a_folder_that_cannot_be_made_leaves_nothing",
        },
    ),
    row(
        "kill -9 of a command, or of a process that runs a pipeline",
        "the next command finishes what was decided, and the run goes on: what was kept is not asked or paid again, "
        "and the call in doubt is said to be",
        {
            f"{REVIEW}killed": "test_*",
            f"{COMMAND_LINE}processes": "test_a_killed_run_is_interrupted_its_call_in_doubt_and_it_goes_on",
            f"{STORES}crashes": "test_*",
            f"{STORES}runs": "test_the_lock_of_another_process_is_free_when_it_is_dead "
            "test_further_attempts_are_granted_once_though_the_process_dies",
            f"{DBOS}fence": "test_the_run_of_a_process_that_is_gone_is_free_and_it_writes_no_more",
            f"{DBOS}suite": "test_a_test_that_loses_its_worker_is_run_again_and_one_that_always_does_is_told",
        },
    ),
    row(
        "a database that is gone, locked, full or read-only",
        "one error names it, the cause and what to do; nothing is lost or paid twice",
        {
            f"{STORES}bad_files": "test_a_disk_that_is_full_* test_a_file_that_another_process_locks "
            "test_a_file_that_is_removed_meanwhile test_a_file_that_becomes_read_only_stops_the_next_call "
            "test_a_store_that_fails_* test_a_folder_that_is_not_there",
            f"{STORES}database": "test_one_that_fails_does_not_take_others_with_it",
            f"{DBOS}outages": "test_*",
            f"{DBOS}fence": "test_a_url_that_leads_nowhere_is_a_clear_error_without_its_password",
            f"{DBOS}holder": "test_a_process_that_loses_its_session_gets_its_lock_back",
        },
    ),
    row(
        "a database that is damaged, of something else, or of an older or newer schema; rows that no store has written",
        "an older one is brought up to date, all else is refused by name before anything is asked or paid",
        {
            f"{STORES}bad_files": "test_a_file_that_is_damaged test_a_file_that_is_no_database "
            "test_a_database_of_something_else test_a_file_of_a_later_version test_an_empty_file_is_brought_up_to_date "
            "test_a_file_that_does_not_say_of_which_version_it_is test_what_no_store_has_written_is_damage",
            f"{THREATS}stores": "test_no_text_in_a_store_is_a_fault_or_acts",
            f"{STORES}codec": "test_nothing_is_imported_for_a_name_in_a_file",
            f"{COMMAND_LINE}stored": "test_a_file_that_is_no_store_is_refused_in_one_line",
            f"{DBOS}fence": "test_a_schema_of_a_later_version_is_left_alone test_many_who_come_first_make_one_schema",
        },
    ),
    row(
        "two writers of one path: two backends, two processes of xdist, two tests whose names are one where case does "
        "not count",
        "one owner, or an error that names both, and nothing is written",
        {
            f"{GOLDEN}owner": "test_two_owners_* test_backends_that_disagree_* test_one_golden_serves_all_backends",
            f"{GOLDEN}xdist": "test_*",
            f"{GOLDEN}location": "test_paths_that_differ_in_case_are_one_on_some_disk",
            f"{GOLDEN}syrupy": "test_tests_whose_names_are_cleaned_share_no_golden",
        },
    ),
    row(
        "marks of a merge conflict, a byte order mark, CRLF, a file of a newer version",
        "is said so, by name",
        {
            f"{GOLDEN}parsing": "test_a_file_that_is_no_golden_is_refused_with_its_line "
            "test_what_is_no_plain_data_is_refused_with_its_line",
            f"{GOLDEN}life": "test_a_corrupt_golden_is_said_to_be_so_and_is_kept",
            f"{CASSETTE}lines": "test_what_is_no_cassette_is_refused_with_its_line",
        },
    ),
    row(
        "an agent that never returns, swallows its cancellation or blocks the event loop",
        "its deadline holds and the step is named",
        {
            f"{EXECUTION}deadlines": "test_*",
            f"{EXECUTION}hostile_agents": "test_*cancellation* test_a_group_that_*",
            "tests/laws/test_propagation_goldens": "test_p6_*",
        },
    ),
    row(
        "an agent that raises CancelledError or KeyboardInterrupt",
        "no branch vanishes, and an interruption leaves a transcript that ends",
        {
            f"{EXECUTION}parallel": "test_a_branch_never_vanishes_when_its_agent_raises_a_cancellation "
            "test_an_interruption_in_a_branch_is_raised_as_it_is",
            f"{KINDS}functions": "test_an_agent_that_raises_a_cancellation_of_any_backend_fails_its_step "
            "test_a_function_that_raises_a_cancellation_fails_its_step",
            f"{EXECUTION}audience": "test_an_interruption_propagates_after_the_end_was_told",
            f"{EXECUTION}endings": "test_an_interruption_at_a_steps_start_closes_the_step",
        },
    ),
    row(
        "an agent that answers with a coroutine, a generator, a value that no file can hold or one within itself",
        "an error names the step, or the path of the value (`result.output.a[3].b`)",
        {
            f"{THREATS}runs": "test_an_answer_that_is_still_to_be_awaited_or_collected_fails_its_step "
            "test_a_value_that_no_file_can_hold_is_named_by_its_path",
            f"{TRANSCRIPT}plain": "test_what_has_no_plain_form_is_marked_where_it_is "
            "test_a_value_that_contains_itself_is_unrepresentable_as_a_whole",
            f"{CASSETTE}door": "test_what_json_would_change_is_refused_and_the_paid_run_goes_on",
        },
    ),
    row(
        "a plugin that raises, hangs, changes its input, returns None, redirects in a circle or to what is no agent",
        "is a rejection that names it; a circle fails the step",
        {
            f"{EXECUTION}step_plugins": "test_a_plugin_that_misbehaves_rejects_and_is_named "
            "test_plugins_judge_a_private_copy",
            f"{EXECUTION}deadlines": "test_a_plugin_that_hangs_rejects_with_the_reason",
            f"{EXECUTION}step_redirects": "test_the_same_agent_twice_in_one_attempt_is_an_infinite_redirect "
            "test_equal_but_distinct_agents_are_no_loop_and_hops_have_a_limit "
            "test_a_redirect_to_what_is_no_agent_is_a_rejection",
        },
    ),
    row(
        "a cost model, a condition, a mapper or a merge function that raises",
        "its step fails with the cause, and what was paid is kept",
        {
            f"{THREATS}runs": "test_a_cost_model_that_raises_*",
            "tests/laws/test_repeating_goldens": "test_p10_a_condition_that_raises_fails_the_loop_and_spend_is_kept",
            f"{KINDS}branch_on": "test_a_function_that_raises_fails_the_step_once_and_spend_is_kept",
            f"{KINDS}loop_until": "test_a_function_that_raises_fails_the_step_and_completed_iterations_stay",
            f"{KINDS}cached": "test_a_cache_that_raises_fails_the_step_and_spend_is_kept",
            f"{EXECUTION}parallel": "test_a_merge_function_that_raises_fails_the_step_with_the_cause",
        },
    ),
    row(
        "a listener that raises",
        "stands in `result.listener_errors`; transcript and status are as without it",
        {
            "tests/laws/test_propagation_goldens": "test_p9_a_listener_that_raises_changes_nothing",
            f"{EXECUTION}audience": "test_a_listener_changes_nothing_for_the_transcript",
        },
    ),
    row(
        "branches that together could pass a limit",
        "calls wait or are not made, in every order of completion",
        {
            "tests/laws/test_accounting_goldens": "test_a5_*",
            f"{EXECUTION}budget_waiting": "test_*",
            "tests/oracle/test_schedules_and_caches": "test_*",
        },
    ),
    row(
        "NaN, infinities, -0.0, lone surrogates, NUL, marks of direction, composed and decomposed letters, huge "
        "integers, very long lines",
        "are written so that they can be seen and told apart, and read back as they were",
        {
            f"{TRANSCRIPT}yaml": "test_what_is_read_back_is_what_was_written "
            "test_the_text_is_one_that_any_editor_shows_as_it_is test_a_story_is_read_back_as_it_was_told",
            f"{TRANSCRIPT}plain": "test_two_values_are_told_the_same_only_if_they_are "
            "test_values_that_differ_never_render_equal",
            f"{CASSETTE}lines": "test_what_is_read_back_is_what_was_written test_floats_keep_what_json_would_lose "
            "test_a_text_may_hold_digits_and_brackets_without_measure",
        },
    ),
    row(
        "terminal escapes, commands of a CI service and HTML in model output, test ids and step names",
        "are shown and do nothing",
        {
            f"{GOLDEN}failure": "test_what_could_act_is_shown_instead test_no_line_of_shown_text_is_a_command",
            f"{GOLDEN}life": "test_a_model_cannot_command_the_ci_service",
            f"{CASSETTE}command": "test_show_tells_it_inert",
            "tests/flujo_testing/lint/test_command": "test_what_is_shown_cannot_command_a_terminal_or_a_ci",
            f"{AUDIT}gates": "test_markdown_holds_the_same_and_nothing_that_acts",
            f"{REPORT}page_injection": "test_*",
            f"{REPORT}page_browser": "test_evil_text_makes_the_elements_that_harmless_text_makes "
            "test_the_policy_stops_what_gets_in_all_the_same",
            f"{REPORT}markdown": "test_no_text_breaks_out_of_its_cell",
            f"{REPORT}github": "test_no_text_breaks_out_of_its_line_or_its_place",
            f"{REPORT}triage_command": "test_a_record_of_others_commands_neither_a_terminal_nor_a_ci",
            f"{REVIEW}deciding": "test_text_of_users_cannot_break_the_page",
            f"{COMMAND_LINE}running": "test_text_of_a_model_is_inert_in_every_line",
            f"{COMMAND_LINE}wording": "test_text_is_on_one_line_and_inert",
            f"{PRICES}command": "test_a_list_of_others_commands_neither_a_terminal_nor_a_ci",
            f"{THREATS}stores": "test_no_text_in_a_store_is_a_fault_or_acts",
        },
    ),
    row(
        "another hash seed, time zone, backend, order of completion, or a clock that goes backwards",
        "the goldens are the same to the byte (`nox -s determinism`, `nox -s schedules`)",
        {
            "tests/gates/test_sessions": "test_determinism_is_red_when_a_golden_depends_on_the_time_zone "
            "test_schedules_are_red_when_a_test_depends_on_the_order_of_branches",
            f"{THREATS}runs": "test_a_clock_that_goes_backwards_changes_no_golden",
            f"{GOLDEN}owner": "test_one_golden_serves_all_backends",
            f"{EXECUTION}parallel": "test_the_transcript_does_not_depend_on_the_order_of_completion",
            f"{AUDIT}pytest": "test_the_scores_are_the_same_however_the_tests_are_run",
        },
    ),
    row(
        "pipelines nested too deep, 100,000 iterations, 10,000 branches, a context of 10 MB",
        "too deep is refused when it is built, with the reason; the rest takes linear time and bounded memory",
        {
            f"{KINDS}depth_and_size": "test_one_level_more_is_refused_with_the_reason "
            "test_a_hundred_thousand_iterations test_the_log_grows_with_the_size_only test_ten_thousand_*",
            f"{THREATS}runs": "test_a_context_of_10_mb_is_not_copied_with_every_step",
        },
    ),
    row(
        "a run that goes on from a journal after it was stopped",
        "what was paid is not paid twice, and what is in doubt is said to be",
        {
            f"{EXECUTION}journal": "test_*",
            f"{EXECUTION}journal_limits": "test_*",
            "tests/laws/test_resuming": "test_*",
            "tests/oracle/test_resuming_against_oracle": "test_*",
        },
    ),
    row(
        "a command with a missing module or extra, bad input, or a fault of its own",
        "one line and an exit code that means something; a traceback with `--debug` only",
        {
            "tests/flujo/cli/test_commands": "test_how_commands_end test_a_traceback_is_shown_on_request "
            "test_a_missing_extra_is_one_line_that_names_it test_an_unknown_command_and_none_are_wrong_use",
            f"{CASSETTE}command": "test_what_cannot_be_done_is_said_in_one_line",
            "tests/flujo_testing/lint/test_command": "test_what_cannot_be_looked_at_is_2_and_one_line",
            f"{COMMAND_LINE}references": "test_a_reference_that_names_no_pipeline",
            f"{COMMAND_LINE}running": "test_what_cannot_be_run_is_refused_in_one_line",
            f"{COMMAND_LINE}stored": "test_a_run_that_nobody_knows_is_refused_with_what_is_near "
            "test_answers_that_do_not_fit_are_refused",
            f"{REVIEW}command": "test_a_command_that_cannot_be_run_so_says_what_to_type",
            f"{REPORT}triage_command": "test_what_cannot_be_told_is_refused_in_a_line "
            "test_a_place_in_a_record_is_told_in_a_few_letters",
            f"{PRICES}command": "test_what_cannot_be_shown_is_one_line test_a_file_that_is_none_is_one_line",
            "tests/flujo_testing/from_run/test_from_run": "test_what_cannot_become_a_test_says_why",
        },
    ),
    row(
        "Ctrl-C, or a pipe that its reader closes, while a command runs",
        "130 and how to go on, or 0 and the run goes on to its end; no traceback",
        {
            f"{COMMAND_LINE}commands": "test_how_commands_end",
            f"{COMMAND_LINE}processes": "test_an_interrupted_run_* test_a_reader_that_leaves_early_is_no_error "
            "test_a_run_goes_on_to_its_end_when_its_reader_leaves",
            f"{REVIEW}terminal": "test_nothing_happens_without_a_reason_and_quitting_leaves_all_as_it_was",
        },
    ),
)
