"""The admin as a whole: signing in, what is registered, and that keys never meet its throttle."""

import datetime as dt

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.staticfiles import finders
from django.db import connection
from django.db.models import BinaryField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import WorkspaceFactory
from tests.sources import ROOMS
from tests.staff import confirm, find_list, find_page, sign_in
from tests.workspaces.factories import make_client, make_key

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def try_password(password: str, *, address: str = "192.0.2.1", **headers: str) -> int:
    body = {"username": "ada", "password": password}
    client = Client(REMOTE_ADDR=address, headers=headers)
    return client.post(LOGIN, body).status_code


def test_the_right_password_signs_in(ada: User) -> None:
    assert try_password(PASSWORD) == 302


def test_five_wrong_passwords_lock_out_even_the_right_one(ada: User) -> None:
    assert [try_password("wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    answer = Client(REMOTE_ADDR="192.0.2.1").post(LOGIN, {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "Wait 15 minutes" in answer.content.decode()
    # From elsewhere she signs in: a stranger locks out nobody but themselves.
    assert try_password(PASSWORD, address="192.0.2.2") == 302


def test_an_unknown_user_is_answered_alike() -> None:
    assert [try_password("wrong") for _ in range(5)] == [200, 200, 200, 200, 429]


def test_a_header_is_no_address(ada: User) -> None:
    codes = [try_password("wrong", x_forwarded_for=f"192.0.2.{n}") for n in range(10, 15)]
    assert codes[-1] == 429


def test_the_lock_opens_by_itself_and_trying_does_not_prolong_it(ada: User) -> None:
    for _ in range(5):
        try_password("wrong")
    locked_at = AccessAttempt.objects.get().attempt_time
    assert try_password("wrong") == 429
    assert AccessAttempt.objects.get().attempt_time == locked_at
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=15, seconds=1))
    assert try_password(PASSWORD) == 302


def test_a_good_password_forgets_the_bad_ones(ada: User) -> None:
    for _ in range(4):
        try_password("wrong")
    try_password(PASSWORD)
    assert [try_password("wrong") for _ in range(4)] == [200] * 4


def test_attempts_are_shown_without_what_was_typed_and_can_be_forgotten(ada: User) -> None:
    for _ in range(5):
        try_password("hunter2")
    attempt = AccessAttempt.objects.get()
    assert "hunter2" not in attempt.post_data
    assert "csrfmiddlewaretoken=*" in attempt.post_data or "csrf" not in attempt.post_data
    staff = sign_in(is_superuser=True)
    assert "192.0.2.1" in staff.get(find_list(attempt)).content.decode()
    assert staff.get(find_page(attempt)).status_code == 200
    assert "1 forgotten." in confirm(staff, "forget", attempt)
    assert try_password(PASSWORD) == 302


def test_a_key_costs_no_query_of_the_throttle_and_survives_a_lock() -> None:
    workspace = WorkspaceFactory.create()
    client = make_client(make_key(workspace, "*"))
    client.get(f"/v1/{workspace.pk}/triggers")
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/v1/{workspace.pk}/triggers").status_code == 200
    assert not [query for query in queries if "axes_" in query["sql"]]
    for _ in range(6):
        bad = make_client("chk_" + "x" * 43)
        assert bad.get(f"/v1/{workspace.pk}/triggers").status_code == 401
    assert not AccessAttempt.objects.exists()


def test_every_model_of_every_room_has_its_pages() -> None:
    missing = [
        model._meta.label
        for room in ROOMS
        if apps.is_installed(room)
        for model in apps.get_app_config(room).get_models()
        if not admin.site.is_registered(model)
    ]
    assert missing == []


def test_no_page_has_a_binary_column_a_hash_or_a_lease() -> None:
    staff = User(is_superuser=True, is_staff=True, is_active=True)
    request = Client().get(LOGIN).wsgi_request
    request.user = staff
    for room in ROOMS:
        models = apps.get_app_config(room).get_models() if apps.is_installed(room) else []
        for model in models:
            pages = admin.site.get_model_admin(model)
            shown = {*pages.get_fields(request, model()), *pages.get_list_display(request)}
            hidden = {
                field.name for field in model._meta.fields if isinstance(field, BinaryField)
            } | {"key_hash", "lease_token"}
            assert not shown & hidden, model


def test_the_front_page_lists_what_one_may_see_and_its_styles_are_there() -> None:
    page = sign_in("view_run").get("/admin/").content.decode()
    assert "/admin/runs/run/" in page
    assert "/admin/triggers/trigger/" not in page
    for name in ("staff/pages.css", "unfold/css/styles.css"):
        assert f"/static/{name}" in page
        assert finders.find(name)


def test_users_have_pages_too() -> None:
    staff = sign_in(is_superuser=True)
    user = User.objects.get()
    assert staff.get(find_list(user)).status_code == 200
    assert staff.get(find_page(user)).status_code == 200
    assert not list(get_messages(staff.get("/admin/").wsgi_request))
