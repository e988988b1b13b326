"""Secrets that are supplied for those that were left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpws.errors import ConfigError
from mcpws.jsonrpc.codec import decode
from mcpws.recording.form import Conversation, Opened, Side, Utterance
from mcpws.recording.secrets import LEFT_OUT
from mcpws.recording.supplied import Supplied


def conversation(by: Side = "client", **params: Any) -> Conversation:
    value = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    found = Conversation(1, 2, Opened(1, "now", "peer", "/"), ())
    found.said.append(Utterance(7, 0, by, decode(json.dumps(value).encode()), value))
    return found


def test_a_secret_is_found_by_its_name_or_its_place() -> None:
    supplied = Supplied({"Password": "one", "/params/a~1b/1/token": "two"})
    value = {"params": {"password": LEFT_OUT, "a/b": [0, {"token": LEFT_OUT}], "text": LEFT_OUT}}
    assert supplied.filled(value) == {"params": {"password": "one", "a/b": [0, {"token": "two"}], "text": LEFT_OUT}}
    assert set(supplied.values) == {"one", "two"}


def test_a_part_of_a_text_may_be_one() -> None:
    assert Supplied({"header": "s"}).filled({"header": f"Bearer {LEFT_OUT}"}) == {"header": "Bearer s"}


def test_all_that_is_needed_is_named_before_anything_is_sent() -> None:
    needed = conversation(arguments={"password": LEFT_OUT, "tokens": [LEFT_OUT]})
    with pytest.raises(ConfigError) as caught:
        Supplied({"other": "x"}).check([needed])
    assert caught.value.key == "--secret"
    assert "/params/arguments/password in line 7, /params/arguments/tokens/0 in line 7" in caught.value.problem
    Supplied({"password": "x", "tokens": "y"}).check([needed])


def test_of_many_some_are_named() -> None:
    needed = conversation(arguments={f"pin{number}": LEFT_OUT for number in range(8)})
    with pytest.raises(ConfigError, match="and 3 more"):
        Supplied().check([needed])


def test_what_the_server_said_need_not_be_sent() -> None:
    Supplied().check([conversation("server", token=LEFT_OUT)])
