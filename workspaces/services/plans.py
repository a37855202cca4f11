"""How many triggers a workspace may hold."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from workspaces.models import Plan, Workspace
from workspaces.rules.problems import NotFound, PaymentRequired

TriggerType = Literal["scheduled", "webhook"]


@dataclass(frozen=True)
class PlanLimits:
    """A plan's bounds; None is unlimited."""

    tier_name: str
    max_scheduled_triggers: int | None
    max_webhook_triggers: int | None

    def read_limit(self, trigger_type: TriggerType) -> int | None:
        if trigger_type == "scheduled":
            return self.max_scheduled_triggers
        return self.max_webhook_triggers


class TriggerLimitExceeded(PaymentRequired):
    """The workspace's plan does not hold one more trigger of this type."""


def lock_limits(workspace_id: UUID) -> PlanLimits:
    """The plan's bounds, with the workspace locked until the transaction ends.

    Count, compare and insert under this lock, and two creations at once cannot both be the last.

    Raises:
        NotFound: there is no such workspace.
    """
    # NO KEY: rows that refer to the workspace may be inserted by others meanwhile.
    locked = Workspace.objects.select_for_update(no_key=True, of=("self",))
    workspace = locked.select_related("plan").filter(pk=workspace_id).first()
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return _render_limits(workspace.plan)


def read_plan(workspace_id: UUID) -> PlanLimits:
    """The plan's bounds, without a lock: to show them.

    Raises:
        NotFound: there is no such workspace.
    """
    plan = Plan.objects.filter(workspace=workspace_id).first()
    if plan is None:
        raise NotFound("There is no such workspace.")
    return _render_limits(plan)


def refuse_over_limit(*, limits: PlanLimits, trigger_type: TriggerType, current_count: int) -> None:
    """Refuse one more when ``current_count`` has reached the limit.

    Raises:
        TriggerLimitExceeded: with the members that clients read.
    """
    limit = limits.read_limit(trigger_type)
    if limit is None or current_count < limit:
        return
    raise TriggerLimitExceeded(
        f"The {limits.tier_name} plan allows {limit} {trigger_type} triggers; "
        f"this workspace has {current_count}.",
        members={
            "current_count": current_count,
            "limit": limit,
            "tier_name": limits.tier_name,
            "trigger_type": trigger_type,
            "error_code": "TRIGGER_LIMIT_EXCEEDED",
        },
    )


def _render_limits(plan: Plan) -> PlanLimits:
    return PlanLimits(
        tier_name=plan.name,
        max_scheduled_triggers=plan.max_scheduled_triggers,
        max_webhook_triggers=plan.max_webhook_triggers,
    )
