"""The settings of the operators' admin: its looks (unfold), and who may try to sign in (axes)."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _allow(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _item(title: str, model: str, icon: str) -> dict[str, Any]:
    room, _, name = model.partition(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{room}_{name}_changelist"),
        "permission": _allow(f"{room}.view_{name}"),
    }


def _group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Clockhook",
    "SITE_HEADER": "Clockhook",
    "SITE_SUBHEADER": "Operators",
    "SITE_SYMBOL": "schedule",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("staff/pages.css")],
    "SIDEBAR": {
        # Room by room, from what fires down to who may.
        "navigation": [
            _group(
                "Webhooks",
                _item("Destinations", "webhooks.destination", "webhook"),
                _item("Deliveries", "webhooks.delivery", "inbox"),
                _item("Secrets", "webhooks.destinationsecret", "password"),
                _item("Delivery keys", "webhooks.dedupekey", "fingerprint"),
            ),
            _group(
                "Triggers",
                _item("Triggers", "triggers.trigger", "bolt"),
                _item("Fires", "triggers.fire", "local_fire_department"),
                _item("Due rows", "triggers.schedulestate", "event_upcoming"),
                _item("Beats", "triggers.schedulerheartbeat", "monitor_heart"),
            ),
            _group("Runs", _item("Runs", "runs.run", "play_circle")),
            _group(
                "Actions",
                _item("Actions", "actions.action", "task_alt"),
                _item("Outbound calls", "actions.outboundcall", "call"),
            ),
            _group("Events", _item("Events", "events.event", "timeline")),
            _group(
                "Workspaces",
                _item("Workspaces", "workspaces.workspace", "workspaces"),
                _item("API keys", "workspaces.apikey", "key"),
                _item("Plans", "workspaces.plan", "sell"),
                _item("Revisions", "workspaces.revision", "history"),
            ),
            _group(
                "Staff",
                _item("Users", "auth.user", "person"),
                _item("Groups", "auth.group", "group"),
                _item("Failed sign-ins", "axes.accessattempt", "lock"),
                _item("Sign-ins", "axes.accesslog", "login"),
            ),
        ],
    },
}

# Only the admin signs people in with a password; API keys never come here.
AXES_ONLY_ADMIN_SITE = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
# Who keeps trying does not keep somebody else out for longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
# The address of the connection: anybody can write a header.
AXES_IPWARE_META_PRECEDENCE_ORDER = ("REMOTE_ADDR",)
AXES_LOCKOUT_CALLABLE = "workspaces.staff.lockout.render_lockout"
# Never noted of what was sent; passwords are not in any case. Who and from where is what counts.
AXES_SENSITIVE_PARAMETERS = ["csrfmiddlewaretoken"]
# The sign-ins have pages of our own, in the room that sees all others.
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
