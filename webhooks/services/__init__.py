"""The verbs of webhooks: destinations and their secrets, deliveries, and the receipt of one."""

from webhooks.models import Delivery, Destination
from webhooks.services.acceptance import Receipt, UnknownDestination
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
    update_destination,
)
from webhooks.services.examination import Examination, examine_case
from webhooks.services.ledger import STATUSES, find_delivery, list_deliveries, read_payload
from webhooks.services.receipt import PostOnly, SignatureRefused, receive_delivery
from webhooks.services.retries import DatabaseAway
from webhooks.services.rotation import RotationOverlaps, rotate_secret
from webhooks.services.secrets import SecretRefused

__all__ = [
    "STATUSES",
    "DatabaseAway",
    "Delivery",
    "Destination",
    "DestinationFromConfig",
    "DestinationNotFound",
    "Examination",
    "ExternalKeyTaken",
    "PostOnly",
    "Receipt",
    "RotationOverlaps",
    "SecretRefused",
    "SignatureRefused",
    "UnknownDestination",
    "create_destination",
    "delete_destination",
    "examine_case",
    "fetch_certificate",
    "find_delivery",
    "find_destination",
    "list_deliveries",
    "list_destinations",
    "prune_dedupe_keys",
    "read_payload",
    "receive_delivery",
    "rotate_secret",
    "update_destination",
]
