"""Whether the contracts say what they compare: in a process that runs pytest it is told of them before their import."""

import sys

if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(
        "mcpws.testing.backend_contract", "mcpws.testing.front_contract", "mcpws.testing.front_under_test"
    )
