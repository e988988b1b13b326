"""Who is connected, whatever carries it."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpws import ServerFactory, WebSocketConfig
from mcpws.core.counters import Counters
from mcpws.core.lifecycle import ConnectionState
from mcpws.fronts.roster import RESTART_SECONDS, Roster
from mcpws.jsonrpc.messages import Notification
from mcpws.policy.stats import ConnectionStatistics, snapshot
from mcpws.seam.observer import Refused
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.testing.network import Network

NEWS = Notification("notifications/tools/list_changed")


class Guest:
    """A Member that leaves when the test says so, and notes what it is asked."""

    def __init__(self, roster: Roster) -> None:
        self.id = roster.new_id()
        self.counters = Counters()
        self.initialised = True
        self.asked: list[str] = []
        self.news: list[Notification] = []
        self.swept: list[float] = []
        self._roster = roster
        roster.enter(self)

    def statistics(self, now: float) -> ConnectionStatistics:
        state = ConnectionState.CONNECTED
        return snapshot(self.counters, id=self.id, peer="guest", state=state, in_flight=1, queued_bytes=2, now=now)

    def notify(self, notification: Notification) -> bool:
        if self.initialised:
            self.news.append(notification)
        return self.initialised

    def drain(self) -> None:
        self.asked.append("drain")

    def give_up(self) -> None:
        self.asked.append("give up")

    def sweep(self, now: float) -> None:
        self.swept.append(now)

    def come_in(self) -> Guest:
        self._roster.present(self)
        return self

    def leave(self) -> None:
        self._roster.gone(self)


@pytest.fixture
def roster(clock: Clock) -> Roster:
    return Roster(clock, max_connections=2, drain_seconds=10)


def fired(deferred: Deferred[None]) -> bool:
    return deferred.called


def test_as_many_may_be_present_as_it_is_said_and_as_many_more_may_enter(roster: Roster) -> None:
    inside = [Guest(roster).come_in(), Guest(roster).come_in()]
    assert (roster.may_enter(), roster.is_full) == (True, True)
    entering = [Guest(roster), Guest(roster)]
    assert (roster.may_enter(), roster.is_full) == (False, True)
    assert (roster.may_enter(1), roster.may_enter(0)) == (True, False)
    inside[0].leave()
    assert (roster.may_enter(), roster.is_full) == (False, False)
    entering[0].leave()
    assert (roster.may_enter(), roster.is_full) == (True, False)
    for one in (inside[1], entering[1]):
        one.leave()


def test_every_member_has_a_number_of_its_own_and_is_known_until_it_is_gone(roster: Roster) -> None:
    def ids() -> list[int]:
        return [one.id for one in roster.members]

    first, second = Guest(roster), Guest(roster)
    assert ids() == [1, 2]
    second.come_in()
    assert ids() == [2, 1]
    first.leave()
    second.leave()
    assert ids() == []
    third = Guest(roster)
    assert ids() == [3]
    third.leave()


def test_what_members_have_counted_stays_in_the_totals(roster: Roster) -> None:
    gone, here = Guest(roster).come_in(), Guest(roster).come_in()
    gone.counters.messages_received = 3
    here.counters.messages_received = 4
    roster.refused(Refused(None, "tcp4:192.0.2.1:9", 403, "no"))
    roster.aborted()
    gone.leave()
    found = roster.statistics({"demo.calls": 5})
    assert found.messages_received == 7
    assert found.max_connections == 2
    assert (found.connections_total, found.connections_refused, found.connections_aborted) == (2, 1, 1)
    assert [one.id for one in found.connections] == [here.id]
    assert (found.in_flight, found.queued_bytes, found.backend) == (1, 2, {"demo.calls": 5})
    here.leave()


def test_news_go_to_those_that_are_initialised(roster: Roster) -> None:
    told, new = Guest(roster).come_in(), Guest(roster).come_in()
    new.initialised = False
    entering = Guest(roster)
    assert roster.broadcast(NEWS) == 1
    assert (told.news, new.news, entering.news) == ([NEWS], [], [])
    for one in (told, new, entering):
        one.leave()


def test_all_are_swept_once_a_period_and_nobody_is_no_work(roster: Roster, clock: Clock) -> None:
    assert clock.getDelayedCalls() == []
    inside, entering = Guest(roster).come_in(), Guest(roster)
    clock.advance(1)
    inside.leave()
    clock.advance(1)
    assert (inside.swept, entering.swept) == ([1], [1, 2])
    entering.leave()
    assert clock.getDelayedCalls() == []


def test_a_drain_asks_all_to_leave_and_waits_until_they_have(roster: Roster, clock: Clock) -> None:
    inside, entering = Guest(roster).come_in(), Guest(roster)
    drained = [roster.drain(), roster.drain()]
    assert roster.is_leaving
    assert inside.asked == entering.asked == ["drain"]
    inside.leave()
    assert not any(map(fired, drained))
    entering.leave()
    assert all(map(fired, drained))
    assert clock.getDelayedCalls() == []


def test_who_has_not_left_in_time_is_told_to_give_up(roster: Roster, clock: Clock) -> None:
    one = Guest(roster).come_in()
    drained = roster.drain(3)
    clock.advance(2.9)
    assert one.asked == ["drain"]
    clock.advance(0.2)
    assert one.asked == ["drain", "give up"]
    assert not drained.called
    one.leave()
    assert drained.called


def test_an_empty_roster_is_drained_at_once(roster: Roster) -> None:
    assert roster.drain().called
    assert roster.is_leaving


def test_who_enters_after_the_end_is_waited_for_by_who_asks_then(roster: Roster) -> None:
    assert roster.drain().called
    late = Guest(roster)
    drained = roster.drain()
    assert not drained.called
    late.leave()
    assert drained.called


def test_who_does_not_wait_any_more_is_not_told(roster: Roster) -> None:
    one = Guest(roster).come_in()
    waiting, given_up = roster.drain(), roster.drain()
    given_up.addErrback(lambda _: None)
    given_up.cancel()
    one.leave()
    assert waiting.called


def test_a_restart_lets_those_in_who_are_entering_and_waits_a_second_for_them(roster: Roster, clock: Clock) -> None:
    inside, entering = Guest(roster).come_in(), Guest(roster)
    drained = roster.restart()
    assert (roster.restarting, roster.is_leaving) == (True, False)
    assert inside.asked == ["drain", "give up"]
    assert entering.asked == ["drain"]
    inside.leave()
    clock.advance(RESTART_SECONDS)
    assert entering.asked == ["drain", "give up"]
    entering.leave()
    assert drained.called


def test_two_servers_share_their_limit_their_numbers_and_their_end(clock: Clock) -> None:
    roster = Roster(clock, max_connections=1, drain_seconds=10)
    network = Network(clock)
    servers = [ServerFactory(RecordingBackend(), WebSocketConfig(), reactor=clock, roster=roster) for _ in "ab"]
    first, second = RawClient(), RawClient()
    for client, server in zip((first, second), servers, strict=True):
        network.join(client, server)
        client.handshake()
        network.flush()
    assert first.take_head()[0] == "HTTP/1.1 101 Switching Protocols"
    assert second.take_head()[0] == "HTTP/1.1 503 Service Unavailable"
    assert servers[0].connections == servers[1].connections == roster.members
    assert servers[0].statistics().connections_refused == servers[1].statistics().connections_refused == 1
    drained = servers[1].drain()
    network.flush()
    first.send_frame(8, b"\x03\xe9")
    network.advance(2)
    assert drained.called
    assert roster.members == ()


def test_a_server_of_its_own_has_a_roster_of_its_own() -> None:
    one, other = Served(RecordingBackend()), Served(RecordingBackend())
    one.upgraded()
    assert len(one.server.connections) == len(one.server.roster.members) == 1
    assert other.server.roster.members == ()


@pytest.fixture
def part(roster: Roster, clock: Clock) -> Roster:
    return Roster(clock, max_connections=1, drain_seconds=5, within=roster)


def test_who_is_in_a_part_is_in_the_whole_under_a_number_that_nobody_else_has(roster: Roster, part: Roster) -> None:
    inside, entering, elsewhere = Guest(part).come_in(), Guest(part), Guest(roster).come_in()
    assert part.members == (inside, entering)
    assert set(roster.members) == {inside, entering, elsewhere}
    assert len({one.id for one in roster.members}) == 3
    inside.counters.messages_received = 3
    for one in (inside, entering, elsewhere):
        one.leave()
    assert not any((part.members, roster.members))
    assert (part.statistics().messages_received, roster.statistics().messages_received) == (3, 3)
    assert (part.statistics().connections_total, roster.statistics().connections_total) == (1, 2)


def test_a_part_is_full_when_itself_or_the_whole_is(roster: Roster, part: Roster) -> None:
    inside = Guest(part).come_in()
    assert (part.is_full, roster.is_full) == (True, False)
    inside.leave()
    others = [Guest(roster).come_in(), Guest(roster).come_in()]
    assert (part.is_full, roster.is_full) == (True, True)
    entering = [Guest(roster), Guest(roster)]
    assert not part.may_enter()
    for one in (*others, *entering):
        one.leave()


def test_what_a_part_refuses_and_limits_is_counted_by_the_whole_once(roster: Roster, part: Roster) -> None:
    part.refused(Refused(None, "tcp4:192.0.2.1:9", 503, "full", setting="max_connections"))
    part.limited("max_in_flight")
    part.aborted()
    for one in (part, roster):
        found = one.statistics()
        assert (found.connections_refused, found.connections_aborted) == (1, 1)
        assert found.limits == {"max_connections": 1, "max_in_flight": 1}


def test_a_part_is_swept_with_the_whole_and_only_once(roster: Roster, part: Roster, clock: Clock) -> None:
    inside = Guest(part).come_in()
    clock.advance(1)
    assert inside.swept == [1]
    inside.leave()
    assert clock.getDelayedCalls() == []


def test_a_part_that_leaves_leaves_the_others_alone(roster: Roster, part: Roster) -> None:
    inside, elsewhere = Guest(part).come_in(), Guest(roster).come_in()
    drained = part.drain()
    assert (part.is_leaving, roster.is_leaving) == (True, False)
    assert (inside.asked, elsewhere.asked) == (["drain"], [])
    inside.leave()
    assert drained.called
    elsewhere.leave()


@pytest.mark.parametrize("restart", [True, False])
def test_when_the_whole_leaves_so_does_each_part(roster: Roster, part: Roster, restart: bool) -> None:
    inside = Guest(part).come_in()
    gone = roster.restart() if restart else roster.drain()
    assert (part.restarting, part.is_leaving) == (restart, not restart)
    assert inside.asked == (["drain", "give up"] if restart else ["drain"])
    inside.leave()
    assert gone.called
    assert part.drain().called


def test_who_makes_way_lets_what_is_in_flight_finish_and_those_in_who_are_entering(part: Roster, clock: Clock) -> None:
    inside, entering = Guest(part).come_in(), Guest(part)
    gone = part.make_way()
    assert (part.restarting, part.is_leaving) == (True, False)
    assert inside.asked == entering.asked == ["drain"]
    clock.advance(5)
    assert inside.asked == entering.asked == ["drain", "give up"]
    inside.leave()
    entering.leave()
    assert gone.called
