"""What a client only carries is that of the server that it talks to now."""

from mcpws.recording.carried import Carried, with_names_of


def test_what_the_new_server_gave_is_given_back_to_it() -> None:
    carried = Carried()
    carried.learn(
        {"result": {"nextCursor": "old", "list": [{"task": {"taskId": "t1"}}], "requestState": "s1"}},
        {"result": {"nextCursor": "new", "list": [{"task": {"taskId": "t2"}}, 1], "requestState": "s2"}},
    )
    sent = {"params": {"cursor": "old", "taskId": "t1", "deep": [{"requestState": "s1"}], "text": "old"}}
    assert carried.renewed(sent) == {
        "params": {"cursor": "new", "taskId": "t2", "deep": [{"requestState": "s2"}], "text": "old"}
    }


def test_one_kind_is_not_taken_for_another_and_what_is_not_known_stays() -> None:
    carried = Carried()
    carried.learn({"nextCursor": "1", "taskId": 7, "requestState": "s"}, {"nextCursor": "2", "taskId": 8})
    assert carried.renewed({"taskId": "1", "cursor": "3", "requestState": "s"}) == {
        "taskId": "1",
        "cursor": "3",
        "requestState": "s",
    }


def test_replies_have_the_names_that_the_new_server_gave_its_questions() -> None:
    carried = Carried()
    before = {"a": {"method": "roots/list"}, "b": {"method": "elicitation/create"}, "c": {"method": "roots/list"}}
    after = {"c": {"method": "roots/list"}, "x": {"method": "elicitation/create"}, "y": {"method": "roots/list"}}
    carried.learn({"result": {"inputRequests": before}}, {"result": {"inputRequests": after}})
    sent = carried.renewed({"params": {"inputResponses": {"a": 1, "b": 2, "c": 3}, "arguments": {"a": 4}}})
    assert sent == {"params": {"inputResponses": {"y": 1, "x": 2, "c": 3}, "arguments": {"a": 4}}}
    assert with_names_of(before, after) == before
