import pytest

from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.prompts import Completion, Prompt
from mcpws.backends.app.resources import Resource
from mcpws.backends.app.tools import Tool
from mcpws.errors import ConfigError
from mcpws.mcp.content import Implementation


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(Implementation("tested", "1.0"), None, 100)


def thing(name: str = "") -> str:
    return name


def complete(typed: str) -> list[str]:
    return [typed]


def test_capabilities_are_those_of_what_is_registered(catalog: Catalog) -> None:
    assert catalog.capabilities() == {"logging": {}}
    catalog.tools.add("thing", Tool(thing))
    catalog.prompts.add("thing", Prompt(thing))
    catalog.add_resource(Resource("a://{name}", thing))
    catalog.completions["thing", "name"] = Completion(complete)
    assert catalog.capabilities() == {
        "logging": {},
        "tools": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
        "prompts": {"listChanged": True},
        "completions": {},
    }


def test_a_resource_goes_before_a_template_and_an_earlier_template_before_a_later_one(catalog: Catalog) -> None:
    general, special, fixed = (Resource(uri, thing) for uri in ("a://{name}", "a://b{name}", "a://bcd"))
    for resource in (general, special, fixed):
        catalog.add_resource(resource)
    assert catalog.find_resource("a://bcd") == (fixed, {})
    assert catalog.find_resource("a://bcde") == (general, {"name": "bcde"})
    catalog.remove_resource("a://{name}")
    assert catalog.find_resource("a://bcde") == (special, {"name": "cde"})
    catalog.remove_resource("a://bcd")
    assert catalog.find_resource("a://bcd") == (special, {"name": "cd"})
    assert catalog.find_resource("a://c") is None


def test_what_is_not_registered_cannot_be_removed(catalog: Catalog) -> None:
    catalog.add_resource(Resource("a://{name}", thing))
    with pytest.raises(ConfigError, match="resource: is not registered"):
        catalog.remove_resource("a://b")
    with pytest.raises(ConfigError, match="resource template: is registered already"):
        catalog.add_resource(Resource("a://{name}", thing))
