"""The verbs of webhooks: destinations and their secrets, deliveries, and the receipt of one."""

from webhooks.models import Delivery, Destination
from webhooks.rules.ledger import STATUSES
from webhooks.services.acceptance import Receipt, UnknownDestination
from webhooks.services.catalogue import ListedProvider, list_providers
from webhooks.services.certificates import fetch_certificate
from webhooks.services.dedupe import prune_dedupe_keys
from webhooks.services.destinations import (
    DestinationFromConfig,
    DestinationNotFound,
    ExternalKeyTaken,
    create_destination,
    delete_destination,
    find_destination,
    list_destinations,
    read_body_options,
    update_destination,
)
from webhooks.services.diagnosis import Diagnosis, diagnose, diagnose_delivery
from webhooks.services.examination import Examination, examine_case
from webhooks.services.history import record_delivery
from webhooks.services.ledger import find_delivery, list_deliveries, read_payload
from webhooks.services.proving import SignatureRefused
from webhooks.services.receipt import PostOnly, receive_delivery
from webhooks.services.replay import ReplayRefused, replay_delivery
from webhooks.services.retention import forget_requests
from webhooks.services.retries import DatabaseAway
from webhooks.services.rotation import RotationOverlaps, rotate_secret
from webhooks.services.secrets import SecretRefused, list_sealed_columns, warn_of_secret
from webhooks.services.subscriptions import confirm_due_subscriptions
from webhooks.services.trial import try_request

__all__ = [
    "STATUSES",
    "DatabaseAway",
    "Delivery",
    "Destination",
    "DestinationFromConfig",
    "DestinationNotFound",
    "Diagnosis",
    "Examination",
    "ExternalKeyTaken",
    "ListedProvider",
    "PostOnly",
    "Receipt",
    "ReplayRefused",
    "RotationOverlaps",
    "SecretRefused",
    "SignatureRefused",
    "UnknownDestination",
    "confirm_due_subscriptions",
    "create_destination",
    "delete_destination",
    "diagnose",
    "diagnose_delivery",
    "examine_case",
    "fetch_certificate",
    "find_delivery",
    "find_destination",
    "forget_requests",
    "list_deliveries",
    "list_destinations",
    "list_providers",
    "list_sealed_columns",
    "prune_dedupe_keys",
    "read_body_options",
    "read_payload",
    "receive_delivery",
    "record_delivery",
    "replay_delivery",
    "rotate_secret",
    "try_request",
    "update_destination",
    "warn_of_secret",
]
