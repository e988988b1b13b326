"""What a client says of itself."""

from mcpws.client.identity import ClientIdentity
from mcpws.version import __version__


def test_a_client_is_called_mcpws_unless_it_says_otherwise() -> None:
    assert ClientIdentity().info == {"name": "mcpws", "version": __version__}
    assert ClientIdentity("tester", "1").info == {"name": "tester", "version": "1"}


def test_what_is_answered_is_declared_together_with_what_is_said() -> None:
    functions = dict.fromkeys(("elicitation/create", "roots/list", "own/method"), print)
    identity = ClientIdentity(capabilities={"elicitation": {"url": {}}, "experimental": {"x": {}}})
    assert identity.declared(functions) == {"elicitation": {"url": {}}, "roots": {}, "experimental": {"x": {}}}
    assert ClientIdentity().declared({"sampling/createMessage": print}) == {"sampling": {}}
    assert ClientIdentity().declared({}) == {}
