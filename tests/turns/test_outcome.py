from typing import Protocol

import pytest
from twisted.logger import LogEvent

from mcpws.jsonrpc.messages import Notification
from mcpws.turns.outcome import call_listener


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[LogEvent]: ...


@pytest.mark.proves("M-9")
def test_a_notification_that_cannot_be_taken_is_logged(
    logged_errors: LoggedErrors, raised: type[BaseException]
) -> None:
    def refuse(notification: Notification) -> None:
        raise raised("what is that")

    call_listener(refuse, "notifications/message", Notification("notifications/message"))
    [event] = logged_errors.flush(raised)
    assert event["method"] == "notifications/message"
