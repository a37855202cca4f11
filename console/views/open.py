"""Health, metrics, the API's own description: doors that need no key and name no tenant."""

import datetime as dt
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularSwaggerView
from prometheus_client import CONTENT_TYPE_LATEST

from console.services.health import Check, read_readiness
from console.services.metrics import render_metrics
from workspaces.rest.errors import render_problem
from workspaces.rest.schema import render_schema
from workspaces.rules.problems import MethodNotAllowed


class ReadOnly(MethodNotAllowed):
    """These doors are only looked at."""

    def __init__(self) -> None:
        super().__init__("This can only be read, by GET or HEAD.")

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": "GET, HEAD"}


def read_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse every method but GET and HEAD with a problem; nothing to forge, so no CSRF check."""

    @wraps(view)
    def show(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return render_problem(request, ReadOnly())
        return view(request)

    return csrf_exempt(show)


@read_only
def show_index(request: HttpRequest) -> JsonResponse:
    """Where everything is."""
    return JsonResponse(
        {
            "name": "Clockhook",
            "docs": request.build_absolute_uri("/docs"),
            "openapi": request.build_absolute_uri("/openapi.json"),
            "admin": request.build_absolute_uri("/admin/"),
            "health": request.build_absolute_uri("/readyz"),
        }
    )


@read_only
def show_liveness(request: HttpRequest) -> JsonResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@read_only
def show_readiness(request: HttpRequest) -> JsonResponse:
    """200 when work can be taken, 503 otherwise; the checks either way."""
    readiness = read_readiness(dt.datetime.now(dt.UTC))
    body = {
        "status": "ok" if readiness.is_ready else "unavailable",
        "checks": {check.name: _render_check(check) for check in readiness.checks},
    }
    if readiness.is_ready:
        return JsonResponse(body)
    return JsonResponse(body, status=503, headers={"Retry-After": "1"})


@read_only
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    return HttpResponse(render_metrics(dt.datetime.now(dt.UTC)), content_type=CONTENT_TYPE_LATEST)


@read_only
def show_schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    return HttpResponse(render_schema(), content_type="application/json")


class DocsView(SpectacularSwaggerView):
    """Swagger UI, its files served from here."""

    authentication_classes = []
    permission_classes = []
    url_name = "openapi"


show_docs = read_only(DocsView.as_view())


def _render_check(check: Check) -> dict[str, object]:
    return {"ok": check.is_ok, "required": check.is_required, **check.facts}
