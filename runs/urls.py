"""Where this room answers."""

from django.urls import path

from runs.views import AllRunsView, CancelRunView, RerunView, RunEventsView, RunsView, RunView

urlpatterns = [
    path("v1/runs", AllRunsView.as_view()),
    path("v1/<str:workspace_id>/runs", RunsView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>", RunView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>/cancel", CancelRunView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>/rerun", RerunView.as_view()),
    path("v1/<str:workspace_id>/runs/<str:run_id>/events", RunEventsView.as_view()),
]
