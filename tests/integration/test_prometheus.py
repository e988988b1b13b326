"""examples/prometheus/, as promtool sees it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.examples.prometheus import FOLDER, queries
from tests.programs import needed

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy, with the token that each operator has to put beside it."""
    copy = tmp_path / "prometheus"
    shutil.copytree(FOLDER, copy)
    (copy / "mcpws.token").write_text("sesame")
    return copy


def promtool(folder: Path, *arguments: str) -> str:
    """What it prints; it has to find nothing wrong."""
    command = [needed("promtool", "prometheus"), *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("what", "file"), [(("check", "rules"), "rules.yml"), (("check", "config"), "prometheus.yml"),
                       (("test", "rules"), "rules_test.yml")],
)  # fmt: skip
def test_promtool_finds_nothing_wrong(folder: Path, what: tuple[str, str], file: str) -> None:
    assert "SUCCESS" in promtool(folder, *what, file)


def test_every_query_of_the_dashboard_is_promql(folder: Path) -> None:
    # YAML has JSON in it.
    asked = [{"record": f"query:{number}", "expr": asked} for number, (_, asked) in enumerate(queries())]
    (folder / "queries.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": asked}]}))
    assert f"{len(asked)} rules found" in promtool(folder, "check", "rules", "queries.yml")
