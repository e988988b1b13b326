"""What is implemented of WebSocket (RFC 6455) and its compression (RFC 7692), by section."""

WEBSOCKET: dict[str, tuple[str, ...]] = {
    "rfc6455/1.3/accept": (
        "The accept value is made of the key and the fixed GUID.",
        "tests/integration/test_autobahn.py::test_the_handshake_is_answered_with_the_accept_of_the_key",
    ),
    "rfc6455/3/uri": (
        "A URL has no fragment, and a resource name may have a query.",
        "tests/ws/test_client.py::test_what_would_spoil_the_request_is_refused_by_name",
        "tests/http/test_handshake.py::test_the_usual_paths_are_served_whatever_their_query",
    ),
    "rfc6455/4.1/request": (
        "A client sends GET, HTTP/1.1, Host, Upgrade, Connection, a key and version 13.",
        "tests/ws/test_client.py::test_the_handshake_says_what_rfc_6455_asks_for",
        "tests/ws/test_client.py::test_the_host_has_its_brackets_and_the_port_unless_that_is_the_default",
    ),
    "rfc6455/4.1/nonce": (
        "The key is another one for each connection.",
        "tests/ws/test_client.py::test_the_key_is_another_every_time",
    ),
    "rfc6455/4.1/response": (
        "A client fails a connection whose 101 is not what it asked for.",
        "tests/ws/test_client.py::test_an_upgrade_that_is_wrong_is_refused_by_us",
    ),
    "rfc6455/4.1/status": (
        "A client takes other statuses for what HTTP says they are.",
        "tests/ws/test_client.py::test_any_other_status_than_101_is_a_refusal",
    ),
    "rfc6455/4.2.1/request": (
        "A server checks each part of the request that it needs.",
        "tests/http/test_handshake.py::test_a_refusal_is_a_whole_http_answer_and_the_end",
        "tests/http/test_handshake.py::test_the_request_line_must_be_get_and_http_1_1",
    ),
    "rfc6455/4.2.2/accept": (
        "A server answers 101 with Upgrade, Connection and Sec-WebSocket-Accept.",
        "tests/integration/test_autobahn.py::test_the_handshake_is_answered_with_the_accept_of_the_key",
    ),
    "rfc6455/4.2.2/refusal": (
        "A server may refuse for the origin with 403, and answers with HTTP in any case.",
        "tests/http/test_handshake.py::test_a_refusal_is_a_whole_http_answer_and_the_end",
        "tests/integration/test_wire.py::test_a_handshake_that_is_refused_is_answered_in_http",
    ),
    "rfc6455/4.2.2/subprotocol": (
        "A server selects one of the offered subprotocols, or sends no such header.",
        "tests/http/test_handshake.py::test_ours_is_selected_among_the_offered_subprotocols",
        "tests/http/test_handshake.py::test_without_an_offer_none_is_selected",
    ),
    "rfc6455/4.4/version": (
        "A version that is not spoken is 426 with those that are.",
        "tests/http/test_handshake.py::test_a_refusal_is_a_whole_http_answer_and_the_end",
        "tests/integration/test_wire.py::test_a_handshake_that_is_refused_is_answered_in_http",
    ),
    "rfc6455/5.1/client-masks": (
        "A frame of a client without a mask fails the connection with 1002.",
        "tests/integration/test_autobahn.py::test_a_frame_without_a_mask_is_1002",
        "tests/ws/test_connection.py::test_a_breach_of_the_protocol_ends_the_connection_with_its_code",
    ),
    "rfc6455/5.1/server-does-not": (
        "Frames of a server are not masked, and a client fails one that is.",
        "tests/integration/test_autobahn.py::test_frames_of_the_server_are_not_masked",
        "tests/ws/test_client.py::test_a_masked_frame_of_a_server_breaks_the_protocol",
    ),
    "rfc6455/5.2/reserved-bits": (
        "A reserved bit that no extension gave a meaning fails the connection.",
        "tests/integration/test_autobahn.py::test_a_reserved_bit_is_1002",
    ),
    "rfc6455/5.2/opcodes": (
        "An unknown opcode fails the connection.",
        "tests/integration/test_autobahn.py::test_a_reserved_opcode_is_1002",
    ),
    "rfc6455/5.2/length": (
        "Lengths are sent and taken in the shortest form, in network byte order, the highest bit clear.",
        "tests/integration/test_autobahn.py::test_a_message_of_any_length_is_one_frame_with_the_shortest_length",
        "tests/integration/test_autobahn.py::test_a_length_that_is_not_the_shortest_is_1002",
        "tests/integration/test_autobahn.py::test_a_length_with_the_highest_bit_is_1002",
    ),
    "rfc6455/5.3/masking": (
        "A mask is undone byte by byte.",
        "tests/integration/test_autobahn.py::test_every_mask_is_undone",
        "tests/ws/test_fastlane.py::test_what_was_framed_is_taken_whole",
    ),
    "rfc6455/5.4/fragments": (
        "A message may come in any number of fragments of any length.",
        "tests/integration/test_autobahn.py::test_fragments_are_one_message",
        "tests/ws/test_connection.py::test_a_message_in_fragments_is_one_message",
        "tests/integration/test_autobahn.py::test_autobahn_testsuite_finds_no_fault_with_large_and_many_messages",
    ),
    "rfc6455/5.4/control-between": (
        "Control frames may come between fragments and are answered before the message ends.",
        "tests/integration/test_autobahn.py::test_control_frames_between_fragments_are_answered_at_once",
        "tests/integration/test_autobahn.py::test_a_close_between_fragments_ends_the_message_unfinished",
    ),
    "rfc6455/5.4/order": (
        "Fragments of two messages do not mix, and a continuation continues something.",
        "tests/integration/test_autobahn.py::test_fragments_out_of_order_are_1002",
        "tests/integration/test_autobahn.py::test_a_continuation_after_the_last_fragment_is_1002",
    ),
    "rfc6455/5.5/control-frames": (
        "A control frame has 125 bytes at most and is not fragmented.",
        "tests/integration/test_autobahn.py::test_a_control_frame_of_more_than_125_bytes_is_1002",
        "tests/integration/test_autobahn.py::test_a_control_frame_in_fragments_is_1002",
    ),
    "rfc6455/5.5.1/close": (
        "A Close may have a body, a code with a UTF-8 reason, and is answered with a Close.",
        "tests/integration/test_autobahn.py::test_a_close_is_answered_with_its_code_and_reason",
        "tests/integration/test_autobahn.py::test_a_close_without_a_code_is_answered_without_one",
        "tests/integration/test_autobahn.py::test_half_a_code_is_1002",
        "tests/integration/test_autobahn.py::test_a_reason_that_is_not_utf_8_is_1007",
    ),
    "rfc6455/5.5.1/no-data-after": (
        "After a Close no data is sent.",
        "tests/integration/test_autobahn.py::test_nothing_after_a_close_is_looked_at",
        "tests/ws/test_connection.py::test_nothing_is_sent_after_the_close_frame",
    ),
    "rfc6455/5.5.2/ping": (
        "A Ping is answered with a Pong of the same payload.",
        "tests/integration/test_autobahn.py::test_a_ping_is_answered_with_its_payload",
        "tests/integration/test_autobahn.py::test_pings_are_answered_in_order",
    ),
    "rfc6455/5.5.3/pong": (
        "A Pong that nobody asked for is let be.",
        "tests/integration/test_autobahn.py::test_a_pong_that_nobody_asked_for_is_ignored",
        "tests/ws/test_connection.py::test_a_ping_goes_out_every_interval_and_its_pong_measures_the_round_trip",
    ),
    "rfc6455/5.6/data-frames": (
        "Text is UTF-8, binary is anything.",
        "tests/integration/test_autobahn.py::test_text_is_echoed_wherever_its_code_points_are_cut",
        "tests/integration/test_autobahn.py::test_a_binary_message_may_hold_anything",
    ),
    "rfc6455/6.2/receiving": (
        "It does not matter in which pieces the bytes of a frame come.",
        "tests/integration/test_autobahn.py::test_text_is_echoed_wherever_its_code_points_are_cut",
        "tests/ws/test_fastlane.py::test_a_server_sees_and_says_the_same_with_the_lane_and_without",
        "tests/ws/test_fastlane.py::test_a_client_sees_and_says_the_same_with_the_lane_and_without",
    ),
    "rfc6455/7.1.1/tcp": (
        "The server ends the TCP connection, in order, and the client waits for that.",
        "tests/ws/test_connection.py::test_a_connection_that_was_closed_in_order_ends_in_order",
        "tests/ws/test_client.py::test_a_server_that_closes_is_answered_and_has_to_hang_up",
        "tests/integration/test_autobahn.py::test_a_close_is_answered_with_its_code_and_reason",
    ),
    "rfc6455/7.1.2/start": (
        "Who closes sends a Close with a code and waits for the answer.",
        "tests/ws/test_connection.py::test_our_close_frame_waits_for_the_answer_of_the_peer",
        "tests/ws/test_connection.py::test_a_peer_that_never_answers_a_close_is_dropped",
    ),
    "rfc6455/7.1.5/code": (
        "The code of a close is that of the first Close frame, 1005 without one in it, 1006 without a frame.",
        "tests/ws/test_connection.py::test_a_close_frame_is_answered_with_the_same_code_and_the_end_of_the_connection",
        "tests/ws/test_connection.py::test_a_close_frame_without_a_code_is_1005",
        "tests/ws/test_connection.py::test_a_peer_that_vanishes_is_1006",
    ),
    "rfc6455/7.1.7/fail": (
        "To fail a connection is to send a Close with the code for it, and to look at nothing more.",
        "tests/integration/test_autobahn.py::test_nothing_after_a_breach_is_looked_at",
        "tests/integration/test_autobahn.py::test_what_came_before_a_breach_is_answered_first",
        "tests/ws/test_connection.py::test_what_comes_after_the_breach_is_not_looked_at",
        "tests/integration/test_wire.py::test_tcp_is_closed_within_a_second_of_a_breach_in_the_middle_of_a_frame",
    ),
    "rfc6455/7.4.1/codes": (
        "Defined codes are taken and used for what they are defined for.",
        "tests/integration/test_autobahn.py::test_a_close_is_answered_with_its_code_and_reason",
        "tests/test_binding.py::test_the_close_codes_are_those_of_the_table",
    ),
    "rfc6455/7.4.2/ranges": (
        "Codes that must not be on the wire fail the connection, those from 3000 to 4999 do not.",
        "tests/integration/test_autobahn.py::test_a_code_that_must_not_be_sent_is_1002",
        "tests/integration/test_autobahn.py::test_a_close_is_answered_with_its_code_and_reason",
    ),
    "rfc6455/8.1/utf-8": (
        "Text that is not UTF-8 fails the connection with 1007.",
        "tests/integration/test_autobahn.py::test_text_that_is_not_utf_8_is_1007_at_the_first_wrong_byte",
        "tests/integration/test_autobahn.py::test_text_that_ends_within_a_code_point_is_1007",
    ),
    "rfc6455/9.1/extensions": (
        "A server selects from what was offered, in one line or several, and a malformed offer fails the handshake.",
        "tests/ws/test_compression.py::test_an_offer_is_accepted_with_small_windows",
        "tests/http/test_handshake.py::test_several_lines_of_extensions_are_one_list",
        "tests/http/test_handshake.py::test_malformed_extensions_are_refused",
        "tests/integration/test_wire.py::test_a_handshake_that_is_refused_is_answered_in_http",
    ),
    "rfc6455/10.2/origin": (
        "A server that is not for every page checks the origin.",
        "tests/policy/test_origin.py::test_a_page_of_this_machine_may_connect_to_it",
        "tests/policy/test_origin.py::test_an_origin_that_is_not_quite_listed_is_refused",
        "tests/http/test_handshake.py::test_hosts_and_origins_are_those_of_the_settings",
    ),
    "rfc6455/10.3/masking-key": (
        "A client masks each frame with a key of its own.",
        "tests/ws/test_fastlane.py::test_what_was_framed_is_taken_whole",
        "tests/ws/test_fastlane.py::test_a_server_sees_and_says_the_same_with_the_lane_and_without",
    ),
    "rfc6455/10.4/limits": (
        "What a peer can make this end hold is bounded.",
        "tests/integration/test_autobahn.py::test_a_length_over_the_limit_is_1009_before_any_of_it_came",
        "tests/ws/test_connection.py::test_no_more_than_the_limit_is_kept_of_a_message_that_is_too_large",
        "tests/ws/test_connection.py::test_pings_of_a_client_that_does_not_read_the_pongs_are_bounded",
    ),
    "rfc6455/10.7/invalid-data": (
        "No bytes at all bring a server down, or keep its connection for ever.",
        "tests/ws/test_connection.py::test_no_bytes_at_all_raise_here_or_keep_a_connection_for_ever",
        "tests/http/test_handshake.py::test_any_bytes_make_a_request_or_a_refusal",
    ),
    "rfc6455/all/autobahn-testsuite": (
        "The cases of Autobahn Testsuite for framing find no fault.",
        "tests/integration/test_autobahn.py::test_autobahn_testsuite_finds_no_fault_with_the_framing",
        "tests/integration/test_autobahn.py::test_autobahn_testsuite_finds_no_fault_with_large_and_many_messages",
    ),
    "rfc7692/5/negotiation": (
        "The parameters of the selection fit the offer, and an offer that cannot be had is declined.",
        "tests/ws/test_compression.py::test_any_offers_are_answered_as_rfc_7692_has_it",
        "tests/ws/test_compression.py::test_an_offer_that_cannot_be_taken_is_declined_and_the_next_one_is_taken",
        "tests/ws/test_compression.py::test_an_offer_is_accepted_with_small_windows",
        "tests/ws/test_compression.py::test_our_client_compresses_with_a_server_that_does",
        "tests/ws/test_compression.py::test_our_client_takes_what_rfc_7692_lets_a_server_answer",
    ),
    "rfc7692/6/rsv1": (
        "The first reserved bit marks the first frame of a compressed message, and nothing else.",
        "tests/integration/test_autobahn.py::test_a_compression_bit_where_none_may_be_is_1002",
        "tests/integration/test_autobahn.py::test_a_compressed_message_may_come_in_fragments_and_beside_plain_ones",
    ),
    "rfc7692/7.1.1/context-takeover": (
        "A window that may be kept is kept from message to message.",
        "tests/integration/test_autobahn.py::test_compressed_messages_share_a_window_both_ways",
    ),
    "rfc7692/7.2.1/compression": (
        "A message is deflated without the four bytes at its end.",
        "tests/ws/test_compression.py::test_messages_are_compressed_from_a_size_on",
        "tests/integration/test_autobahn.py::test_compressed_messages_share_a_window_both_ways",
    ),
    "rfc7692/7.2.2/decompression": (
        "A message is inflated within the limit, and one that cannot be fails the connection.",
        "tests/ws/test_compression.py::test_a_compressed_message_is_inflated",
        "tests/ws/test_compression.py::test_the_limit_holds_for_what_is_inflated",
        "tests/integration/test_autobahn.py::test_a_message_that_does_not_inflate_is_1007",
        "tests/integration/test_autobahn.py::test_a_message_that_inflates_beyond_the_limit_is_1009",
    ),
    "rfc7692/7.2.3.4/final-blocks": (
        "A message may end its DEFLATE stream.",
        "tests/ws/test_compression.py::test_a_message_may_end_its_deflate_stream",
    ),
    "rfc7692/all/autobahn-testsuite": (
        "Its cases for compression find none either.",
        "tests/integration/test_autobahn.py::test_autobahn_testsuite_finds_no_fault_with_compression",
    ),
    "rfc6454/6.2/null": (
        "An origin may be null, which is nobody's.",
        "tests/policy/test_origin.py::test_who_sends_no_origin_is_allowed_unless_one_is_required",
        "tests/http/test_handshake.py::test_a_refusal_is_a_whole_http_answer_and_the_end",
    ),
}
