from django.urls import path

from console import views

urlpatterns = [
    path("", views.show_index),
    path("healthz", views.show_liveness),
    path("readyz", views.show_readiness),
    path("metrics", views.show_metrics),
    path("openapi.json", views.show_schema, name="openapi"),
    path("docs", views.show_docs, name="docs"),
]
