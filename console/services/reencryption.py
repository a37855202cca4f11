"""Everything that is encrypted, in every room, brought under the first encryption key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from actions.services import list_sealed_columns as list_sealed_in_actions
from webhooks.services import list_sealed_columns as list_sealed_in_webhooks
from workspaces.services import (
    Reencryption,
    SealedColumn,
    count_by_key,
    list_key_ids,
    reencrypt_column,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many of one kind are under which key, by the key's id."""

    name: str
    by_key: dict[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many are not under the first key."""
        return sum(self.by_key.values()) - self.by_key.get(list_key_ids()[0], 0)


def take_census() -> list[Census]:
    """What is encrypted, and with which keys."""
    return [
        Census(name=sealed.name, by_key=dict(sorted(count_by_key(sealed).items())))
        for sealed in _list_sealed()
    ]


def reencrypt_all(
    *, batch_size: int, report: Callable[[str, Reencryption], None]
) -> Iterator[tuple[str, Reencryption]]:
    """Encrypt with the first key whatever is not under it, one kind after the other.

    ``report`` hears of every batch, so that a long run shows where it is.
    """
    for sealed in _list_sealed():
        yield sealed.name, _reencrypt(sealed, batch_size=batch_size, report=report)


def _reencrypt(
    sealed: SealedColumn, *, batch_size: int, report: Callable[[str, Reencryption], None]
) -> Reencryption:
    return reencrypt_column(
        sealed, batch_size=batch_size, report=lambda done: report(sealed.name, done)
    )


def _list_sealed() -> list[SealedColumn]:
    return [*list_sealed_in_actions(), *list_sealed_in_webhooks()]
