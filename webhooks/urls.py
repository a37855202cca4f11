"""Destinations and deliveries for callers of the API, and the public door. No trailing slashes."""

from django.urls import path

from webhooks import views
from webhooks.receiver import receive

_DESTINATIONS = "v1/<str:workspace_id>/webhook-destinations"

urlpatterns = [
    path("v1/hooks/<str:destination_id>", receive),
    path("v1/<str:workspace_id>/hooks/<str:destination_id>", receive),
    path(_DESTINATIONS, views.DestinationsView.as_view()),
    path(f"{_DESTINATIONS}/<str:destination_id>", views.DestinationView.as_view()),
    path(f"{_DESTINATIONS}/<str:destination_id>/test", views.TrialView.as_view()),
    path(f"{_DESTINATIONS}/<str:destination_id>/rotate-secret", views.SecretRotationView.as_view()),
    path(
        f"{_DESTINATIONS}/<str:destination_id>/deliveries",
        views.DestinationDeliveriesView.as_view(),
    ),
    path("v1/<str:workspace_id>/providers", views.ProvidersView.as_view()),
    path("v1/<str:workspace_id>/deliveries/<str:delivery_id>", views.DeliveryView.as_view()),
    path("v1/<str:workspace_id>/deliveries/<str:delivery_id>/replay", views.ReplayView.as_view()),
]
