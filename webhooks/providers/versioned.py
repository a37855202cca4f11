"""``v0:{timestamp}:{body}``: Slack's way, and Zoom's."""

from webhooks.providers.base import IGNORE, Provider
from webhooks.rules.challenges import answer_slack, answer_zoom
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

SLACK = Provider(
    name="Slack",
    description="The Events API of a Slack app, signed with its signing secret.",
    guide="slack",
    verification=VerificationConfig(
        signature=parse_source("header:x-slack-signature"),
        key_separator="=",
        key="v0",
        signed="v0:{timestamp}:{body}",
        timestamp=parse_source("header:x-slack-request-timestamp"),
        delivery_id=parse_source("body:event_id"),
        # Events are JSON; slash commands and buttons are forms.
        body_format="any",
    ),
    event_type_paths=("event.type", "type", "command"),
    on_unaccepted_event=IGNORE,
    signed_challenge=answer_slack,
)
ZOOM = Provider(
    name="Zoom",
    description="Event subscriptions of a Zoom app, signed with its secret token.",
    guide="zoom",
    verification=VerificationConfig(
        signature=parse_source("header:x-zm-signature"),
        key_separator="=",
        key="v0",
        signed="v0:{timestamp}:{body}",
        timestamp=parse_source("header:x-zm-request-timestamp"),
    ),
    event_type_paths=("event",),
    signed_challenge=answer_zoom,
)
