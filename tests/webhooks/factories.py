"""Destinations with a secret that the test knows."""

from typing import Any

import factory

from tests.factories import TriggerFactory
from webhooks.models import Destination, DestinationSecret
from workspaces.services import encrypt_secret

SECRET = "whsec_the-secret-of-every-destination-here"


class DestinationFactory(factory.django.DjangoModelFactory[Destination]):
    """Active, native scheme; signed with ``SECRET`` unless told otherwise (``""``: no secret)."""

    class Meta:
        model = Destination
        skip_postgeneration_save = True

    workspace = factory.SelfAttribute("trigger.workspace")
    trigger = factory.SubFactory(TriggerFactory)
    name = factory.Sequence(lambda n: f"Destination {n}")
    verification = factory.LazyFunction(lambda: {"preset": "clockhook"})
    created_by = "system:test"

    @factory.post_generation
    def secret(self: Destination, create: bool, extracted: Any, **_: Any) -> None:
        if create and extracted != "":
            add_secret(self, extracted or SECRET)


def add_secret(destination: Destination, secret: str, **options: Any) -> DestinationSecret:
    """One more secret, the newest."""
    return DestinationSecret.objects.create(
        destination=destination, ciphertext=encrypt_secret(secret), hint=secret[-4:], **options
    )
