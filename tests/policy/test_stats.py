from dataclasses import FrozenInstanceError

import pytest

from mcpws.core.counters import Counters
from mcpws.core.lifecycle import ConnectionState
from mcpws.policy.stats import ConnectionStatistics, Totals, snapshot


def busy(opened: float = 10.0) -> Counters:
    counters = Counters(opened)
    counters.messages_received = 2
    counters.bytes_received = 150
    counters.last_activity = opened + 2
    counters.messages_sent = 1
    counters.bytes_sent = 7
    counters.errors = 3
    counters.bad_messages = 2
    counters.dropped = 1
    counters.coalesced = 6
    counters.round_trip = 0.25
    return counters


def shown(counters: Counters, now: float = 20.0) -> ConnectionStatistics:
    return snapshot(
        counters,
        id=4,
        peer="10.0.0.1:5",
        state=ConnectionState.CONNECTED,
        in_flight=2,
        queued_bytes=9,
        now=now,
    )


def test_a_new_connection_has_counted_nothing() -> None:
    statistics = shown(Counters(20.0))
    assert statistics == ConnectionStatistics(
        id=4,
        peer="10.0.0.1:5",
        state=ConnectionState.CONNECTED,
        messages_received=0,
        messages_sent=0,
        bytes_received=0,
        bytes_sent=0,
        errors=0,
        bad_messages=0,
        dropped=0,
        coalesced=0,
        too_many=0,
        in_flight=2,
        queued_bytes=9,
        uptime=0.0,
        idle=0.0,
        round_trip=None,
    )


def test_a_connection_counts_messages_and_bytes_both_ways() -> None:
    assert shown(busy()) == ConnectionStatistics(
        id=4,
        peer="10.0.0.1:5",
        state=ConnectionState.CONNECTED,
        messages_received=2,
        messages_sent=1,
        bytes_received=150,
        bytes_sent=7,
        errors=3,
        bad_messages=2,
        dropped=1,
        coalesced=6,
        too_many=0,
        in_flight=2,
        queued_bytes=9,
        uptime=10.0,
        idle=8.0,
        round_trip=0.25,
    )


def test_only_what_comes_in_ends_the_silence() -> None:
    counters = Counters(0.0)
    counters.last_activity = 5.0
    counters.bytes_sent = 1
    assert shown(counters, now=7.0).idle == 2.0


def test_a_snapshot_stays_as_it_was() -> None:
    counters = busy()
    statistics = shown(counters)
    counters.bytes_received += 1000
    assert statistics.bytes_received == 150
    with pytest.raises(FrozenInstanceError):
        statistics.bytes_received = 0  # type: ignore[misc]


def test_a_server_sums_what_is_open_and_what_is_closed() -> None:
    totals = Totals(5.0)
    totals.connections = 3
    totals.refused = 4
    totals.aborted = 5
    totals.closed(busy())
    statistics = totals.snapshot((shown(busy()), shown(busy())), 65.0, {"stdio.started": 7})
    assert statistics.active_connections == 2
    assert [one.id for one in statistics.connections] == [4, 4]
    assert statistics.connections_total == 3
    assert statistics.connections_refused == 4
    assert statistics.connections_aborted == 5
    assert statistics.messages_received == 6
    assert statistics.messages_sent == 3
    assert statistics.bytes_received == 450
    assert statistics.bytes_sent == 21
    assert statistics.errors == 9
    assert statistics.bad_messages == 6
    assert statistics.dropped == 3
    assert statistics.in_flight == 4
    assert statistics.queued_bytes == 18
    assert statistics.uptime == 60.0
    assert statistics.backend == {"stdio.started": 7}


def test_a_new_server_has_counted_nothing() -> None:
    statistics = Totals(5.0).snapshot((), now=5.0)
    assert statistics.connections == ()
    assert statistics.connections_total == statistics.connections_refused == 0
    assert statistics.messages_received == statistics.bytes_sent == 0
    assert statistics.backend == {}
    assert statistics.uptime == 0.0


def test_totals_do_not_fall_when_a_connection_closes() -> None:
    totals = Totals(0.0)
    counters = busy()
    before = totals.snapshot((shown(counters),), now=20.0)
    totals.closed(counters)
    after = totals.snapshot((), now=20.0)
    assert after.messages_received == before.messages_received
    assert after.bytes_sent == before.bytes_sent
    assert after.in_flight == after.queued_bytes == after.active_connections == 0


def test_limits_are_counted_by_their_settings() -> None:
    totals = Totals(5.0)
    before = totals.snapshot((), now=6.0).limits
    for setting in ("max_in_flight", "max_depth", "max_in_flight"):
        totals.limited(setting)
    assert totals.snapshot((), now=7.0).limits == {"max_in_flight": 2, "max_depth": 1}
    # A snapshot stays as it was.
    assert before == {}
