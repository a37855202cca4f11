"""Workspaces and their keys. Ids in paths are any text: a bad one is the view's own 404."""

from django.urls import path

from workspaces import views

urlpatterns = [
    path("v1/workspaces", views.WorkspaceListView.as_view()),
    path("v1/workspaces/<str:workspace_id>", views.WorkspaceDetailView.as_view()),
    path("v1/workspaces/<str:workspace_id>/api-keys", views.ApiKeyListView.as_view()),
    path(
        "v1/workspaces/<str:workspace_id>/api-keys/<str:key_id>", views.ApiKeyDetailView.as_view()
    ),
]
