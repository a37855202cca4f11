"""The answer to who has tried too many passwords."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_lockout(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """A page that says how long to wait, whether or not there is such a user."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {
        **admin.site.each_context(request),
        "title": "Too many attempts",
        "minutes": -(-seconds // 60),
    }
    answer = render(request, "staff/locked_out.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    return answer
