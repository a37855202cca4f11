"""Where this room answers."""

from django.urls import path

from runs.views import (
    AllRunsView,
    CancelOutboundCallView,
    CancelRunView,
    OutboundCallsView,
    OutboundCallView,
    RerunView,
    RunEventsView,
    RunsView,
    RunView,
)

urlpatterns = [
    path("v1/runs", AllRunsView.as_view()),
    path("v1/<str:workspace_id>/runs", RunsView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>", RunView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>/cancel", CancelRunView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>/rerun", RerunView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>/events", RunEventsView.as_view()),
    path("v1/<str:workspace_id>/outbound-calls", OutboundCallsView.as_view()),
    path("v1/<str:workspace_id>/outbound-calls/<str:call_id>", OutboundCallView.as_view()),
    path(
        "v1/<str:workspace_id>/outbound-calls/<str:call_id>/cancel",
        CancelOutboundCallView.as_view(),
    ),
]
