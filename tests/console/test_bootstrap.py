"""The first workspace, the admin and keys for whoever sits at the machine."""

import http.server
import io
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from console.services import bootstrap
from workspaces import services as workspaces

pytestmark = pytest.mark.django_db


class _Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def base_url() -> Iterator[str]:
    """A web server that says it is well."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "admin_password"


def test_a_new_database_gets_a_workspace_an_admin_and_a_key(password_file: Path) -> None:
    access = bootstrap.seed_first_workspace(password_file=password_file)

    assert access.api_key is not None
    caller = workspaces.authenticate_key(access.api_key, now=timezone.now())
    assert caller is not None
    assert caller.workspace_id == access.workspace_id
    assert caller.has_scope("triggers:write")
    assert not caller.is_operator
    admin = get_user_model().objects.get(username="admin")
    assert admin.is_superuser
    assert access.admin_password is not None
    assert admin.check_password(access.admin_password)
    assert password_file.read_text().strip() == access.admin_password
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600


def test_a_second_seed_changes_nothing_and_mints_no_key(password_file: Path) -> None:
    first = bootstrap.seed_first_workspace(password_file=password_file)

    second = bootstrap.seed_first_workspace(password_file=password_file)

    assert second.api_key is None
    assert second.workspace_id == first.workspace_id
    assert second.admin_password == first.admin_password


def test_a_lost_admin_is_made_again_with_the_kept_password(password_file: Path) -> None:
    first = bootstrap.seed_first_workspace(password_file=password_file)
    get_user_model().objects.all().delete()

    bootstrap.seed_first_workspace(password_file=password_file)

    admin = get_user_model().objects.get(username="admin")
    assert first.admin_password is not None
    assert admin.check_password(first.admin_password)


def test_an_admin_whose_password_is_kept_elsewhere_is_left_alone(password_file: Path) -> None:
    get_user_model().objects.create_superuser("admin", password="theirs")

    access = bootstrap.seed_first_workspace(password_file=password_file)

    assert access.admin_password is None
    assert get_user_model().objects.get(username="admin").check_password("theirs")
    assert not password_file.exists()


def test_every_bootstrap_mints_a_new_key_without_a_rate_limit(
    base_url: str, password_file: Path
) -> None:
    keys = [
        bootstrap.grant_access(
            base_url=base_url, password_file=password_file, is_operator=False
        ).api_key
        for _ in range(2)
    ]

    assert keys[0] != keys[1]
    for key in keys:
        assert key is not None
        admission = workspaces.admit_key(key, now=timezone.now())
        assert admission is not None
        assert admission.rate_limit_per_minute == 0


def test_an_operators_key_belongs_to_no_workspace(base_url: str, password_file: Path) -> None:
    access = bootstrap.grant_access(
        base_url=base_url, password_file=password_file, is_operator=True
    )

    assert access.api_key is not None
    caller = workspaces.authenticate_key(access.api_key, now=timezone.now())
    assert caller is not None
    assert caller.workspace_id is None
    assert caller.is_operator


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://127.0.0.1:1/\n"])
def test_without_a_running_stack_nothing_is_minted(url: str, password_file: Path) -> None:
    with pytest.raises(bootstrap.NoStackError, match="No Clockhook answers"):
        bootstrap.grant_access(base_url=url, password_file=password_file, is_operator=False)

    assert not workspaces.list_workspaces(slug="default").exists()
    assert not password_file.exists()


def test_the_command_prints_one_line_of_json(base_url: str, tmp_path: Path, settings: Any) -> None:
    settings.CLOCKHOOK_BASE_URL = base_url
    settings.CLOCKHOOK_DATA = tmp_path
    output = io.StringIO()

    call_command("bootstrap", json=True, stdout=output)

    facts = json.loads(output.getvalue())
    assert output.getvalue().count("\n") == 1
    assert list(facts) == [
        "base_url",
        "workspace_id",
        "api_key",
        "admin_username",
        "admin_password",
        "database_url",
        "redis_url",
    ]
    assert facts["base_url"] == base_url
    assert facts["database_url"] == settings.DATABASE_URL
    assert facts["api_key"].startswith("chk_")


def test_the_command_prints_the_same_for_people(
    base_url: str, tmp_path: Path, settings: Any
) -> None:
    settings.CLOCKHOOK_BASE_URL = base_url
    settings.CLOCKHOOK_DATA = tmp_path
    get_user_model().objects.create_superuser("admin", password="theirs")
    output = io.StringIO()

    call_command("bootstrap", operator=True, stdout=output)

    lines = dict(line.split(maxsplit=1) for line in output.getvalue().splitlines())
    assert lines["api_key"].startswith("cho_")
    assert lines["admin_password"] == "not kept here"


def test_the_command_fails_in_one_sentence_where_no_stack_runs(
    tmp_path: Path, settings: Any
) -> None:
    settings.CLOCKHOOK_BASE_URL = "http://127.0.0.1:1"
    settings.CLOCKHOOK_DATA = tmp_path

    with pytest.raises(CommandError, match="start it with `make run` first"):
        call_command("bootstrap", json=True)


def test_a_database_is_prepared_once_and_stays_prepared(tmp_path: Path, settings: Any) -> None:
    settings.CLOCKHOOK_DATA = tmp_path

    answers = []
    for _ in range(2):
        output = io.StringIO()
        call_command("prepare_database", stdout=output)
        answers.append(json.loads(output.getvalue()))

    assert answers[0]["api_key"].startswith("chk_")
    assert answers[1] == answers[0] | {"api_key": ""}
