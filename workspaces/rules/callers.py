"""Who calls, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

OPERATOR_SCOPE = "operator"
EVERY_SCOPE = "*"
# What a workspace's key may carry: not the operator's scope, which `*` does not hold either.
WORKSPACE_SCOPES = (
    "triggers:read",
    "triggers:write",
    "triggers:fire",
    "actions:read",
    "actions:write",
    "destinations:read",
    "destinations:write",
    "runs:read",
    "runs:write",
    "events:read",
    "events:write",
    "workspace:admin",
    EVERY_SCOPE,
)


@dataclass(frozen=True)
class Caller:
    """A key, a signed-in member of staff, or the system itself.

    ``workspace_id`` is the only workspace that it may act in; None is any (operators and staff).
    """

    kind: Literal["key", "user", "system"]
    id: str
    workspace_id: UUID | None
    scopes: frozenset[str]
    is_operator: bool

    def __str__(self) -> str:
        """As ``created_by`` shows it: ``key:<id>``, ``user:<id>``."""
        return f"{self.kind}:{self.id}"

    def has_scope(self, scope: str) -> bool:
        """May this caller do what ``scope`` names; operators may do everything."""
        if scope == OPERATOR_SCOPE:
            return self.is_operator
        return self.is_operator or EVERY_SCOPE in self.scopes or scope in self.scopes


def find_unknown_scopes(scopes: Iterable[str]) -> list[str]:
    """Those that no key of a workspace may carry, in the order given."""
    return [scope for scope in scopes if scope not in WORKSPACE_SCOPES]
