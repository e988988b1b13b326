"""A function as a JSON-RPC method, or for a notification, beyond those of MCP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw

from mcpws.backends.app.arguments import decode
from mcpws.backends.app.channel import AppChannel, Scope
from mcpws.backends.app.hooks import dec_hook
from mcpws.backends.app.modelled import Model, is_modelled
from mcpws.backends.app.places import Where
from mcpws.backends.app.signature import MISSING, Function, Signature
from mcpws.errors import ConfigError
from mcpws.jsonrpc.messages import EMPTY, Notification, Request, to_raw


class RpcFunction:
    """Function that is registered as `name`, a method or a notification as `kind` says.

    `function` takes the parameters as a whole, as what it annotates them with, else as a dict; or takes none.

    A request's result is what it returns, as JSON; for None it is an empty object, as MCP has it.

    :raises ConfigError: it takes more than one parameter besides a Context, or one that JSON cannot stand for.
    """

    def __init__(self, name: str, function: Function, kind: str, where: Where) -> None:
        self._signature = Signature(function, kind, where)
        self._signature.role = f"{kind} {name}"
        self._decode: Callable[[Raw, str], Any] | None = None
        parameters = self._signature.parameters
        if len(parameters) > 1:
            raise ConfigError(self._signature.label, parameters[1].name, "the parameters come as one")
        for parameter in parameters:
            wanted = dict[str, Any] if parameter.type is MISSING else parameter.type
            if is_modelled(wanted):
                self._decode = Model(self._signature, parameter.name, wanted).decode
                continue
            try:
                self._decode = partial(decode, msgspec.json.Decoder(wanted, dec_hook=dec_hook))
            except Exception as error:
                # The type's own code runs here too.
                problem = f"JSON cannot stand for it: {error}"
                raise self._signature.refusal(parameter.name, wanted, problem) from None

    def answer(self, scope: Scope, request: Request) -> object:
        """A Method, and a ModernMethod."""
        return scope.run(self._signature, self._values(request.params), request, self._result)

    def listen(self, channel: AppChannel, notification: Notification) -> None:
        """A Listener."""
        params = notification.params
        size = 0 if params is None else len(params)
        if channel.hearing.has_room(size):
            channel.hear(self._signature, self._values(params), size)

    def _values(self, params: Raw | None) -> tuple[Any, ...]:
        if self._decode is None:
            return ()
        return (self._decode(EMPTY if params is None else params, "$.params"),)

    def _result(self, value: Any) -> Raw:
        try:
            return EMPTY if value is None else to_raw(value)
        except TypeError as error:
            raise self._signature.fault(error) from None
