"""Every URL, room by room."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

# ROOMS still under construction: the final file has plain includes.
urlpatterns = [
    path("admin/", admin.site.urls),
    *(
        path("", include(f"{room}.urls"))
        for room in ("workspaces", "events", "actions", "runs", "triggers", "webhooks", "console")
        if find_spec(f"{room}.urls")
    ),
]

handler400 = "workspaces.rest.errors.render_bad_request"
handler403 = "workspaces.rest.errors.render_forbidden"
handler404 = "workspaces.rest.errors.render_not_found"
handler500 = "workspaces.rest.errors.render_server_error"
