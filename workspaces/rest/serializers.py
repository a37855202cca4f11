"""Bodies against their shapes: strict about names and types, so that a typo is never ignored."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from workspaces.rules.problems import refuse_field


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields with the code ``unknown_field``.

    ``Meta.read_only_names`` (a tuple) are fields of the answer that a body may carry and that are
    dropped, so that what was read can be edited and sent back.
    """

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._find_unknown(data)
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not unknown or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **unknown}) from None
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _find_unknown(self, data: Any) -> dict[str, list[ErrorDetail]]:
        if not isinstance(data, Mapping):
            return {}
        read_only = getattr(getattr(self, "Meta", None), "read_only_names", ())
        refusal = [ErrorDetail("There is no such field.", code="unknown_field")]
        return {
            str(name): refusal for name in data if name not in self.fields and name not in read_only
        }


def validate_body(
    serializer_class: type[serializers.Serializer[Any]],
    request: Request,
    *,
    partial: bool = False,
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The request's body as ``serializer_class`` reads it; an empty body is ``{}``.

    Raises:
        Unprocessable: the body is JSON, but not an object.
        ValidationError: DRF's; the exception handler shows it as 422 with pointers.
    """
    if not isinstance(request.data, Mapping):
        raise refuse_field("", code="not_an_object", detail="The body must be a JSON object.")
    serializer = serializer_class(
        data=request.data, partial=partial, context={"request": request, **(context or {})}
    )
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
