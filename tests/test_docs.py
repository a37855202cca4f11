"""Pages that say what the code says: they must not drift apart."""

import ast
import re

import pytest

from events.rules.event import EVENT_TYPES
from runs.rules.states import FAMILIES, OUTBOUND, TRANSITIONS, TRIGGER
from tests.sources import ROOMS, ROOT, find_sources, name, parse

SYSTEM_TYPE = re.compile(r"(trigger|outbound|webhook)\.[a-z_]+")


def test_the_table_of_states_is_the_one_in_the_code() -> None:
    page = (ROOT / "docs/states.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w.]+)` \|", page, re.MULTILINE)
    assert {(start, end): event for start, end, event in rows} == TRANSITIONS
    assert len(rows) == len(TRANSITIONS)


def test_the_picture_of_states_shows_the_same_moves_and_the_claim() -> None:
    page = (ROOT / "docs/states.md").read_text()
    arrows = set(re.findall(r"^    (\w+) --> (\w+):", page, re.MULTILINE))
    assert arrows == {*TRANSITIONS, ("queued", "running")}


def test_a_call_makes_the_moves_of_a_run_under_the_names_on_the_page() -> None:
    page = (ROOT / "docs/states.md").read_text()
    names = dict(re.findall(r"^\| `(trigger\.\w+)` \| `(outbound\.\w+)`", page, re.MULTILINE))
    assert FAMILIES[TRIGGER] is TRANSITIONS
    assert FAMILIES[OUTBOUND] == {move: names[event] for move, event in TRANSITIONS.items()}


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_the_page_of_events_knows_every_type_and_what_its_data_holds(event_type: str) -> None:
    page = (ROOT / "docs/events.md").read_text()
    sections = re.split(r"^#+ ", page, flags=re.MULTILINE)
    [section] = [
        section
        for section in sections
        if section.startswith(f"{event_type}\n") or f"\n| `{event_type}` |" in section
    ]
    assert [member for member in EVENT_TYPES[event_type].data if f"`{member}`" not in section] == []


def test_the_page_of_events_knows_no_type_that_the_code_does_not() -> None:
    page = (ROOT / "docs/events.md").read_text()
    headings = set(re.findall(r"^### (\S+)$", page, re.MULTILINE))
    rows = set(re.findall(r"^\| `((?:trigger|outbound|webhook)\.\w+)` \|", page, re.MULTILINE))
    assert headings | rows == set(EVENT_TYPES)


def test_the_vocabulary_of_events_is_closed_in_both_directions() -> None:
    vocabulary = ROOT / "events/rules/event.py"
    written = {
        node.value: name(path)
        for path in find_sources(*ROOMS)
        if path != vocabulary
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SYSTEM_TYPE.fullmatch(node.value)
    }
    assert {word: path for word, path in written.items() if word not in EVENT_TYPES} == {}
    assert set(EVENT_TYPES) - set(written) == set()
