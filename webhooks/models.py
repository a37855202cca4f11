"""The door from outside: destinations, their secrets, every delivery, and the dedupe keys."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from workspaces.services import UnnestQuerySet, new_id


class Destination(models.Model):
    """An address that a foreign system may post to; what it accepts fires one trigger."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE)
    trigger = models.ForeignKey(
        "triggers.Trigger", on_delete=models.CASCADE, related_name="destinations"
    )
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=2000, null=True, blank=True)
    external_key = models.CharField(max_length=128, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    accepted_event_types = ArrayField(models.CharField(max_length=128), null=True, blank=True)
    field_mapping = models.JSONField(null=True, blank=True)
    retry_attempts = models.PositiveSmallIntegerField(default=3)
    verification = models.JSONField(default=dict)
    input_schema = models.JSONField(null=True, blank=True)
    output_transform = models.JSONField(null=True, blank=True)
    dedupe = models.JSONField(null=True, blank=True)
    response = models.JSONField(null=True, blank=True)
    redact = models.JSONField(default=list, blank=True)
    # 0: no limit.
    rate_limit_per_minute = models.PositiveIntegerField(default=0)
    # Null: the preset's own.
    on_unaccepted_event = models.CharField(max_length=16, null=True, blank=True)
    event_type_paths = ArrayField(models.CharField(max_length=256), null=True, blank=True)
    allow_unsigned_event_header = models.BooleanField(null=True, blank=True)
    body_format = models.CharField(max_length=80, null=True, blank=True)
    batch = models.BooleanField(null=True, blank=True)
    source = models.CharField(max_length=16, default="dynamic")
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "external_key"],
                name="webhooks_destination_external_key_unique",
            ),
            models.CheckConstraint(
                name="webhooks_destination_retry_attempts_bounds",
                condition=models.Q(retry_attempts__gte=1, retry_attempts__lte=5),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="webhooks_destination_newest")]

    def __str__(self) -> str:
        return self.name


class DestinationSecret(models.Model):
    """One secret of a destination, encrypted; several are valid while a rotation overlaps."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="secrets")
    ciphertext = models.BinaryField()
    hint = models.CharField(max_length=4)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"…{self.hint}"


class Delivery(models.Model):
    """One request that reached a destination, whatever came of it. RANGE-partitioned on ``id`` like
    events.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    destination_id = models.UUIDField()
    trigger_id = models.UUIDField()
    status = models.CharField(max_length=16)
    cause = models.CharField(max_length=32, null=True)
    http_status = models.SmallIntegerField()
    # Of the delivery itself (webhook.*), in full, since it is shown with it; null for ignored and
    # challenge.
    event_id = models.UUIDField(null=True)
    event_type = models.CharField(max_length=128, null=True)
    event_data = models.JSONField(null=True)
    # The payload's own type, as read from its body.
    payload_event_type = models.CharField(max_length=128, null=True)
    fire_id = models.UUIDField(null=True)
    fired_event_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    duplicate_of = models.UUIDField(null=True)
    dedupe_key = models.CharField(max_length=512, null=True)
    headers = models.JSONField(default=dict)
    # The whole request, encrypted; of rejected ones only so many.
    body = models.BinaryField(null=True)
    body_size = models.PositiveIntegerField(default=0)
    # Without what is redacted, as is the input.
    transformed = models.JSONField(null=True)
    input = models.JSONField(null=True)
    # The paths that were to be redacted when it came.
    redact = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    # What came of each element of a batch; null for what was none.
    elements = models.JSONField(null=True)
    duration_ms = models.FloatField(default=0)
    created_at = models.DateTimeField()

    objects = UnnestQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["destination_id", "id"], name="webhooks_delivery_newest"),
            models.Index(fields=["workspace_id", "id"], name="webhooks_delivery_workspace"),
            # Accepted ones are found without it, and pay nothing for it.
            models.Index(
                fields=["destination_id", "status", "id"],
                name="webhooks_delivery_unaccepted",
                condition=~models.Q(status="accepted"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.id}"


class SubscriptionConfirmation(models.Model):
    """A visit that Amazon SNS waits for; its address is in the delivery, which was verified."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE)
    delivery_id = models.UUIDField()
    topic_arn = models.CharField(max_length=512)
    # SNS sends the same message again until it is answered.
    message_id = models.CharField(max_length=128)
    status = models.CharField(max_length=16, default="pending")
    attempt = models.PositiveSmallIntegerField(default=0)
    # A visit pushes it forward before it begins: so it is a lease, and the next attempt's time.
    next_attempt_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=256, null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "message_id"],
                name="webhooks_subscriptionconfirmation_unique",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="webhooks_subscription_due",
                condition=models.Q(status="pending"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.topic_arn}"


class DedupeKey(models.Model):
    """The claim on one delivery key of one destination, with the first delivery's ids, until it
    expires.
    """

    destination_id = models.UUIDField()
    # SHA-256 of the sender's key: bounded, whatever the sender sends.
    key_hash = models.BinaryField(max_length=32)
    delivery_id = models.UUIDField()
    event_id = models.UUIDField()
    fired_event_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    fire_id = models.UUIDField(null=True)
    trigger_id = models.UUIDField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["destination_id", "key_hash"], name="webhooks_dedupekey_unique"
            )
        ]
        indexes = [models.Index(fields=["expires_at"], name="webhooks_dedupekey_expires")]

    def __str__(self) -> str:
        return f"{self.destination_id} {bytes(self.key_hash).hex()[:12]}"
