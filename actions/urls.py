"""Actions of a workspace. Ids in paths are any text: a bad one is the view's own 404."""

from django.urls import path

from actions import views

urlpatterns = [
    path("v1/<str:workspace_id>/action-types", views.ActionTypeListView.as_view()),
    path("v1/<str:workspace_id>/actions", views.ActionListView.as_view()),
    path("v1/<str:workspace_id>/actions/<str:action_id>", views.ActionDetailView.as_view()),
    path("v1/<str:workspace_id>/actions/<str:action_id>/test", views.ActionTestView.as_view()),
]
