"""Every URL, room by room."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("workspaces.urls")),
    path("", include("events.urls")),
    path("", include("actions.urls")),
    path("", include("runs.urls")),
    path("", include("triggers.urls")),
    path("", include("webhooks.urls")),
    path("", include("console.urls")),
]

handler400 = "workspaces.rest.errors.render_bad_request"
handler403 = "workspaces.rest.errors.render_forbidden"
handler404 = "workspaces.rest.errors.render_not_found"
handler500 = "workspaces.rest.errors.render_server_error"
