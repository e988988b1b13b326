from typing import Any

import pytest

from mcpws.backends.app.subscriptions import Subscriptions


@pytest.fixture
def subscriptions() -> Subscriptions[str]:
    return Subscriptions()


def test_subscribers_are_those_of_one_uri_in_the_order_in_which_they_came(subscriptions: Subscriptions[str]) -> None:
    assert subscriptions.of("a:") == []
    subscriptions.add("a:", "two")
    subscriptions.add("a:", "one")
    subscriptions.add("b:", "three")
    assert subscriptions.of("a:") == ["two", "one"]
    subscriptions.remove("a:", "two")
    assert subscriptions.of("a:") == ["one"]


def test_a_watcher_hears_of_the_first_subscriber_and_of_the_last(subscriptions: Subscriptions[str]) -> None:
    heard: list[bool] = []
    subscriptions.watch("a:", heard.append)
    subscriptions.add("b:", "one")
    assert heard == []
    subscriptions.add("a:", "one")
    subscriptions.add("a:", "two")
    assert heard == [True]
    subscriptions.remove("a:", "one")
    assert heard == [True]
    subscriptions.remove("a:", "two")
    assert heard == [True, False]
    subscriptions.add("a:", "one")
    assert heard == [True, False, True]


def test_a_watcher_that_raises_is_logged_and_disturbs_nobody(
    subscriptions: Subscriptions[str], logged_errors: Any, raised: type[BaseException]
) -> None:
    heard: list[bool] = []

    def broken(anyone: bool) -> None:
        raise raised("no")

    subscriptions.watch("a:", broken)
    subscriptions.watch("a:", heard.append)
    subscriptions.add("a:", "one")
    assert heard == [True]
    assert subscriptions.of("a:") == ["one"]
    [event] = logged_errors.flush(raised)
    assert event["uri"] == "a:"
