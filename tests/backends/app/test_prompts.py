from typing import Annotated, Any

import msgspec
import pytest

from mcpws.backends.app.context import Context
from mcpws.backends.app.prompts import Completion, Prompt, completed
from mcpws.errors import ConfigError
from mcpws.mcp.content import Annotations, Image, PromptMessage, Text

IMAGE = Image(b"a", "image/png")


def read(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def summarise(text: str, words: int = 50) -> str:
    """Make it short.

    Args:
        text: what to read.
    """
    return f"Summarise in {words} words: {text}"


def test_a_prompt_is_defined_by_its_function() -> None:
    assert read(Prompt(summarise).definition) == {
        "name": "summarise",
        "description": "Make it short.",
        "arguments": [{"name": "text", "description": "what to read.", "required": True}, {"name": "words"}],
    }


def test_what_is_given_goes_before_what_the_function_says() -> None:
    prompt = Prompt(lambda: "Hello", name="hello", title="Hello!", description="Say hello.")
    assert read(prompt.definition) == {"name": "hello", "title": "Hello!", "description": "Say hello."}


def test_arguments_come_as_strings() -> None:
    assert Prompt(summarise).arguments.convert({"text": "a", "words": "5"}, "$.arguments") == ("a", 5)


def test_what_no_string_is_comes_as_json_and_clients_are_told_so() -> None:
    def pick(names: list[str], most: int = 1, where: dict[str, int] = {}) -> str:  # noqa: B006
        """Pick some.

        Args:
            names: from which to pick.
        """
        return ""

    prompt = Prompt(pick)
    assert prompt.arguments.convert({"names": '["a"]', "most": "2"}, "$") == (["a"], 2, {})
    assert read(prompt.definition)["arguments"] == [
        {
            "name": "names",
            "description": 'from which to pick. (JSON: {"type":"array","items":{"type":"string"}})',
            "required": True,
        },
        {"name": "most"},
        {"name": "where", "description": '(JSON: {"type":"object","additionalProperties":{"type":"integer"}})'},
    ]


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("a", [PromptMessage("user", Text("a"))]),
        (IMAGE, [PromptMessage("user", IMAGE)]),
        (PromptMessage("assistant", Text("a")), [PromptMessage("assistant", Text("a"))]),
        (
            ["a", PromptMessage("assistant", Text("b")), IMAGE],
            [PromptMessage("user", Text("a")), PromptMessage("assistant", Text("b")), PromptMessage("user", IMAGE)],
        ),
        ([], []),
    ],
)
def test_a_value_becomes_messages(value: Any, messages: list[PromptMessage]) -> None:
    result = Prompt(summarise).result(value)
    assert result.messages == messages
    assert result.description == "Make it short."


@pytest.mark.parametrize("value", [None, 1, [None], {"role": "user"}])
def test_what_is_no_message_is_a_defect(value: Any) -> None:
    with pytest.raises(TypeError, match=r"prompt summarise returned \w+, which is no message"):
        Prompt(summarise).result(value)


def test_a_number_that_json_does_not_have_is_a_defect_by_name() -> None:
    priority = Annotations(priority=float("nan"))
    for value in (Text("a", annotations=priority), PromptMessage("user", Text("a", meta={"b": float("inf")}))):
        with pytest.raises(TypeError, match=r"\.summarise returned what it may not: cannot be written as JSON: "):
            Prompt(summarise).result(value)


@pytest.mark.parametrize("values", [None, "abc", [1], ["a", None], [float("nan")], {"a": 1}])
def test_what_is_no_list_of_strings_completes_nothing(values: Any) -> None:
    def complete(typed: str) -> Any: ...

    with pytest.raises(TypeError, match=r"complete returned what it may not: a completion is a list of strings"):
        Completion(complete).result(values)


@pytest.mark.parametrize(("count", "sent", "more"), [(0, 0, False), (100, 100, False), (101, 100, True)])
def test_completions_are_cut_to_what_may_be_sent(count: int, sent: int, more: bool) -> None:
    values = [str(number) for number in range(count)]
    assert read(completed(values)) == {"completion": {"values": values[:sent], "total": count, "hasMore": more}}


def test_a_completion_takes_what_was_typed() -> None:
    def good(typed: str, context: Context) -> list[str]:
        return [typed]

    def bad(typed: str, more: str) -> list[str]:
        return [typed, more]

    assert Completion(good).signature.takes_context

    def worse() -> list[str]:
        return []

    def worst(typed: int) -> list[str]:
        return [str(typed)]

    def annotated(typed: Annotated[str, "what was typed"]) -> tuple[str, ...]:
        return (typed,)

    assert Completion(annotated).result(("a",)) == completed(["a"])
    for function in (bad, worse, worst):
        with pytest.raises(ConfigError, match="completion: must take what was typed"):
            Completion(function)
