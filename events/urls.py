"""Below ``/v1/``."""

from django.urls import path

from events.views import EventsView, EventView

urlpatterns = [
    path("<str:workspace_id>/events", EventsView.as_view()),
    path("<str:workspace_id>/events/<str:event_id>", EventView.as_view()),
]
