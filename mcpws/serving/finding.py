"""Search for what to serve, by the name that somebody gave: a file, a module, or a thing in one of them."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

from mcpws.errors import ConfigError, LoadFailed
from mcpws.seam.interfaces import Backend, is_backend
from mcpws.service.program import being_loaded
from mcpws.serving.blame import blamed, is_theirs, shown_path

EXAMPLE = 'app = App("name", "1.0")'

_OTHER_SERVERS = {"mcp", "fastmcp"}
"""Top-level packages whose servers are served as processes of their own."""


def find_backend(name: str, key: str = "app") -> Backend:
    """The App or Backend that `name` names: `tools.py`, `package.tools`, or either with `:NAME`.

    Without NAME it is the only one that the module has. NAME may have dots in it; a function or a class that takes no
    arguments is called for the Backend. The module is imported under its own name, with the folder that it is in, or
    that its package is in, at the head of `sys.path`; for `package.tools` that is the working directory.

    :param key: the setting that `name` comes from, for the error.
    :raises ConfigError: there is no such file, module or thing, it is no Backend, or there are several.
    :raises LoadFailed: its own code fails, with file and line.
    """
    wanted = _Name.parsed(name, key)
    module = wanted.module()
    return wanted.the_only_one(module) if wanted.attribute is None else wanted.named(module, wanted.attribute)


def places_of(name: str) -> set[str]:
    """Paths where the file of what `name` names is, or would be.

    :raises ConfigError: it is a file that is not there.
    """
    wanted = _Name.parsed(name, "app")
    if wanted.place.endswith(".py"):
        return {wanted.file()}
    stem = os.path.join(os.getcwd(), *wanted.place.split("."))
    return {f"{stem}.py", os.path.join(stem, "__init__.py")}


def their_files() -> set[str]:
    """The files of all modules that are imported and are the user's own."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {os.path.realpath(file) for file in files if isinstance(file, str) and is_theirs(file)}


