"""The files of the status page: what is served, and that a browser runs nothing that is not one of them."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from mcpws import App
from mcpws.admin.assets import PAGE, PARTS, POLICY
from tests.admin.test_pages import Watched

FOLDER = files("mcpws.admin") / "page"
SERVED = {"/status": PAGE, "/status/": PAGE, **{f"/status/{name}": name for name in PARTS}}
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}


@pytest.fixture
def watched() -> Watched:
    return Watched(App("seen", "1.0"))


class Elements(HTMLParser):
    """All elements of a document, and what stands in its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._in = None

    def handle_data(self, data: str) -> None:
        if self._in is not None:
            self.inline += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.found if (value := attributes.get(attribute)) is not None]


def headers(watched: Watched, path: str, more: str = "") -> tuple[str, dict[str, str], str]:
    client = watched.raw()
    client.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}Connection: close\r\n\r\n".encode())
    watched.flush()
    line, fields = client.take_head()
    return line.partition(" ")[2], dict(fields), client.received.decode()


PAGE_TEXT = (FOLDER / PAGE).read_text(encoding="utf-8")


@pytest.mark.parametrize(("path", "name"), SERVED.items())
def test_a_file_is_served_as_what_it_is_and_may_load_only_what_is_served_here(
    watched: Watched, path: str, name: str
) -> None:
    status, fields, text = headers(watched, path)
    assert status == "200 OK"
    assert text == (FOLDER / name).read_text(encoding="utf-8")
    assert fields["content-type"] == KINDS[name.rpartition(".")[2]]
    assert fields["content-security-policy"] == POLICY
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["cache-control"] == "no-store"


def test_the_policy_allows_nothing_that_is_written_in_the_page() -> None:
    assert POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_every_file_of_the_folder_is_served() -> None:
    assert {one.name for one in FOLDER.iterdir()} == {PAGE, *PARTS}


@pytest.mark.parametrize(
    "path",
    [
        "/status/none",
        "/status/status.html",
        "/status/assets.py",
        "/status//status.js/",
        "/status/status.js/more",
        "/status/../assets.py",
        "/status/%2e%2e/assets.py",
        "/status/..%2fassets.py",
        "/status/%2Fetc%2Fpasswd",
    ],
)
def test_nothing_else_is(watched: Watched, path: str) -> None:
    status, _, text = headers(watched, path)
    assert status in ("404 Not Found", "426 Upgrade Required")
    assert "import" not in text


@pytest.mark.parametrize("path", SERVED)
def test_it_is_for_admins_alone(watched: Watched, path: str) -> None:
    assert headers(watched, path, "Origin: https://evil.example\r\n")[0] == "403 Forbidden"
    assert headers(watched, path, "X-Forwarded-For: 192.0.2.1\r\n")[0] == "403 Forbidden"
    assert watched.get(path, method="POST")[0] == "405 Method Not Allowed"
    assert watched.get(path, method="HEAD")[0] == "200 OK"


def test_the_page_has_no_script_style_or_code_in_itself() -> None:
    page = Elements(PAGE_TEXT)
    assert page.inline.strip() == ""
    assert all(attributes.get("src") for tag, attributes in page.found if tag == "script")
    names = {name for _, attributes in page.found for name in attributes}
    assert "style" not in names
    assert not {name for name in names if name.startswith("on")}


def test_the_page_loads_its_own_files_alone() -> None:
    page = Elements(PAGE_TEXT)
    links = [link for link in page.values("src") + page.values("href") if not link.startswith(("data:", "#"))]
    assert set(links) <= {*SERVED, "/status.json"}
    for name in PARTS:
        text = (FOLDER / name).read_text(encoding="utf-8")
        imported = re.findall(r"""\bfrom "\./([^"]+)";""", text)
        assert len(imported) == len(re.findall(r"^import\b|\bimport\(", text, re.MULTILINE))
        assert set(imported) <= set(PARTS)


@pytest.mark.parametrize("name", [PAGE, *PARTS])
def test_no_file_names_another_host_or_makes_markup_of_texts(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert re.findall(r"\b(?:https?|wss?)://|[\"'`(]//|url\(|@import", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []


def test_what_a_script_or_a_reader_looks_for_is_there_once() -> None:
    page = Elements(PAGE_TEXT)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    script = (FOLDER / "status.js").read_text(encoding="utf-8")
    assert set(re.findall(r"""(?:element|write)\("([\w-]+)\"""", script)) <= set(ids)
    for attribute in "for", "aria-labelledby", "aria-describedby":
        assert set(page.values(attribute)) <= set(ids)


def test_every_table_says_what_it_is_and_every_heading_of_what() -> None:
    page = Elements(PAGE_TEXT)
    tags = [tag for tag, _ in page.found]
    assert tags.count("caption") == tags.count("table") > 0
    assert {attributes.get("scope") for tag, attributes in page.found if tag == "th"} == {"col"}
    for landmark in "header", "main":
        assert tags.count(landmark) == 1
