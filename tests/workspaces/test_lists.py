"""Lists: bounds, both ways of paging, and query parameters."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import WorkspaceFactory
from tests.workspaces.conftest import Person
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.workspaces.probe_urls")]


def _read_page(client: Client, **query: Any) -> dict[str, Any]:
    response = client.get("/v1/pages", query)
    assert response.status_code == 200, response.content
    page: dict[str, Any] = response.json()
    assert page.keys() == {"items", "has_more", "continuation_token", "next_cursor", "total"}
    return page


def _walk(client: Client, parameter: str, member: str, **query: Any) -> Iterator[dict[str, Any]]:
    page = _read_page(client, **query)
    yield page
    while page["has_more"]:
        page = _read_page(client, **query, **{parameter: page[member]})
        yield page


def _read_newest_ids() -> list[str]:
    return [str(key) for key in Workspace.objects.order_by("-id").values_list("id", flat=True)]


@pytest.mark.parametrize(
    ("parameter", "member"),
    [("cursor", "next_cursor"), ("continuation_token", "continuation_token")],
)
@pytest.mark.parametrize("limit", [1, 3, 20])
def test_walking_reads_each_row_once_newest_first(
    operator: Client, parameter: str, member: str, limit: int
) -> None:
    WorkspaceFactory.create_batch(22)
    pages = list(_walk(operator, parameter, member, limit=limit))
    assert [row["id"] for page in pages for row in page["items"]] == _read_newest_ids()
    assert all(len(page["items"]) == limit for page in pages[:-1])
    assert pages[-1]["next_cursor"] is None
    assert pages[-1]["continuation_token"] is None


def test_r8_a_walk_by_cursor_is_stable_while_rows_are_inserted(operator: Client) -> None:
    WorkspaceFactory.create_batch(12)
    before = _read_newest_ids()
    seen = []
    for page in _walk(operator, "cursor", "next_cursor", limit=4):
        seen += [row["id"] for row in page["items"]]
        WorkspaceFactory.create_batch(3)
    assert seen == before


def test_a_walk_by_cursor_goes_on_when_its_own_row_is_deleted(operator: Client) -> None:
    WorkspaceFactory.create_batch(5)
    before = _read_newest_ids()
    page = _read_page(operator, limit=2)
    Workspace.objects.filter(pk=page["items"][-1]["id"]).delete()
    rest = _read_page(operator, limit=20, cursor=page["next_cursor"])
    assert [row["id"] for row in rest["items"]] == before[2:]


def test_a_page_holds_ten_unless_asked_otherwise(operator: Client) -> None:
    WorkspaceFactory.create_batch(12)
    page = _read_page(operator)
    assert len(page["items"]) == 10
    assert page["continuation_token"] == 10
    assert page["total"] is None


def test_the_total_counts_all_rows_on_every_page(operator: Client) -> None:
    WorkspaceFactory.create_batch(4)
    total = Workspace.objects.count()
    first = _read_page(operator, limit=2, include_total="true")
    second = _read_page(operator, limit=2, include_total="1", cursor=first["next_cursor"])
    assert (first["total"], second["total"]) == (total, total)


def test_an_offset_past_the_end_is_an_empty_page(operator: Client) -> None:
    page = _read_page(operator, continuation_token=10_000)
    assert (page["items"], page["has_more"], page["next_cursor"]) == ([], False, None)


def test_a_page_is_one_query_and_a_total_one_more(
    operator: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    WorkspaceFactory.create_batch(12)
    _read_page(operator)
    with django_assert_num_queries(2):  # the key, the page
        _read_page(operator, limit=20)
    with django_assert_num_queries(3):
        _read_page(operator, limit=20, include_total="true")


_NOT_OURS = base64.urlsafe_b64encode(b"fifteen bytes..").rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "21"}, "/limit"),
        ({"limit": "-1"}, "/limit"),
        ({"limit": ""}, "/limit"),
        ({"limit": "1.0"}, "/limit"),
        ({"limit": "ten"}, "/limit"),
        ({"limit": "٣"}, "/limit"),
        ({"limit": "9" * 5000}, "/limit"),
        ({"continuation_token": "-1"}, "/continuation_token"),
        ({"continuation_token": "9223372036854775808"}, "/continuation_token"),
        ({"continuation_token": "x"}, "/continuation_token"),
        ({"cursor": ""}, "/cursor"),
        ({"cursor": "x"}, "/cursor"),
        ({"cursor": "é"}, "/cursor"),
        ({"cursor": _NOT_OURS}, "/cursor"),
        ({"cursor": "A" * 22 + "=="}, "/cursor"),
        ({"cursor": "A" * 22, "continuation_token": "0"}, "/cursor"),
        ({"include_total": "maybe"}, "/include_total"),
    ],
)
def test_a_parameter_out_of_range_is_422(
    operator: Client, query: dict[str, str], pointer: str
) -> None:
    response = operator.get("/v1/pages", query)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def _read_parameters(person: Person, query: str) -> Any:
    return person.client.get(f"/v1/{person.workspace.pk}/parameters?{query}")


def test_parameters_are_read(alice: Person) -> None:
    response = _read_parameters(
        alice,
        "flag=True&uuid=0195A0E0-0000-7000-8000-000000000000&choice=a&choices=a,b,a&choices=c"
        "&text=hello&since=2026-01-01T01:00:00%2B01:00&until=2026-01-01t00:00:00.1234567z",
    )
    assert response.json() == {
        "flag": True,
        "uuid": "0195a0e0-0000-7000-8000-000000000000",
        "choice": "a",
        "choices": ["a", "b", "c"],
        "text": "hello",
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-01T00:00:00.123456Z",
    }


def test_times_have_aliases_and_may_carry_a_bare_plus(alice: Person) -> None:
    response = _read_parameters(
        alice, "from=2026-01-01T01:00:00+01:00&to=2026-01-01T00:00:00-00:30"
    )
    assert response.json()["since"] == "2026-01-01T00:00:00Z"
    assert response.json()["until"] == "2026-01-01T00:30:00Z"


def test_parameters_that_are_missing_are_null(alice: Person) -> None:
    body = _read_parameters(alice, "").json()
    assert body.pop("choices") == []
    assert set(body.values()) == {None}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("flag=yes", "/flag"),
        ("flag=", "/flag"),
        ("uuid=1", "/uuid"),
        ("uuid=0195a0e0000070008000000000000000", "/uuid"),
        ("choice=c", "/choice"),
        ("choices=a,d", "/choices"),
        ("text=longer", "/text"),
        ("text=%00", "/text"),
        ("since=2026-01-01", "/since"),
        ("since=2026-01-01T00:00:00", "/since"),
        ("since=2026-02-30T00:00:00Z", "/since"),
        ("from=0001-01-01T00:00:00%2B10:00", "/from"),
        ("until=9999-12-31T23:59:59-10:00", "/until"),
        ("to=now", "/to"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_422(alice: Person, query: str, pointer: str) -> None:
    response = _read_parameters(alice, query)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
