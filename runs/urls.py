"""Where this room answers."""

from django.urls import path

from runs.views import calls, runs

_RUN = "v1/<str:workspace_id>/runs/<str:run_id>"
_CALL = "v1/<str:workspace_id>/outbound-calls/<str:call_id>"

urlpatterns = [
    path("v1/runs", runs.AllRunsView.as_view()),
    path("v1/<str:workspace_id>/runs", runs.RunsView.as_view()),
    path(_RUN, runs.RunView.as_view()),
    path(f"{_RUN}/cancel", runs.CancelRunView.as_view()),
    path(f"{_RUN}/rerun", runs.RerunView.as_view()),
    path(f"{_RUN}/events", runs.RunEventsView.as_view()),
    path("v1/<str:workspace_id>/outbound-calls", calls.OutboundCallsView.as_view()),
    path(_CALL, calls.OutboundCallView.as_view()),
    path(f"{_CALL}/cancel", calls.CancelOutboundCallView.as_view()),
]
