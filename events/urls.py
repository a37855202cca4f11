"""Where this room answers."""

from django.urls import path

from events.views import EventsView, EventView

urlpatterns = [
    path("v1/<str:workspace_id>/events", EventsView.as_view()),
    path("v1/<str:workspace_id>/events/<str:event_id>", EventView.as_view()),
]
