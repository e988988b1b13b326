"""Put on the path of every process that a test starts: has those that run mcpws write down what leaves them.

Interpreters of other environments, and of other ages, pass by here too: nothing may happen to them.
"""

import importlib
import os
import sys

if sys.prefix == os.environ.get("TESTS_OF_MCPWS_PREFIX"):
    importlib.import_module("mcpws_tests_writing").write_down(os.environ["TESTS_OF_MCPWS_EMITTED"])
