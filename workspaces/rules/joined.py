"""The SQL of what is written together: one statement for one writer, and one for several."""

from functools import lru_cache
from typing import NamedTuple

# The numbers of those writers whose claim was taken.
_WON = "(SELECT number FROM won)"


class RowInsert(NamedTuple):
    """An INSERT of one row in its parts, so that those of several writers can become one.

    ``row`` are its expressions, each a mark and its type. What ``tail`` has marks for is the same
    for all rows.
    """

    head: str
    row: str
    tail: str = ""

    @property
    def sql(self) -> str:
        """The INSERT of this row alone."""
        return f"{self.head} SELECT {self.row} {self.tail}".rstrip()

    @property
    def width(self) -> int:
        """How many values a row has."""
        return self.row.count("%s")


@lru_cache(maxsize=256)
def join(check: str, writes: tuple[str, ...]) -> str:
    """All of it in one statement, whose answer is the check's."""
    if not writes:
        return check
    parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(writes))
    return f"WITH {parts} {check}"


@lru_cache(maxsize=256)
def join_claimed(check: str, writes: tuple[str, ...], take: str, held: str) -> str:
    """The same, where only who takes the claim writes. Answers one row: what the check says,
    whether the claim was taken, and who held it.

    Marks: the claim's, the writes', the check's, the holder's.
    """
    parts = "".join(
        f", w{number} AS ({sql} WHERE EXISTS (SELECT FROM taken))"
        for number, sql in enumerate(writes)
    )
    answer = _answer(check, "EXISTS (SELECT FROM taken)", held)
    return f"WITH taken AS ({take}){parts} {answer}"


@lru_cache(maxsize=256)
def join_group(
    check: str,
    writes: tuple[RowInsert, ...],
    take: RowInsert,
    held: str,
    *,
    size: int,
    is_check_shared: bool,
) -> str:
    """The same for ``size`` writers of the same rows, each with a claim of its own, one row of
    answer each.

    Marks: the rows of the claims and their tail's, what each claim returns if it is taken; each
    write's, writer by writer; then of each writer the check's (of the first alone where all share
    it) and the holder's.
    """
    rows = ", ".join([f"({take.row})"] * size)
    asked = ", ".join(f"({number}, %s::uuid)" for number in range(size))
    won = f"SELECT number FROM (VALUES {asked}) AS asked(number, id) JOIN taken USING (id)"  # noqa: S608
    parts = "".join(
        f", w{number} AS ({_write_rows(write, size)})" for number, write in enumerate(writes)
    )
    answers = [
        _answer("NULL" if is_check_shared and number else check, f"{number} IN {_WON}", held)
        for number in range(size)
    ]
    return (
        f"WITH taken(id) AS ({take.head} VALUES {rows} {take.tail}), won AS ({won}){parts}"
        f" {' UNION ALL '.join(answers)}"
    )


def _write_rows(write: RowInsert, size: int) -> str:
    """The rows of those writers whose claim was taken."""
    names = ", ".join(f"c{number}" for number in range(write.width))
    rows = ", ".join(f"({number}, {write.row})" for number in range(size))
    return (
        f"{write.head} SELECT {names} FROM (VALUES {rows}) AS row(number, {names})"  # noqa: S608
        f" WHERE number IN {_WON}"
    )


def _answer(check: str, is_taken: str, held: str) -> str:
    # All of it is the rooms' own SQL.
    return (
        f"SELECT ({check}), {is_taken}, held.*"  # noqa: S608
        f" FROM (SELECT) AS one LEFT JOIN ({held}) AS held ON true"
    )
