"""The files of the pages: what is served, and that a browser runs nothing that is not one of them."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from mcpws import App
from mcpws.admin.assets import PLAYGROUND, POLICY, STATUS, Site
from tests.admin.test_pages import Watched

FOLDER = files("mcpws.admin") / "page"
SITES = {"/status": STATUS, "/playground": PLAYGROUND}


def served_at(path: str, site: Site) -> dict[str, str]:
    """Names of files by their paths."""
    return {path: site.page, f"{path}/": site.page, **{f"{path}/{name}": name for name in site.parts}}


SERVED = {path: name for at, site in SITES.items() for path, name in served_at(at, site).items()}
NAMES = sorted(set(SERVED.values()))
SCRIPTS = {"/status": "status.js", "/playground": "playground.js"}
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


def page_of(site: Site) -> Elements:
    return Elements((FOLDER / site.page).read_text(encoding="utf-8"))


of_each_page = pytest.mark.parametrize(("path", "site"), SITES.items(), ids=["status", "playground"])


@pytest.mark.parametrize(("path", "name"), SERVED.items())
def test_a_file_is_served_as_what_it_is_and_may_load_only_what_is_served_here(
    watched: Watched, path: str, name: str
) -> None:
    status, fields, text = headers(watched, path)
    assert status == "200 OK"
    assert text == (FOLDER / name).read_text(encoding="utf-8")
    assert fields["content-type"] == KINDS[name.rpartition(".")[2]]
    assert fields["content-security-policy"] == SITES[f"/{path.split('/')[1]}"].policy
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["cache-control"] == "no-store"


def test_the_policy_allows_nothing_that_is_written_in_the_page() -> None:
    assert POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert STATUS.policy == POLICY
    assert PLAYGROUND.policy == f"{POLICY}; media-src data:"


def test_every_file_of_the_folder_is_served() -> None:
    assert sorted(one.name for one in FOLDER.iterdir()) == NAMES


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
        "/status/playground.js",
        "/playground/none",
        "/playground/status.js",
        "/playground/../assets.py",
        "/playground/paths.json/more",
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


@of_each_page
def test_the_page_has_no_script_style_or_code_in_itself(path: str, site: Site) -> None:
    page = page_of(site)
    assert page.inline.strip() == ""
    assert all(attributes.get("src") for tag, attributes in page.found if tag == "script")
    names = {name for _, attributes in page.found for name in attributes}
    assert "style" not in names
    assert not {name for name in names if name.startswith("on")}


@of_each_page
def test_the_page_loads_its_own_files_alone(path: str, site: Site) -> None:
    page = page_of(site)
    links = [link for link in page.values("src") + page.values("href") if not link.startswith(("data:", "#"))]
    assert set(links) <= {*served_at(path, site), "/status.json", "/status"}
    for name in site.parts:
        text = (FOLDER / name).read_text(encoding="utf-8")
        imported = re.findall(r"""\bfrom "\./([^"]+)";""", text)
        assert len(imported) == len(re.findall(r"^import\b|\bimport\(", text, re.MULTILINE))
        assert set(imported) <= set(site.parts)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_another_host_or_makes_markup_of_texts(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert re.findall(r"\b(?:https?|wss?)://|[\"'`(]//|url\(|@import", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".html")])
def test_no_line_is_too_long_to_be_read(name: str) -> None:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 121
    assert len(lines) <= 360


@of_each_page
def test_what_a_script_or_a_reader_looks_for_is_there_once(path: str, site: Site) -> None:
    page = page_of(site)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    script = (FOLDER / SCRIPTS[path]).read_text(encoding="utf-8")
    assert set(re.findall(r"""(?:element|write)\("([\w-]+)\"""", script)) <= set(ids)
    for attribute in "for", "aria-labelledby", "aria-describedby":
        assert set(page.values(attribute)) <= set(ids)


@of_each_page
def test_every_table_says_what_it_is_and_every_heading_of_what(path: str, site: Site) -> None:
    page = page_of(site)
    tags = [tag for tag, _ in page.found]
    assert tags.count("caption") == tags.count("table")
    assert {attributes.get("scope") for tag, attributes in page.found if tag == "th"} <= {"col"}
    for landmark in "header", "main":
        assert tags.count(landmark) == 1


def test_every_field_of_the_playground_has_a_label() -> None:
    page = page_of(PLAYGROUND)
    fields = [str(attributes["id"]) for tag, attributes in page.found if tag in ("input", "select", "textarea")]
    assert sorted(fields) == sorted(page.values("for"))
