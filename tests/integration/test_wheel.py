"""What is shipped: the contents of the archives, and twistd with the wheel and after it is gone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePath

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
TWISTD_HELP = "import sys; from twisted.scripts.twistd import run; sys.argv[1:] = ['--help']; run()"
# All but what the extra `otel` is for, which is not installed.
IMPORT_EVERYTHING = """
import importlib, pkgutil, mcpws
for module in pkgutil.walk_packages(mcpws.__path__, "mcpws."):
    if module.name != "mcpws.log.spans":
        importlib.import_module(module.name)
print(mcpws.__file__)
"""


def run(*command: str | PurePath, cwd: Path) -> str:
    """Standard output of a command that must succeed, with nothing of this checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def times_listed(twistd_help: str) -> int:
    """How often twistd offers mcpws among its commands."""
    assert "Commands:" in twistd_help
    return sum(line.split()[:1] == ["mcpws"] for line in twistd_help.splitlines())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the archives are built from, with a cache that twistd left in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if path.name in ("mcpws", "tests", "twisted"):
            shutil.copytree(path, copy / path.name)
        elif path.is_file():
            shutil.copy(path, copy)
    (copy / "twisted" / "plugins" / "dropin.cache").write_bytes(b"stale")
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=checkout)
    [built] = (checkout / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def sdist(checkout: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", cwd=checkout)
    [built] = (checkout / "dist").glob("*.tar.gz")
    return built


def test_the_wheel_puts_one_file_into_twisted_and_it_is_no_init(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [name for name in names if name.startswith("twisted/")] == ["twisted/plugins/mcpws_plugin.py"]
    assert "mcpws/py.typed" in names
    page = Path("mcpws") / "admin" / "page"
    assert {str(page / one.name) for one in (ROOT / page).iterdir()} <= set(names)
    assert {PurePath(name).parts[0].partition("-")[0] for name in names} == {"mcpws", "twisted"}


def test_the_sdist_holds_the_sources_and_no_cache(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "mcpws/py.typed",
        "twisted/plugins/mcpws_plugin.py",
        "tests/conftest.py",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    } <= names
    assert not {name for name in names if name.endswith((".cache", ".pyc"))}


def test_an_editable_install_is_offered_by_twistd_once(tmp_path: Path) -> None:
    assert times_listed(run(sys.executable, "-c", TWISTD_HELP, cwd=tmp_path)) == 1


def required(name: str, extras: frozenset[str]) -> Iterator[Distribution]:
    """The installed distributions that `name` with `extras` requires, in turn, without itself."""
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield distribution(requirement.name)
            yield from required(requirement.name, frozenset(requirement.extras))


def copy_distribution(found: Distribution, target: Path) -> None:
    """Put the modules of one installed distribution into another site-packages."""
    for file in found.files or ():
        if ".." not in file.parts:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(found.locate_file(file)), target / file)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The Python of an environment that has what mcpws declares, copied here, and nothing else.

    A copy, because the plugin is written into Twisted's own folder; and no path to the
    environment of this test run, whose mcpws must not be found.
    """
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    scheme = sysconfig.get_paths("venv", vars={"base": str(venv), "platbase": str(venv)})
    needed = {found.name: found for found in required("mcpws", frozenset({"cli"}))}
    for found in needed.values():
        copy_distribution(found, Path(scheme["purelib"]))
    return Path(scheme["scripts"]) / "python"


def test_twistd_works_with_the_wheel_installed_and_after_it_is_removed(
    environment: Path, wheel: Path, tmp_path: Path
) -> None:
    pip = (sys.executable, "-m", "pip", "--python", environment, "--quiet")
    assert times_listed(run(environment, "-c", TWISTD_HELP, cwd=tmp_path)) == 0

    run(*pip, "install", "--no-index", f"mcpws[cli] @ {wheel.as_uri()}", cwd=tmp_path)
    imported_from = run(environment, "-c", IMPORT_EVERYTHING, cwd=tmp_path).strip()
    assert Path(imported_from).is_relative_to(tmp_path)
    assert times_listed(run(environment, "-c", TWISTD_HELP, cwd=tmp_path)) == 1

    run(*pip, "uninstall", "--yes", "mcpws", cwd=tmp_path)
    assert times_listed(run(environment, "-c", TWISTD_HELP, cwd=tmp_path)) == 0
