"""Fields that take exactly the JSON type they name; DRF's own turn 5 into "5"."""

import datetime as dt
from typing import Any

from rest_framework import serializers

from workspaces.rules.times import parse_time


class TextField(serializers.CharField):
    """A JSON string, kept as it is sent (nothing is trimmed)."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """JSON's true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class NumberField(serializers.FloatField):
    """A JSON number."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(data)


class ObjectField(serializers.DictField):
    """A JSON object; ``child`` narrows its values."""


class InstantField(serializers.DateTimeField):
    """An RFC 3339 time with its offset, in UTC inside."""

    def to_internal_value(self, value: Any) -> dt.datetime:
        try:
            return parse_time(value if isinstance(value, str) else "")
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid_time") from None
