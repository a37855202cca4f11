"""``X-Hub-Signature``: an HMAC over the body alone, in hex after the name of the digest."""

from dataclasses import replace

from webhooks.providers.base import IGNORE, Provider
from webhooks.rules.challenges import answer_head, answer_meta
from webhooks.rules.sources import parse_source
from webhooks.rules.verification import VerificationConfig

_SHA256 = VerificationConfig(
    signature=parse_source("header:x-hub-signature-256"), key_separator="=", key="sha256"
)
_PLAIN = replace(_SHA256, signature=parse_source("header:x-hub-signature"))

GITHUB = Provider(
    name="GitHub",
    description="Repository and organisation webhooks of GitHub, with a secret.",
    guide="github",
    verification=replace(_SHA256, delivery_id=parse_source("header:x-github-delivery")),
    event_type_paths=("{header:x-github-event}.{action}", "header:x-github-event"),
    allow_unsigned_event_header=True,
    is_digest_deduped=True,
    is_secret_chosen_elsewhere=True,
)
META = Provider(
    name="Meta (Facebook, Instagram, WhatsApp)",
    description="Webhooks of a Meta app, lead ads and WhatsApp messages among them.",
    guide="meta",
    verification=_SHA256,
    event_type_paths=("entry.0.changes.0.field", "object"),
    is_digest_deduped=True,
    on_unaccepted_event=IGNORE,
    methods=("POST", "GET"),
    unsigned_challenge=answer_meta,
    is_secret_chosen_elsewhere=True,
)
JIRA = Provider(
    name="Jira",
    description="Jira Cloud webhooks with a secret.",
    guide="jira",
    verification=replace(_PLAIN, delivery_id=parse_source("header:x-atlassian-webhook-identifier")),
    event_type_paths=("webhookEvent",),
    is_digest_deduped=True,
    is_secret_chosen_elsewhere=True,
)
BITBUCKET = Provider(
    name="Bitbucket",
    description="Bitbucket repository webhooks with a secret.",
    guide="bitbucket",
    verification=replace(_PLAIN, delivery_id=parse_source("header:x-request-uuid")),
    event_type_paths=("header:x-event-key",),
    allow_unsigned_event_header=True,
    is_digest_deduped=True,
    is_secret_chosen_elsewhere=True,
)
INTERCOM = Provider(
    name="Intercom",
    description="Webhooks of an Intercom app, signed with its client secret.",
    guide="intercom",
    verification=replace(_PLAIN, algorithm="sha1", key="sha1", delivery_id=parse_source("body:id")),
    event_type_paths=("topic",),
    methods=("POST", "HEAD"),
    unsigned_challenge=answer_head,
    is_secret_chosen_elsewhere=True,
)
