"""The pages against the code: nothing public is missing in the reference, and the layers are those of the code."""

import re

import mcpws
import mcpws.testing
from tests.docs.snippets import ROOT
from tests.test_layers import LAYERS, RANK

REFERENCE = (ROOT / "docs" / "reference" / "python.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "design" / "architecture.md").read_text()


def test_the_reference_has_every_public_name() -> None:
    told = re.findall(r"^\.\. auto\w+:: mcpws\.(\w+)$", REFERENCE, re.MULTILINE)
    assert {name for name in mcpws.__all__ if name != "__version__"} - set(told) == set()
    assert set(told) - set(mcpws.__all__) - {"testing", "errors"} == set()


def test_the_layers_stand_in_the_order_of_the_code() -> None:
    _, _, table = ARCHITECTURE.partition("| layer | what it is |")
    rows = re.findall(r"^\| (`.*`) \|", table.partition("\n\n")[0], re.MULTILINE)
    ranks = [{RANK[name] for name in re.findall(r"`(\w+)`", row)} for row in rows]
    assert ranks == [{rank} for rank in range(len(LAYERS))]


def test_every_page_is_in_a_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [str(one.relative_to(ROOT / "docs").with_suffix("")) for one in (ROOT / "docs").rglob("*.md")]
    listed = re.findall(r"^([\w/-]+)$", index, re.MULTILINE)
    assert [page for page in pages if page != "index" and page not in listed] == []
