"""Random worlds: clients of both eras before servers of either, who say anything in any order, and an oracle that knows
nothing of what stands between them.

    python -m tests.backends.eras.worlds --count 100000 --seed 0

Each has a kind, `translated` (a server for each client, behind a DualEra) or `shared` (one for all), and is the same
for the same kind and seed. What a client sends and what a server says carries whose it is, so that the oracle can tell
whether each request was answered exactly once, under its own id of its own type, with what its own server said of it;
that nothing reached another conversation; and that nothing is left at the end.
"""

from tests.backends.eras.worlds.world import KINDS, World, run

__all__ = ["KINDS", "World", "run"]
