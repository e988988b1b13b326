"""How Sphinx makes pages of docs/: `make docs`."""

import re
from typing import Any

from mcpws.serving.reference import markdown
from mcpws.version import __version__

project = "mcpws"
release = version = __version__
author = "the mcpws authors"
copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["conf.py"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]

# Docstrings mark names with single backticks.
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
add_module_names = False

html_theme = "furo"
html_title = f"mcpws {release}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["mcpws.css"]
pygments_style = "friendly"
pygments_dark_style = "monokai"

# Types of others, whose pages are not asked for while these are made; and types of ours that are not exported.
nitpick_ignore_regex = [
    ("py:.*", r"(twisted|zope|msgspec|autobahn|websockets|collections|typing|asyncio|enum|types|http)\..*"),
    ("py:.*", r"I[A-Z]\w+"),
    ("py:.*", r"(tuple\[)?<InterfaceClass .*|ProcessReactor|Timings"),
    ("py:.*", r"mcpws\.[a-z_.]+\.[A-Z]\w*"),
]
_INTERFACE = re.compile(r"<InterfaceClass [\w.]*?(\w+)>")

SETTINGS = "<!-- settings -->"


def fill(app: object, docname: str, content: list[str]) -> None:
    """Put the settings, which the code describes, into their page as it is read."""
    if SETTINGS in content[0]:
        content[0] = content[0].replace(SETTINGS, markdown().partition("\n")[2])


def name_interfaces(app: object, *args: object) -> tuple[str | None, str | None]:
    """Write the interfaces of zope in a signature by their names."""
    *_, signature, returned = args
    return tuple(text and _INTERFACE.sub(r"\1", text) for text in (signature, returned))


def setup(app: Any) -> None:
    app.connect("source-read", fill)
    app.connect("autodoc-process-signature", name_interfaces)
