"""Programs that are not Python's, and that a test needs."""

import os
import shutil

import pytest


def needed(program: str, package: str = "") -> str:
    """The path of a program. Without it the test is skipped, and says so; where all have to be there it fails.

    :param package: of Debian's, that it is in; `program` by default.
    """
    path = shutil.which(program)
    if path is None:
        missing = f"{program} is not installed; Debian has it in its package {package or program}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
