"""Files that are watched for changes, by looking at them.

Looking works everywhere, on network and container mounts too, where a kernel tells of nothing; a few hundred files take
a millisecond.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable

Stamp = tuple[int, int, int]
"""Time of the last change, size and inode: an editor may change any of these alone."""


class Watched:
    """Files, and what matches patterns, as they were when they were last looked at.

    :param files: paths.
    :param patterns: as for `glob.glob`, `**` included; a directory stands for all that is in it.
    """

    def __init__(self, files: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self._files = set(files)
        self._patterns = [os.path.join(one, "**") if os.path.isdir(one) else one for one in patterns]
        self._folders: set[str] = set()
        self._seen = self._look()

    def __len__(self) -> int:
        """Number of files now."""
        return len(self._seen)

    def add(self, files: Iterable[str]) -> None:
        """Watch these as well, from how they are now on; what was known before has changed if it has."""
        for file in set(files) - self._files:
            self._files.add(file)
            self._seen[file] = _stamp(file)

    def expect_more(self, expected: bool) -> None:
        """Whether any Python file that comes or changes beside one that is watched is a change, too.

        It is what somebody does about a module that cannot be found.
        """
        self._folders = {os.path.dirname(file) for file in self._files} if expected else set()
        now = self._look()
        for file in now.keys() ^ self._seen.keys():
            if file in now:
                self._seen[file] = now[file]
            else:
                del self._seen[file]

    def changed(self) -> list[str]:
        """Files that have changed since they were last looked at, come or gone, in order."""
        before, self._seen = self._seen, self._look()
        return sorted(file for file in before.keys() | self._seen.keys() if before.get(file) != self._seen.get(file))

    def _look(self) -> dict[str, Stamp | None]:
        found = set(self._files)
        for pattern in self._patterns:
            found.update(file for file in glob.iglob(pattern, recursive=True) if not os.path.isdir(file))
        for folder in self._folders:
            found.update(glob.iglob(os.path.join(glob.escape(folder), "*.py")))
        return {file: _stamp(file) for file in found}


def _stamp(file: str) -> Stamp | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
