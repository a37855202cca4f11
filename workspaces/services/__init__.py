"""The verbs of this room: all that doors and higher rooms may call."""

from workspaces.models import mint_ids_of, new_id
from workspaces.models.writing import (
    Statement,
    UnnestQuerySet,
    insert_all,
    insert_row,
    open_prepared_cursor,
)
from workspaces.services.clock import read_now
from workspaces.services.encryption import (
    SecretUnreadable,
    decrypt_secret,
    encrypt_secret,
    list_key_ids,
)
from workspaces.services.keys import (
    Admission,
    admit_key,
    authenticate_key,
    create_api_key,
    find_api_key,
    list_api_keys,
    mint_api_key,
    revoke_api_key,
)
from workspaces.services.plans import (
    PlanLimits,
    TriggerLimitExceeded,
    lock_limits,
    read_plan,
    refuse_over_limit,
)
from workspaces.services.rates import Bucket, Rate, RateLimited, take_token, take_tokens
from workspaces.services.records import has_records
from workspaces.services.reencryption import (
    Reencryption,
    SealedColumn,
    count_by_key,
    reencrypt_column,
)
from workspaces.services.retention import (
    delete_in_batches,
    find_bound,
    note_pruned,
    read_pruned_before,
)
from workspaces.services.revisions import record_revision
from workspaces.services.together import Claim, Together, write_together
from workspaces.services.workspaces import (
    SYSTEM_SLUG,
    SlugTaken,
    WorkspaceHasHistory,
    create_workspace,
    delete_workspace,
    find_archived,
    find_workspace,
    list_workspaces,
    refuse_archived,
    update_workspace,
)

__all__ = [
    "SYSTEM_SLUG",
    "Admission",
    "Bucket",
    "Claim",
    "PlanLimits",
    "Rate",
    "RateLimited",
    "Reencryption",
    "SealedColumn",
    "SecretUnreadable",
    "SlugTaken",
    "Statement",
    "Together",
    "TriggerLimitExceeded",
    "UnnestQuerySet",
    "WorkspaceHasHistory",
    "admit_key",
    "authenticate_key",
    "count_by_key",
    "create_api_key",
    "create_workspace",
    "decrypt_secret",
    "delete_in_batches",
    "delete_workspace",
    "encrypt_secret",
    "find_api_key",
    "find_archived",
    "find_bound",
    "find_workspace",
    "has_records",
    "insert_all",
    "insert_row",
    "list_api_keys",
    "list_key_ids",
    "list_workspaces",
    "lock_limits",
    "mint_api_key",
    "mint_ids_of",
    "new_id",
    "note_pruned",
    "open_prepared_cursor",
    "read_now",
    "read_plan",
    "read_pruned_before",
    "record_revision",
    "reencrypt_column",
    "refuse_archived",
    "refuse_over_limit",
    "revoke_api_key",
    "take_token",
    "take_tokens",
    "update_workspace",
    "write_together",
]
