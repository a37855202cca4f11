"""The product's own source, for tests that read it: files, syntax trees, and what is in them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# From top to bottom; a room may import those after it.
ROOMS = (
    "config",
    "console",
    "webhooks",
    "triggers",
    "runs",
    "actions",
    "events",
    "workspaces",
)
NOT_OURS = {".git", ".coverage", ".venv", ".clockhook", "static", "node_modules", "htmlcov"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_sources(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts and not NOT_OURS & set(path.relative_to(ROOT).parts)
    )


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def walk_functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(parse(path)) if isinstance(node, Function))


def walk_text(node: ast.AST) -> Iterator[str]:
    """Every string below the node; of an f-string, what stands between its placeholders."""
    inside_f_strings = {
        id(part)
        for joined in ast.walk(node)
        if isinstance(joined, ast.JoinedStr)
        for part in joined.values
    }
    for child in ast.walk(node):
        if isinstance(child, ast.JoinedStr):
            parts = [part.value for part in child.values if isinstance(part, ast.Constant)]
            yield " ? ".join(str(part) for part in parts)
        elif isinstance(child, ast.Constant) and id(child) not in inside_f_strings:
            yield str(child.value)


_SETS_STATUS = re.compile(
    r"UPDATE\s+\"?runs_run\"?\b(?:(?!\bWHERE\b).)*?\bSET\b(?:(?!\b(?:FROM|WHERE)\b).)*?\bstatus\s*=",
    re.DOTALL | re.IGNORECASE,
)


def find_status_writers(module: ast.Module) -> Iterator[str]:
    """The names at a module's top level under which a run's status is written, by ORM or by SQL."""
    for statement in module.body:
        if any(map(_is_status_assignment, ast.walk(statement))) or any(
            _SETS_STATUS.search(text) for text in walk_text(statement)
        ):
            yield _name_statement(statement)


def _is_status_assignment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "status" and isinstance(node.ctx, ast.Store)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name) and node.func.id == "setattr":
        return "status" in walk_text(node.args[1])
    is_update = isinstance(node.func, ast.Attribute) and node.func.attr in {
        "update",
        "bulk_update",
        "update_or_create",
    }
    return is_update and any(
        keyword.arg == "status" or (keyword.arg is None and "status" in walk_text(keyword.value))
        for keyword in node.keywords
    )


def _name_statement(statement: ast.stmt) -> str:
    if isinstance(statement, Function | ast.ClassDef):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return f"line {statement.lineno}"


def is_task(function: Function) -> bool:
    decorators = [
        decorator.func if isinstance(decorator, ast.Call) else decorator
        for decorator in function.decorator_list
    ]
    return any(
        (isinstance(decorator, ast.Name) and decorator.id == "shared_task")
        or (isinstance(decorator, ast.Attribute) and decorator.attr in {"task", "shared_task"})
        for decorator in decorators
    )


def find_typing_imports(path: Path) -> Iterator[str]:
    """The modules imported under ``if TYPE_CHECKING``, which import-linter passes over."""
    for block in ast.walk(parse(path)):
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test):
            for node in ast.walk(block):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield node.module or "."


def find_texts() -> list[Path]:
    suffixes = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".html", ".sh", ".cfg", ""}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and path.suffix in suffixes
        and not any(
            part in NOT_OURS or part.endswith(("_cache", "__pycache__"))
            for part in path.relative_to(ROOT).parts
        )
        and ".hypothesis" not in path.parts
    ]
