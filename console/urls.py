from django.urls import path

from console.views import open as open_views
from console.views import operations

_OPERATIONS = "v1/<str:workspace_id>/operations"

urlpatterns = [
    path("", open_views.show_index),
    path("healthz", open_views.show_liveness),
    path("readyz", open_views.show_readiness),
    path("metrics", open_views.show_metrics),
    path("openapi.json", open_views.show_schema, name="openapi"),
    path("docs", open_views.show_docs, name="docs"),
    path(_OPERATIONS, operations.OperationsView.as_view()),
    path(f"{_OPERATIONS}/<str:operation_id>", operations.OperationView.as_view()),
    path(f"{_OPERATIONS}/<str:operation_id>/cancel", operations.CancelOperationView.as_view()),
]
