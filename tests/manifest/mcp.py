"""What is relied on of MCP, by version and page."""

MCP: dict[str, tuple[str, ...]] = {
    "mcp/2025-03-26/basic#batches": (
        "Batches are taken where this version was settled on.",
        "tests/ws/test_replies.py::test_a_batch_is_answered_with_one_array_once_the_last_answer_is_there",
        "tests/integration/test_wire.py::test_a_batch_is_answered_where_2025_03_26_was_negotiated",
    ),
    "mcp/2025-11-25/basic#ids": (
        "Ids are strings or integers, never null.",
        "tests/jsonrpc/test_codec.py::test_what_is_no_message_is_an_invalid_request_that_says_where_and_why",
        "tests/integration/test_wire.py::test_a_message_that_cannot_be_served_is_answered_in_kind_and_the_connection_lives",
    ),
    "mcp/2025-11-25/basic#unique-ids": (
        "A requestor does not use an id for two open requests.",
        "tests/core/test_peer.py::test_a_request_is_sent_with_an_id_of_its_own",
        "tests/core/test_ledger.py::test_an_id_in_use_is_refused_and_not_disturbed",
    ),
    "mcp/2025-11-25/basic#answers": (
        "An answer has the id of its request, and either a result or an error.",
        "tests/core/test_peer.py::test_a_request_can_be_answered_at_once_or_later",
        "tests/jsonrpc/test_codec.py::test_an_object_is_read_as_the_specification_says",
    ),
    "mcp/2025-11-25/basic#errors": (
        "An error has an integer code and a message, and no id only where none could be read.",
        "tests/jsonrpc/test_codec.py::test_an_error_that_is_about_no_request_has_no_id_member",
        "tests/jsonrpc/test_messages.py::test_an_error_answers_with_its_code_message_and_data",
    ),
    "mcp/2025-11-25/basic#notifications": (
        "Notifications have no id and no answer.",
        "tests/jsonrpc/test_codec.py::test_an_object_is_read_as_the_specification_says",
        "tests/integration/test_wire.py::test_notifications_and_answers_to_nothing_are_not_answered",
    ),
    "mcp/2025-11-25/basic/lifecycle#initialize-first": (
        "The first request is initialize.",
        "tests/core/test_lifecycle.py::test_the_first_request_is_initialize_or_ping",
        "tests/fronts/test_front.py::test_a_request_before_initialize_is_refused",
    ),
    "mcp/2025-11-25/basic/lifecycle#request": (
        "The client says its version, its capabilities and its name.",
        "tests/test_binding.py::test_a_client_says_its_version_its_capabilities_and_its_name",
    ),
    "mcp/2025-11-25/basic/lifecycle#answer": (
        "The server says its version, its capabilities and its name.",
        "tests/backends/app/test_methods.py::test_initialize_tells_who_the_server_is_and_what_it_can",
        "tests/backends/app/test_methods.py::test_what_has_nothing_to_say_says_nothing",
    ),
    "mcp/2025-11-25/basic/lifecycle#only-ping-before-the-answer": (
        "Before the answer the client sends nothing but pings.",
        "tests/core/test_lifecycle.py::test_only_ping_may_come_while_initialize_waits_for_its_answer",
    ),
    "mcp/2025-11-25/basic/lifecycle#initialized": (
        "Before notifications/initialized the server does not speak of changes.",
        "tests/backends/app/test_application.py::test_a_client_hears_nothing_before_it_says_that_it_is_ready",
    ),
    "mcp/2025-11-25/basic/lifecycle#version": (
        "The server answers with the version that was asked for, or with its newest.",
        "tests/backends/app/test_methods.py::test_the_version_is_the_clients_if_we_speak_it_else_our_newest",
    ),
    "mcp/2025-11-25/basic/lifecycle#disconnect": (
        "A client leaves a server whose version it does not speak.",
        "tests/test_binding.py::test_a_client_leaves_a_server_that_it_cannot_speak_with",
    ),
    "mcp/2025-11-25/basic/lifecycle#capabilities": (
        "Each end uses only what the other declared.",
        "tests/backends/app/test_context.py::test_what_a_client_did_not_declare_it_is_not_asked_for",
        "tests/backends/app/test_application.py::test_a_client_hears_of_no_list_that_it_was_not_told_of",
    ),
    "mcp/2025-11-25/basic/lifecycle#stdio-shutdown": (
        "A child is shut down by the end of its input, then SIGTERM, then SIGKILL.",
        "tests/backends/stdio/test_backend.py::test_a_child_that_does_not_leave_is_asked_then_killed",
        "tests/integration/test_stdio_children.py::test_a_child_that_ignores_the_end_of_its_input_and_sigterm_is_killed",
    ),
    "mcp/2025-11-25/basic/lifecycle#timeouts": (
        "A request may have a timeout, after which it is cancelled.",
        "tests/turns/test_conversation.py::test_a_request_fails_when_its_time_is_over_and_the_other_end_is_told",
        "tests/client/test_session.py::test_a_request_that_takes_too_long_is_cancelled_and_its_late_answer_dropped",
    ),
    "mcp/2025-11-25/basic/utilities/cancellation#stops": (
        "A cancelled request is stopped, freed and not answered.",
        "tests/backends/app/test_channel.py::test_a_cancelled_method_is_stopped_and_not_answered",
        "tests/turns/test_conversation.py::test_a_cancelled_deferred_answers_nothing",
        "tests/core/test_ledger.py::test_a_cancelled_request_gets_neither_progress_nor_answer",
    ),
    "mcp/2025-11-25/basic/utilities/cancellation#not-initialize": (
        "Initialize is not cancelled.",
        "tests/core/test_ledger.py::test_initialize_cannot_be_cancelled",
        "tests/turns/test_conversation.py::test_the_other_end_is_not_told_that_initialize_is_cancelled",
    ),
    "mcp/2025-11-25/basic/utilities/cancellation#unknown": (
        "Cancellations of nothing, or malformed ones, are ignored.",
        "tests/core/test_ledger.py::test_what_is_not_open_cannot_be_cancelled",
        "tests/core/test_peer.py::test_what_is_not_worked_on_cannot_be_cancelled",
    ),
    "mcp/2025-11-25/basic/utilities/cancellation#late-answers": (
        "The answer to what was cancelled is ignored.",
        "tests/turns/test_conversation.py::test_a_late_answer_is_dropped",
        "tests/core/test_peer.py::test_a_withdrawn_request_gets_no_answer",
    ),
    "mcp/2025-11-25/basic/utilities/cancellation#race": (
        "Answer and cancellation may cross.",
        "tests/core/test_ledger.py::test_a_cancelled_request_gets_neither_progress_nor_answer",
        "tests/turns/test_conversation.py::test_between_two_ends_every_request_has_one_fate_whatever_happens",
        "tests/core/test_peer.py::test_between_two_ends_every_request_is_answered_once_unless_it_is_withdrawn",
    ),
    "mcp/2025-11-25/basic/utilities/ping#answer": (
        "A ping is answered at once with nothing, by either end.",
        "tests/backends/app/test_methods.py::test_ping_is_answered_with_nothing",
        "tests/integration/test_wire.py::test_a_request_before_initialize_is_refused",
        "tests/client/test_session.py::test_a_ping_is_answered",
    ),
    "mcp/2025-11-25/basic/utilities/progress#tokens": (
        "Tokens are strings or integers and each is in use once.",
        "tests/core/test_ledger.py::test_a_progress_token_is_read_where_it_is_a_usable_one",
        "tests/core/test_ledger.py::test_a_progress_token_in_use_is_refused_and_not_disturbed",
    ),
    "mcp/2025-11-25/basic/utilities/progress#grows": (
        "Progress grows with each notification.",
        "tests/backends/app/test_context.py::test_progress_that_has_not_grown_is_not_sent",
    ),
    "mcp/2025-11-25/basic/utilities/progress#active": (
        "Progress is for tokens of open requests only, and ends with them.",
        "tests/core/test_ledger.py::test_progress_passes_until_the_answer",
        "tests/backends/app/test_context.py::test_after_the_answer_there_is_no_progress",
        "tests/backends/app/test_channel.py::test_a_call_that_is_over_reports_no_more",
    ),
    "mcp/2025-11-25/basic/transports#utf-8": (
        "Messages are UTF-8.",
        "tests/jsonrpc/test_codec.py::test_what_is_not_utf_8_is_a_parse_error_wherever_it_is",
        "tests/integration/test_autobahn.py::test_text_that_is_not_utf_8_is_1007_at_the_first_wrong_byte",
    ),
    "mcp/2025-11-25/basic/transports#stdio-lines": (
        "On stdio each message is a line, without line feeds in it.",
        "tests/jsonrpc/test_lines.py::test_no_newline_of_any_kind_stays_within_a_line",
        "tests/jsonrpc/test_lines.py::test_a_json_text_becomes_one_line_of_the_same_meaning",
    ),
    "mcp/2025-11-25/basic/transports#stdio-stderr": (
        "What a child says on standard error is logged, and means nothing.",
        "tests/backends/stdio/test_backend.py::test_standard_error_is_logged_within_bounds",
    ),
    "mcp/2025-11-25/basic/transports#origin": (
        "A server checks Origin, and refuses with 403.",
        "tests/integration/test_wire.py::test_a_handshake_that_is_refused_is_answered_in_http",
        "tests/http/test_handshake.py::test_hosts_and_origins_are_those_of_the_settings",
    ),
    "mcp/2025-11-25/basic/transports#localhost": (
        "A local server binds the loopback interface only.",
        "tests/integration/test_service.py::test_it_binds_loopback_unless_told_otherwise",
        "tests/service/test_endpoints.py::test_a_number_means_loopback",
    ),
    "mcp/2025-11-25/basic/transports#custom-format": (
        "A custom transport keeps the format of the messages.",
        "tests/backends/test_upstream.py::test_the_bytes_of_a_message_are_passed_on_unchanged",
        "tests/backends/stdio/test_backend.py::test_a_message_of_the_child_keeps_its_bytes",
    ),
    "mcp/2025-11-25/basic/transports#custom-documented": (
        "It says how connections are made and messages exchanged.",
        "tests/test_requirements.py::test_every_clause_is_proven_and_every_requirement_has_its_tests",
    ),
    "mcp/2025-11-25/server/tools#protocol-errors": (
        "Unknown tools and malformed calls are errors.",
        "tests/backends/app/test_methods.py::test_an_unknown_tool_is_named",
        "tests/backends/app/test_methods.py::test_arguments_that_are_no_object_are_no_call_in_any_version",
    ),
    "mcp/2025-11-25/server/tools#execution-errors": (
        "A tool that fails, or whose arguments do not fit, has a result with isError.",
        "tests/backends/app/test_methods.py::test_a_failure_of_a_tool_is_a_result_for_the_model",
        "tests/backends/app/test_methods.py::test_later_the_model_reads_what_does_not_fit",
        "tests/backends/app/test_tools.py::test_a_failure_is_for_the_model_to_read",
    ),
    "mcp/2025-11-25/server/tools#list-changed": (
        "Clients hear when tools come and go.",
        "tests/backends/app/test_application.py::test_initialised_clients_hear_of_what_comes_and_goes",
    ),
    "mcp/2025-11-25/server/tools#structured-content": (
        "Structured results have a schema and stand in the text as well.",
        "tests/backends/app/test_tools.py::test_what_returns_a_json_object_has_its_schema",
        "tests/backends/app/test_tools.py::test_a_value_becomes_a_result",
    ),
    "mcp/2025-11-25/server/resources#not-found": (
        "An unknown resource is -32002.",
        "tests/backends/app/test_methods.py::test_a_resource_that_is_not_there_is_not_found",
        "tests/integration/test_wire.py::test_a_message_that_cannot_be_served_is_answered_in_kind_and_the_connection_lives",
    ),
    "mcp/2025-11-25/server/resources#subscriptions": (
        "Subscribers hear of updates until they unsubscribe.",
        "tests/backends/app/test_methods.py::test_subscribers_hear_of_updates_until_they_unsubscribe",
    ),
    "mcp/2025-11-25/server/prompts#get": (
        "A prompt is made with its arguments.",
        "tests/backends/app/test_methods.py::test_a_prompt_is_made_with_its_arguments",
    ),
    "mcp/2025-11-25/server/utilities/completion#complete": (
        "Arguments of prompts and templates are completed.",
        "tests/backends/app/test_methods.py::test_arguments_of_prompts_and_templates_are_completed",
    ),
    "mcp/2025-11-25/server/utilities/logging#level": (
        "Log messages below the level are not sent.",
        "tests/backends/app/test_context.py::test_log_messages_below_the_level_are_not_sent",
        "tests/backends/app/test_methods.py::test_the_level_of_log_messages_is_one_that_there_is",
    ),
    "mcp/2025-11-25/server/utilities/pagination#cursors": (
        "Lists come in pages, and a cursor that was not given out is -32602.",
        "tests/backends/app/test_methods.py::test_lists_come_in_pages",
        "tests/backends/app/test_registry.py::test_what_was_not_given_out_is_no_cursor",
    ),
    "mcp/2025-11-25/client/sampling#capability": (
        "The client's model is asked if there is one.",
        "tests/backends/app/test_context.py::test_the_model_of_the_client_can_be_asked",
        "tests/backends/app/test_context.py::test_what_a_client_did_not_declare_it_is_not_asked_for",
    ),
    "mcp/2025-11-25/client/elicitation#capability": (
        "The client's user is asked if that can be.",
        "tests/backends/app/test_context.py::test_the_user_can_be_asked",
        "tests/backends/app/test_context.py::test_what_a_client_did_not_declare_it_is_not_asked_for",
    ),
    "mcp/2025-11-25/client/roots#capability": (
        "Roots are listed if the client has them.",
        "tests/backends/app/test_context.py::test_roots_are_listed",
        "tests/backends/app/test_context.py::test_what_a_client_did_not_declare_it_is_not_asked_for",
    ),
    "mcp/2025-11-25/schema#results": (
        "What is sent is what the schema of the version describes.",
        "tests/backends/app/test_schema.py::test_what_a_handshaken_client_gets_is_what_the_schema_says",
    ),
    "mcp/2026-07-28/basic#meta": (
        "A request tells version and capabilities in its own _meta, and is -32602 without.",
        "tests/backends/app/test_modern_answers.py::test_the_capabilities_are_required",
        "tests/backends/app/test_modern_answers.py::test_what_is_malformed_is_refused_with_its_place",
        "tests/mcp/test_meta.py::test_what_the_protocol_defines_is_read_and_left_as_it_came",
        "tests/core/test_ledger.py::test_a_modern_request_needs_no_handshake_and_makes_none",
        "tests/integration/test_wire.py::test_a_request_without_what_its_meta_has_to_say_is_refused_whatever_came_before",
    ),
    "mcp/2026-07-28/basic#meta-of-the-client": (
        "A client says version, capabilities and name with every request.",
        "tests/client/test_modern.py::test_every_request_says_version_client_and_capabilities",
        "tests/client/test_modern.py::test_what_meta_says_already_is_not_replaced",
    ),
    "mcp/2026-07-28/basic#stateless": (
        "Nothing rests on what came before on the connection.",
        "tests/backends/app/test_modern_answers.py::test_nothing_is_remembered_from_one_request_to_the_next",
        "tests/backends/app/test_modern_answers.py::test_a_handshake_on_the_same_conversation_has_no_part_in_it",
        "tests/fronts/test_front.py::test_a_stateless_client_outlives_its_backend",
    ),
    "mcp/2026-07-28/basic#missing-capability": (
        "What needs a capability that the request does not declare is -32021.",
        "tests/backends/app/test_modern_call.py::test_a_capability_that_the_request_does_not_declare_is_named",
    ),
    "mcp/2026-07-28/basic#result-type": (
        "Every result has a resultType, and the name of the server in its _meta.",
        "tests/backends/app/test_modern_answers.py::test_every_result_has_what_it_must",
        "tests/backends/app/test_modern_answers.py::test_a_tool_may_have_something_to_say_in_meta",
    ),
    "mcp/2026-07-28/basic#error-codes": (
        "Codes of one's own are outside the range that is reserved, and those of earlier versions are not used.",
        "tests/test_binding.py::test_codes_of_our_own_are_outside_the_reserved_range",
        "tests/backends/app/test_modern_answers.py::test_a_resource_that_is_not_there_is_an_invalid_parameter",
    ),
    "mcp/2026-07-28/basic/versioning#unsupported": (
        "A version that is not spoken is -32022 with those that are.",
        "tests/backends/app/test_modern_answers.py::test_a_version_that_it_does_not_speak_so_is_refused_with_those_that_it_does",
    ),
    "mcp/2026-07-28/basic/versioning#retry": (
        "A client goes on in a version that both speak.",
        "tests/client/test_modern.py::test_a_refused_version_is_replaced_by_one_that_is_spoken",
        "tests/client/test_modern.py::test_a_version_is_replaced_only_once_for_a_request",
    ),
    "mcp/2026-07-28/basic/versioning#probe": (
        "A client of both eras asks for server/discover, and initialises on any answer that is not modern.",
        "tests/client/test_opening.py::test_a_server_that_does_not_know_discovery_is_initialized",
        "tests/client/test_opening.py::test_a_server_that_ignores_discovery_is_initialized_after_a_while",
        "tests/client/test_opening.py::test_a_server_that_refuses_the_version_it_speaks_is_modern_none_the_less",
    ),
    "mcp/2026-07-28/basic/versioning#dual-era": (
        "A request with _meta is served as such, initialize begins a legacy conversation.",
        "tests/backends/app/test_modern_answers.py::test_the_era_is_that_of_each_request",
        "tests/fronts/test_front.py::test_both_eras_share_a_connection",
        "tests/core/test_ledger.py::test_a_modern_initialize_begins_nothing",
    ),
    "mcp/2026-07-28/server/discover#answer": (
        "A server tells its versions and capabilities when it is asked.",
        "tests/backends/app/test_modern_answers.py::test_discovery_tells_what_the_server_is_and_can",
    ),
    "mcp/2026-07-28/server/resources#not-found": (
        "An unknown resource is -32602.",
        "tests/backends/app/test_modern_answers.py::test_a_resource_that_is_not_there_is_an_invalid_parameter",
    ),
    "mcp/2026-07-28/server/utilities/caching#hints": (
        "Results that may be kept say for how long and for whom.",
        "tests/backends/app/test_modern_answers.py::test_what_may_be_kept_says_for_how_long_and_for_whom",
    ),
    "mcp/2026-07-28/server/utilities/logging#per-request": (
        "Log messages are for requests that ask for them.",
        "tests/backends/app/test_modern_answers.py::test_log_messages_are_for_requests_that_ask_for_them",
    ),
    "mcp/2026-07-28/basic/transports#no-server-requests": (
        "A server sends no requests to modern clients.",
        "tests/fronts/test_front.py::test_a_client_that_never_initialised_is_asked_nothing",
        "tests/backends/app/test_modern_call.py::test_the_server_sends_no_request",
    ),
    "mcp/2026-07-28/basic/transports#custom-format": (
        "A custom transport keeps messages, patterns and per-request metadata as they are.",
        "tests/backends/test_upstream.py::test_the_bytes_of_a_message_are_passed_on_unchanged",
        "tests/backends/stdio/test_backend.py::test_a_message_to_the_child_keeps_its_bytes_but_for_newlines",
    ),
    "mcp/2026-07-28/basic/transports#custom-documented": (
        "It says how connections, messages and cancellation work.",
        "tests/test_requirements.py::test_every_clause_is_proven_and_every_requirement_has_its_tests",
    ),
    "mcp/2026-07-28/basic/patterns/cancellation#notification": (
        "Where requests share a channel, a notification cancels them.",
        "tests/backends/app/test_listen.py::test_it_ends_when_the_client_cancels_it_without_an_answer",
        "tests/core/test_ledger.py::test_a_cancelled_request_gets_neither_progress_nor_answer",
        "tests/backends/app/test_modern_call.py::test_a_cancelled_call_asks_nothing",
    ),
    "mcp/2026-07-28/basic/patterns/cancellation#servers": (
        "A server cancels subscriptions only.",
        "tests/core/test_ledger.py::test_a_server_may_end_a_subscription_but_no_other_request",
    ),
    "mcp/2026-07-28/basic/patterns/progress#active": (
        "Progress is for tokens of open requests only.",
        "tests/backends/app/test_modern_answers.py::test_progress_is_sent_under_the_token_of_the_request",
        "tests/core/test_ledger.py::test_progress_passes_until_the_answer",
        "tests/fronts/test_front.py::test_only_what_belongs_passes",
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#acknowledged": (
        "The acknowledgement comes first and says what is given.",
        "tests/backends/app/test_listen.py::test_it_is_acknowledged_first",
        "tests/backends/app/test_listen.py::test_the_acknowledgement_says_what_can_be_had",
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#asked-for": (
        "Nothing is sent that was not asked for.",
        "tests/backends/app/test_listen.py::test_it_tells_of_changes_of_the_lists_that_were_asked_for",
        "tests/backends/app/test_listen.py::test_without_it_nothing_is_told",
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#client": (
        "A client tells its subscriptions apart, and takes what each asked for.",
        "tests/client/test_subscription.py::test_subscriptions_do_not_disturb_each_other",
        "tests/client/test_subscription.py::test_what_was_not_asked_for_does_not_pass",
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#id": (
        "All that is sent on one carries the id of its request.",
        "tests/backends/app/test_listen.py::test_several_are_told_apart_by_their_ids",
        "tests/backends/app/test_listen.py::test_an_id_keeps_its_type",
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#cancelled": (
        "The client ends one with a cancellation.",
        "tests/backends/app/test_listen.py::test_it_ends_when_the_client_cancels_it_without_an_answer",
        "tests/fronts/test_front.py::test_a_client_ends_its_subscription_without_an_answer",
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#graceful": (
        "A server that goes ends each with an empty result that names it.",
        "tests/fronts/test_front.py::test_subscriptions_do_not_hold_up_a_drain_and_end_with_their_result",
        "tests/backends/app/test_listen.py::test_it_is_answered_when_the_app_stops",
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#result": (
        "Questions are the result of the call that has them, of three methods only.",
        "tests/backends/app/test_modern_call.py::test_a_question_ends_the_call_and_is_its_answer",
        "tests/backends/app/test_modern_call.py::test_prompts_and_resources_may_ask_too",
        "tests/backends/app/test_modern_call.py::test_where_no_question_may_be_asked_it_fails",
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#retry": (
        "The call goes on when it is made again with answers and state.",
        "tests/backends/app/test_modern_call.py::test_with_the_answer_the_function_runs_again_from_its_start",
        "tests/backends/app/test_modern_call.py::test_what_is_not_answered_is_asked_again",
        "tests/backends/app/test_modern_call.py::test_answers_to_what_was_not_asked_are_not_looked_at",
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#client": (
        "A client gathers what is wanted, and gives the state back as it is.",
        "tests/client/test_rounds.py::test_what_the_server_wants_to_know_comes_with_the_request_when_it_is_repeated",
        "tests/client/test_rounds.py::test_each_round_has_only_what_the_last_one_wanted",
        "tests/client/test_rounds.py::test_the_state_goes_back_byte_by_byte",
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#state": (
        "State is taken for what an attacker may have written.",
        "tests/backends/app/test_modern_call.py::test_what_was_changed_or_is_for_another_call_is_refused",
        "tests/backends/app/test_modern_call.py::test_nobody_goes_on_for_somebody_else",
        "tests/policy/test_seal.py::test_nothing_of_it_can_be_changed",
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#independent": (
        "Any replica can go on.",
        "tests/backends/app/test_modern_call.py::test_any_replica_with_the_key_goes_on",
    ),
    "mcp/2026-07-28/schema#results": (
        "What is sent is what the schema of the version describes.",
        "tests/backends/app/test_schema.py::test_what_a_stateless_client_gets_is_what_the_schema_says",
        "tests/backends/app/test_schema.py::test_the_methods_are_those_that_there_are",
        "tests/backends/app/test_schema.py::test_every_notification_of_a_modern_server_is_sent_at_some_time",
    ),
}