@dataclass(frozen=True, slots=True)
class _Name:
    """A name, taken apart: a file or a module, and the dotted name within it, None without one."""

    key: str
    text: str
    place: str
    attribute: str | None

    @classmethod
    def parsed(cls, text: str, key: str) -> _Name:
        place, colon, attribute = text.rpartition(":")
        if not colon or os.path.exists(text):
            place, colon, attribute = text, "", ""
        name = cls(key, text, place, attribute or None)
        if colon and not all(map(str.isidentifier, attribute.split("."))):
            raise name.error("must have the name of an App or a Backend after the colon")
        if not place.endswith(".py") and not all(map(str.isidentifier, place.split("."))):
            if os.path.isdir(place):
                raise name.error("is a directory: name the file in it")
            raise name.error("must be a file (tools.py) or a module (package.tools), with or without :NAME")
        return name

    def error(self, problem: str) -> ConfigError:
        return ConfigError(self.key, self.text, problem)

    def module(self) -> ModuleType:
        if not self.place.endswith(".py"):
            module = self._imported(self.place, os.getcwd())
            if os.path.isdir(self.place) and getattr(module, "__file__", None) is None:
                raise self.error("is a directory: name the file in it")
            return module
        path = self.file()
        name, folder = _module_at(path)
        if not os.path.basename(path).removesuffix(".py").isidentifier():
            raise self.error("cannot be imported by its name: give the file one of letters, digits and _")
        module = self._imported(name, folder)
        origin = getattr(module, "__file__", None)
        if origin is None or os.path.realpath(origin) != path:
            raise self.error(f"give the file another name: {name} is another module, {origin or 'of Python itself'}")
        return module

    def file(self) -> str:
        path = os.path.realpath(self.place)
        if not os.path.isfile(path):
            raise self.error(f"there is no file {shown_path(os.path.abspath(self.place))}")
        return path

    def the_only_one(self, module: ModuleType) -> Backend:
        found = _backends(module)
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise self.error(f"has {len(found)} Apps or Backends: write {self._written(found)}")
        for name, value in vars(module).items():
            if _is_other_server(value):
                raise self._of_its_own(name, value, module)
        raise self.error(f"has no App in it: write {EXAMPLE}, or name what makes one, as {self.place}:NAME")

    def named(self, module: ModuleType, attribute: str) -> Backend:
        found: Any = module
        for part in attribute.split("."):
            if not hasattr(found, part):
                raise self.error(f"{self.place} has no {attribute}{self._instead(module)}")
            found = getattr(found, part)
        if is_backend(found):
            return cast(Backend, found)
        if _is_other_server(found):
            raise self._of_its_own(attribute, found, module)
        what = f"{attribute} is {_kind(found)}"
        if callable(found):
            if inspect.iscoroutinefunction(found):
                raise self.error(f"{attribute} is a coroutine function: make the App in a plain one")
            if required := _required(found):
                raise self.error(f"{what} that takes {required}, no App or Backend{self._instead(module)}")
            with self._their_code():
                found = found()
            if is_backend(found):
                return cast(Backend, found)
            what += f" that gives {_kind(found)}"
        raise self.error(f"{what}, no App or Backend{self._instead(module)}")

    def _imported(self, module_name: str, folder: str) -> ModuleType:
        if folder not in sys.path:
            # As Python does with the folder of a script. A console script's own has nobody's modules.
            sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            with self._their_code():
                return importlib.import_module(module_name)
        except LoadFailed as failed:
            missing = failed.__cause__
            if isinstance(missing, ModuleNotFoundError) and f"{module_name}.".startswith(f"{missing.name}."):
                problem = f"there is no module {missing.name} in {folder}, nor installed for {sys.executable}"
                raise self.error(problem) from None
            raise

    @contextmanager
    def _their_code(self) -> Iterator[None]:
        """Code of the user's: whatever it raises, `sys.exit()` included, is a LoadFailed that says what, and where."""
        token = being_loaded.set(True)
        try:
            yield
        except (Exception, SystemExit) as error:
            raise LoadFailed(self.key, self.text, blamed(error)) from error
        finally:
            being_loaded.reset(token)

    def _of_its_own(self, name: str, server: Any, module: ModuleType) -> ConfigError:
        started = self.place if self.place.endswith(".py") else f"-m {module.__name__}"
        what = f"{name} is a {type(server).__name__} of {type(server).__module__.partition('.')[0]}"
        return self.error(f"{what}: serve its process, with mcpws serve -- python {started}")

    def _instead(self, module: ModuleType) -> str:
        found = _backends(module)
        return f": write {self._written(found)}" if found else ""

    def _written(self, names: dict[str, Backend]) -> str:
        return " or ".join(f"{self.place}:{name}" for name in names)


def _module_at(path: str) -> tuple[str, str]:
    """The dotted name of the module at `path`, and the folder that it is to be imported from."""
    folder, name = os.path.split(path.removesuffix(".py"))
    if name == "__init__":
        folder, name = os.path.split(folder)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    return name, folder


def _backends(module: ModuleType) -> dict[str, Backend]:
    """Backends that `module` has, each once, by the first of its public names."""
    found: dict[int, tuple[str, Backend]] = {}
    for name, value in vars(module).items():
        if not name.startswith("_") and is_backend(value):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def _required(function: Any) -> str:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        # Some callables written in C do not tell: the call will.
        return ""
    varying = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return ", ".join(one.name for one in parameters if one.default is one.empty and one.kind not in varying)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, type):
        return "a class"
    if isinstance(value, ModuleType):
        return "a module"
    if inspect.isroutine(value):
        return "a function"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _is_other_server(value: Any) -> bool:
    kind = type(value)
    return kind.__module__.partition(".")[0] in _OTHER_SERVERS and callable(getattr(value, "run", None))
