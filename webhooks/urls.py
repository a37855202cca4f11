"""Destinations and deliveries for callers of the API, and the public door. No trailing slashes."""

from django.urls import path

from webhooks.receiver import receive
from webhooks.views import deliveries, destinations, providers

_DESTINATIONS = "v1/<str:workspace_id>/webhook-destinations"

urlpatterns = [
    path("v1/hooks/<str:destination_id>", receive),
    path("v1/<str:workspace_id>/hooks/<str:destination_id>", receive),
    path(_DESTINATIONS, destinations.DestinationsView.as_view()),
    path(f"{_DESTINATIONS}/<str:destination_id>", destinations.DestinationView.as_view()),
    path(f"{_DESTINATIONS}/<str:destination_id>/test", destinations.TrialView.as_view()),
    path(
        f"{_DESTINATIONS}/<str:destination_id>/rotate-secret",
        destinations.SecretRotationView.as_view(),
    ),
    path(
        f"{_DESTINATIONS}/<str:destination_id>/deliveries",
        deliveries.DestinationDeliveriesView.as_view(),
    ),
    path("v1/<str:workspace_id>/providers", providers.ProvidersView.as_view()),
    path("v1/<str:workspace_id>/deliveries/<str:delivery_id>", deliveries.DeliveryView.as_view()),
    path(
        "v1/<str:workspace_id>/deliveries/<str:delivery_id>/diagnosis",
        deliveries.DiagnosisView.as_view(),
    ),
    path(
        "v1/<str:workspace_id>/deliveries/<str:delivery_id>/replay", deliveries.ReplayView.as_view()
    ),
]
