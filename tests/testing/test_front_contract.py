"""The contract of fronts finds each thing that a front may do wrong; that it holds for ours is in tests/fronts."""

from contextlib import suppress
from typing import Any
from unittest import SkipTest

import pytest

from mcpws.errors import McpwsError, RpcError
from mcpws.fronts.roster import Roster
from mcpws.fronts.stream import StreamCarrier
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import MessageObserver
from mcpws.testing import FrontContract, Network
from mcpws.testing.front_under_test import LIMIT
from tests.fronts.strings import Dialled, StringsFactory

pytestmark = pytest.mark.not_mcp("the backend is played")


class Under(FrontContract):
    """The contract, without pytest, for a carrier that does one thing wrong."""

    def __init__(self, carrier: type[StreamCarrier]) -> None:
        self.carrier = carrier

    def serve(self, backend: Backend, observer: MessageObserver) -> None:
        self.network = Network(self.clock)
        self.roster = Roster(self.clock, max_connections=3, drain_seconds=30)
        self.factory = StringsFactory(
            backend=backend,
            roster=self.roster,
            observer=observer,
            max_in_flight=self.max_in_flight,
            max_waiting=self.max_waiting,
            max_outbound_size=LIMIT,
        )
        self.factory.carrier = self.carrier

    def connect(self) -> Dialled:
        client = Dialled()
        self.network.join(client.raw, self.factory)
        return client

    def settle(self) -> None:
        self.network.flush()

    def drain(self) -> bool:
        self.drained = self.roster.drain()
        return True

    def statistics(self) -> ServerStatistics:
        return self.roster.statistics()

    def failure(self, test: str) -> str:
        """What this test says, with what comes after it."""
        self.setup_method()
        try:
            with suppress(SkipTest):
                getattr(self, test)()
            self.teardown_method()
        except AssertionError as error:
            return str(error)
        return "none"


class Deaf(StreamCarrier):
    """Drops what is no message."""

    def receive(self, data: bytes) -> None:
        with suppress(RpcError):
            decode(data)
            super().receive(data)


class Unbounded(StreamCarrier):
    """Never slows anybody."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...


class Clinging(StreamCarrier):
    """Stays when its backend is lost."""

    def backend_lost(self, reason: McpwsError) -> None: ...


class Hasty(StreamCarrier):
    """Leaves at once when it is to drain."""

    def drain(self) -> None:
        self.leave()


class Careless(StreamCarrier):
    """Does not tell its Front that the client is gone."""

    def gone(self, reason: str = "") -> None:
        self._roster.gone(self)


class Uncounted(StreamCarrier):
    """Counts nothing that goes out."""

    def deliver(self, message: Message, data: bytes) -> None:
        self._transport.write(self._frame(data))


class Doubling(StreamCarrier):
    """Sends everything twice."""

    def deliver(self, message: Message, data: bytes) -> None:
        super().deliver(message, data)
        super().deliver(message, data)


class Secretive(StreamCarrier):
    """Tells no observer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "observer": None})


class Ticking(StreamCarrier):
    """Leaves a timer."""

    def gone(self, reason: str = "") -> None:
        super().gone(reason)
        self._roster.time.callLater(3600, int)


@pytest.mark.parametrize(
    ("carrier", "test", "said"),
    [
        (Deaf, "test_what_is_no_json_is_answered_and_the_conversation_goes_on", "was answered with []"),
        (Unbounded, "test_a_slow_client_slows_its_backend_and_loses_nothing", "is not paused"),
        (Clinging, "test_when_the_backend_is_lost_what_is_open_is_answered_and_the_client_hung_up_on", "hung up on"),
        (Clinging, "test_when_there_is_no_backend_the_client_is_told", "hung up on"),
        (Hasty, "test_a_drain_lets_what_is_in_flight_finish", "a request is in flight"),
        (Hasty, "test_a_drain_refuses_what_is_new", "there came []"),
        (Careless, "test_when_the_client_is_gone_its_channel_is_closed_and_nobody_waits", "the channel was closed"),
        (Uncounted, "test_the_roster_counts_what_passes_and_keeps_it", "(5, 0)"),
        (Doubling, "test_requests_answers_and_notifications_pass_both_ways", "one answer to"),
        (Secretive, "test_the_observer_is_told_from_the_beginning_to_the_end", "told of the end"),
        (Ticking, "test_requests_answers_and_notifications_pass_both_ways", "timers are left"),
    ],
)
def test_a_front_that_does_wrong_is_found(carrier: type[StreamCarrier], test: str, said: str) -> None:
    assert said in Under(carrier).failure(test)


@pytest.mark.parametrize("test", sorted(name for name in vars(FrontContract) if name.startswith("test_")))
def test_a_front_that_does_all_right_has_no_failure(test: str) -> None:
    assert Under(StreamCarrier).failure(test) == "none"


def test_a_contract_says_what_has_to_be_told_of_a_front() -> None:
    contract = FrontContract()
    contract.setup_method()
    with pytest.raises(NotImplementedError, match="how your front is made"):
        contract.come()
    with pytest.raises(NotImplementedError, match="how a client of your front connects"):
        contract.connect()
    assert (contract.drain(), contract.statistics()) == (False, None)
