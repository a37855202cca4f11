"""Triggers. Ids in paths are any text: a bad one is the view's own 404."""

from django.urls import path

from triggers.views import backfills, control, definitions, history, schedules

_TRIGGER = "v1/<str:workspace_id>/triggers/<str:trigger_id>"

urlpatterns = [
    path("v1/triggers", definitions.AllTriggersView.as_view()),
    path("v1/<str:workspace_id>/limits", definitions.LimitsView.as_view()),
    path("v1/<str:workspace_id>/triggers", definitions.TriggersView.as_view()),
    path("v1/<str:workspace_id>/schedules/preview", schedules.SchedulePreviewView.as_view()),
    # Before the trigger's own page, whose id may be any text.
    path("v1/<str:workspace_id>/triggers/upcoming-runs", schedules.UpcomingRunsView.as_view()),
    path(_TRIGGER, definitions.TriggerView.as_view()),
    path(f"{_TRIGGER}/pause", control.PauseTriggerView.as_view()),
    path(f"{_TRIGGER}/resume", control.ResumeTriggerView.as_view()),
    path(f"{_TRIGGER}/fire", control.FireTriggerView.as_view()),
    path(f"{_TRIGGER}/runs", history.TriggerRunsView.as_view()),
    path(f"{_TRIGGER}/fires", history.TriggerFiresView.as_view()),
    path(f"{_TRIGGER}/explain", schedules.ExplainView.as_view()),
    path(f"{_TRIGGER}/backfills", backfills.BackfillsView.as_view()),
    path(f"{_TRIGGER}/backfills/<str:backfill_id>", backfills.BackfillView.as_view()),
    path(f"{_TRIGGER}/backfills/<str:backfill_id>/cancel", backfills.CancelBackfillView.as_view()),
]
