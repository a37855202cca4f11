"""The house rules that no linter knows, checked on the syntax trees of the product's own code."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

from tests.sources import (
    ROOMS,
    ROOT,
    Function,
    find_sources,
    find_status_writers,
    find_texts,
    find_typing_imports,
    is_task,
    name,
    parse,
    walk_functions,
    walk_text,
)

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_MEDIAN_FUNCTION_LINES = 12
# What is one thing and longer even so, with a limit of its own and the reason beside it.
LONGER_FILES: dict[str, int] = {}
LONGER_FUNCTIONS: dict[str, int] = {}


def count_lines(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_files_stay_within_their_budget() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in find_sources(*ROOMS)}
    too_long = {
        path: length
        for path, length in lengths.items()
        if length > LONGER_FILES.get(path, MAX_FILE_LINES)
    }
    assert too_long == {}


def test_functions_stay_within_their_budget() -> None:
    lengths = {
        f"{name(path)}:{function.name}": count_lines(function)
        for path in find_sources(*ROOMS)
        for function in walk_functions(path)
    }
    too_long = {
        function: length
        for function, length in lengths.items()
        if length > LONGER_FUNCTIONS.get(function, MAX_FUNCTION_LINES)
    }
    assert too_long == {}
    assert median(lengths.values()) <= MAX_MEDIAN_FUNCTION_LINES


def test_exceptions_to_the_budgets_are_still_needed() -> None:
    files = {name(path): len(path.read_text().splitlines()) for path in find_sources(*ROOMS)}
    functions = {
        f"{name(path)}:{function.name}": count_lines(function)
        for path in find_sources(*ROOMS)
        for function in walk_functions(path)
    }
    assert [path for path in LONGER_FILES if files.get(path, 0) <= MAX_FILE_LINES] == []
    assert [
        function
        for function in LONGER_FUNCTIONS
        if functions.get(function, 0) <= MAX_FUNCTION_LINES
    ] == []


_UPDATES_RUNS = re.compile(r"UPDATE\s+\"?runs_run\b", re.IGNORECASE)


@pytest.mark.parametrize(
    "source",
    [
        "def writer(run):\n    run.status = 'queued'",
        "def writer(run):\n    run.status, run.error = 'queued', None",
        "def writer(runs):\n    runs.filter(id=1).update(status='queued')",
        "def writer(runs):\n    runs.filter(id=1).update(**{'status': 'queued'})",
        "def writer(run):\n    setattr(run, 'status', 'queued')",
        "writer = 'UPDATE runs_run SET status = 1 WHERE id = 2'",
        "writer = 'update runs_run r set lease_token = NULL, status=1 FROM x WHERE r.id = x.id'",
        "writer = f'UPDATE runs_run SET {columns}, status = 1'",
    ],
)
def test_every_way_to_write_a_status_is_found(source: str) -> None:
    assert list(find_status_writers(ast.parse(source))) == ["writer"]


@pytest.mark.parametrize(
    "source",
    [
        "def reader(run):\n    return run.status == 'queued'",
        "def reader(runs):\n    return runs.filter(status='queued').update(error=None)",
        "reader = 'UPDATE runs_run SET lease_until = now() WHERE status = 1'",
        "reader = 'SELECT status FROM runs_run'",
    ],
)
def test_reading_a_status_is_not_writing_it(source: str) -> None:
    assert list(find_status_writers(ast.parse(source))) == []


def test_only_the_claim_and_one_function_write_a_runs_status() -> None:
    writers = {
        f"{name(path)}:{writer}"
        for path in find_sources("runs")
        for writer in find_status_writers(parse(path))
    }
    # The claim writes no event and makes one move only; every other move goes through `_WRITE`.
    assert writers == {"runs/execution/claim.py:_TAKE", "runs/execution/transitions.py:_WRITE"}
    claim = parse(ROOT / "runs/execution/claim.py")
    written = {
        word for text in walk_text(claim) for word in re.findall(r"SET status = '(\w+)'", text)
    }
    assert written == {"running"}
    users = [
        function.name
        for function in walk_functions(ROOT / "runs/execution/transitions.py")
        if any(isinstance(node, ast.Name) and node.id == "_WRITE" for node in ast.walk(function))
    ]
    assert len(users) == 1


def test_no_other_room_updates_runs() -> None:
    others = [room for room in ROOMS if room != "runs"]
    assert [
        name(path)
        for path in find_sources(*others)
        if any(_UPDATES_RUNS.search(text) for text in walk_text(parse(path)))
    ] == []


def test_tasks_take_keywords_only_and_those_of_later_versions_too() -> None:
    tasks = {
        f"{name(path)}:{function.name}": function.args
        for path in find_sources(*ROOMS)
        for function in walk_functions(path)
        if is_task(function)
    }
    assert tasks, "no tasks found: has their decorator changed?"
    assert [
        task
        for task, arguments in tasks.items()
        if arguments.args
        or arguments.posonlyargs
        or arguments.vararg
        or arguments.kwarg is None
        or arguments.kwarg.arg != "_"
    ] == []


def test_no_task_names_its_queue_by_the_attribute_that_celery_gives_up() -> None:
    # It warns when the application is finalized, in the middle of whatever came first.
    assert [
        f"{name(path)}:{function.name}"
        for path in find_sources(*ROOMS)
        for function in walk_functions(path)
        if is_task(function)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        and any(keyword.arg == "queue" for keyword in decorator.keywords)
    ] == []


def test_tasks_live_in_tasks_modules() -> None:
    assert {
        path.name
        for path in find_sources(*ROOMS)
        for function in walk_functions(path)
        if is_task(function)
    } <= {"tasks.py"}


def test_no_column_has_choices_so_that_registries_make_no_migrations() -> None:
    models = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    assert [
        name(path)
        for path in models
        if path.name == "models.py" or "migrations" in path.parts or "models" in path.parts
        for node in ast.walk(parse(path))
        if isinstance(node, ast.keyword) and node.arg == "choices"
    ] == []


def test_nothing_is_imported_inside_a_function() -> None:
    assert [
        f"{name(path)}:{function.name}"
        for path in find_sources(*ROOMS, "tests")
        for function in walk_functions(path)
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    ] == []


def test_imports_for_types_walk_down_too() -> None:
    climbing = [
        f"{name(path)} -> {module}"
        for path in find_sources(*ROOMS)
        for module in find_typing_imports(path)
        if module.split(".")[0] in ROOMS
        and ROOMS.index(module.split(".")[0]) < ROOMS.index(path.relative_to(ROOT).parts[0])
    ]
    assert climbing == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_its_tests(room: str) -> None:
    assert list((ROOT / "tests" / room).glob("test_*.py")) != []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "core", "misc", "lib"}
    assert [
        name(path)
        for path in find_sources(*ROOMS, "tests")
        if drawers & {path.stem, *path.relative_to(ROOT).parent.parts}
    ] == []


def test_no_name_says_only_that_something_is_done() -> None:
    vague = re.compile(r"_*(handle|process|manage)(_|$)")
    # Django calls a command's entry `handle`; the word is its framework's.
    assert [
        f"{name(path)}:{function.name}"
        for path in find_sources(*ROOMS)
        for function in walk_functions(path)
        if vague.match(function.name)
        and not (function.name == "handle" and "commands" in path.parts)
    ] == []


def test_no_path_of_a_developers_machine_is_left_behind() -> None:
    patterns = [r"/home/(?!<)\w+/", r"/Users/(?!<)\w+/"]
    # A checkout at the top of the file system (`/app`) is an ordinary word elsewhere.
    if len(ROOT.parts) > 2:
        patterns.append(re.escape(str(ROOT)) + r"(?![\w-])")
    machine_path = re.compile("|".join(patterns))
    found = [
        name(path)
        for path in find_texts()
        if path != Path(__file__) and machine_path.search(path.read_text(errors="ignore"))
    ]
    assert found == []


def test_no_two_advisory_locks_share_a_number() -> None:
    """Their numbers live in one space per database: equal ones would wait for each other."""
    assigned = [
        node.value.value
        for path in find_sources(*ROOMS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and "LOCK" in target.id for target in node.targets)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int)
    ]
    assert len(assigned) >= 5
    assert len(set(assigned)) == len(assigned)
