"""Who calls, in tests of triggers."""

import pytest

from workspaces.rules.callers import Caller


@pytest.fixture
def caller() -> Caller:
    return Caller(
        kind="key", id="k1", workspace_id=None, scopes=frozenset({"*"}), is_operator=False
    )
