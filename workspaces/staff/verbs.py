"""Verbs of the admin: each asks first, then does it through a service, row by row."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from workspaces.rules.callers import Caller
from workspaces.rules.problems import ServiceError
from workspaces.services import find_workspace, read_now, refuse_archived

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

# A page that asks has to be read by somebody.
MAX_ROWS = 100

_Row = TypeVar("_Row", bound=Model)


class ServiceCall(Protocol):
    """Does the verb to one row; returns what may be shown this once, if anything."""

    def __call__(self, row: Any, *, caller: Caller, now: dt.datetime) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """``question`` stands above the rows, ``done`` after their number (``3 cancelled.``).

    What a verb ``reveals`` is shown on the answer's page alone, so it takes one row at a time.
    """

    name: str
    label: str
    question: str
    done: str
    call: ServiceCall
    reveals: str = ""
    works_in_archive: bool = False


def build_caller(user: Any) -> Caller:
    """A signed-in member of staff, who may act in every workspace."""
    return Caller("user", str(user.pk), None, frozenset(), is_operator=True)


class VerbAdmin(ModelAdmin[_Row]):
    """Offers ``verbs`` in the list and on each row's page to whoever may change the model."""

    verbs: tuple[Verb, ...] = ()

    def has_verb_permission(self, request: HttpRequest) -> bool:
        """May this member of staff use the verbs."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Django's own and the verbs that take several rows."""
        actions: dict[str, Any] = dict(super().get_actions(request))
        if self.has_verb_permission(request):
            for verb in self.verbs:
                if not verb.reveals:
                    act = partial(type(self).act_on_many, verb=verb)
                    actions[verb.name] = (act, verb.name, verb.label)
        return actions

    def get_urls(self) -> list[URLPattern]:
        """Django's own and one per row for its verbs."""
        view = self.admin_site.admin_view(self._act_on_one)
        return [
            path("<path:object_id>/verb/<slug:verb>/", view, name=self.verb_url),
            *super().get_urls(),
        ]

    @property
    def verb_url(self) -> str:
        """The name of the address of a verb."""
        return f"{self.opts.app_label}_{self.opts.model_name}_verb"

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[_Row], *args: Any, **options: Any
    ) -> HttpResponse | None:
        """As Django does; ids that are none are refused in words."""
        try:
            return super().response_action(request, queryset, *args, **options)
        except ValidationError:
            self.message_user(request, "A selected row has no valid id.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def list_verb_links(self, request: HttpRequest, row: Model) -> list[dict[str, str]]:
        """The buttons of a row's page."""
        if not self.has_verb_permission(request):
            return []
        return [
            {
                "label": verb.label,
                "url": reverse(f"admin:{self.verb_url}", args=[row.pk, verb.name]),
            }
            for verb in self.verbs
        ]

    def act_on_many(
        self, request: HttpRequest, queryset: QuerySet[_Row], *, verb: Verb
    ) -> HttpResponse | None:
        """Django's action for the verb: asks about the selected rows, then does it."""
        is_confirmed = "confirmed" in request.POST
        if is_confirmed:
            # The list's filters may no longer match what was asked about.
            chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
            queryset = self.get_queryset(request).filter(pk__in=chosen)
        rows = list(queryset[: MAX_ROWS + 1])
        if len(rows) > MAX_ROWS:
            self.message_user(request, f"At most {MAX_ROWS} rows at once.", messages.ERROR)
            return None
        if not is_confirmed:
            return self._ask(request, verb, rows, back=request.get_full_path())
        self._apply(request, verb, rows)
        return None

    def _act_on_one(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        chosen = next((one for one in self.verbs if one.name == verb), None)
        row = self.get_object(request, unquote(object_id))
        if chosen is None or row is None:
            raise Http404
        if not self.has_verb_permission(request) or not self.has_view_permission(request, row):
            raise PermissionDenied
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        if request.method != "POST":
            return self._ask(request, chosen, [row], back=back)
        revealed = self._apply(request, chosen, [row])
        if revealed is not None:
            return self.reveal(request, chosen.reveals, revealed, back=back)
        return HttpResponseRedirect(back)

    def _ask(
        self, request: HttpRequest, verb: Verb, rows: Sequence[Model], *, back: str
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": verb.label,
            "opts": self.opts,
            "verb": verb,
            "rows": rows,
            "back": back,
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "staff/confirm.html", context)

    def _apply(self, request: HttpRequest, verb: Verb, rows: Sequence[Any]) -> str | None:
        caller, now = build_caller(request.user), read_now()
        revealed, done = None, 0
        for row in rows:
            try:
                if not verb.works_in_archive:
                    _refuse_archive_of(row)
                revealed = verb.call(row, caller=caller, now=now)
            except ServiceError as error:
                self.message_user(request, f"{row}: {error.detail}", messages.ERROR)
                continue
            self.log_change(request, row, verb.label)
            done += 1
        if done and revealed is None:
            self.message_user(request, f"{done} {verb.done}.", messages.SUCCESS)
        return revealed

    def reveal(self, request: HttpRequest, what: str, text: str, *, back: str) -> TemplateResponse:
        """The page that shows a secret this once: it is kept in no session, message or cache."""
        context = {
            **self.admin_site.each_context(request),
            "title": what,
            "opts": self.opts,
            "text": text,
            "back": back,
        }
        response = TemplateResponse(request, "staff/shown_once.html", context)
        response["Cache-Control"] = "no-store"
        return response


def _refuse_archive_of(row: Any) -> None:
    workspace_id = getattr(row, "workspace_id", None)
    if workspace_id is not None:
        refuse_archived(find_workspace(workspace_id))
