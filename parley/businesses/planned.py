"""Statements that every request asks: written once, planned once a connection, their rows read without the ORM.

The ORM puts a query's text together anew each time, and PostgreSQL plans it anew: eight times the processor time of a
statement whose plan is kept. So this is for the few that all pages and every send ask; all else stays with the ORM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
from django.db import connection, models

M = TypeVar("M", bound=models.Model)


class _Cursor(psycopg.Cursor[Any]):
    # Whether the plan that is kept serves all values, from the first time on.
    for_any_values = False

    def execute(self, query: Any, params: Any = None, **how: Any) -> _Cursor:
        try:
            self._execute(query, params)
        except psycopg.errors.FeatureNotSupported:
            # A migration has changed a column under a plan that was kept. The statement has not run.
            if self._conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                raise
            self._conn.execute("DEALLOCATE ALL")
            self._execute(query, params)
        # Kept for those who log what is asked; psycopg forgets the text of what it has prepared.
        self._query = self._query or SimpleNamespace(query=query.encode())  # type: ignore[assignment]
        return self

    def _execute(self, query: Any, params: Any) -> None:
        if not self.for_any_values:
            super().execute(query, params, prepare=True)
            return
        # All in one round trip and one transaction: if the statement fails, the setting is as before too.
        with self._conn.pipeline():
            self._conn.execute("SET plan_cache_mode = force_generic_plan")
            super().execute(query, params, prepare=True)
            self._conn.execute("RESET plan_cache_mode")


def rows(statement: str, given: Mapping[str, Any], *, for_any_values: bool = False) -> list[tuple[Any, ...]]:
    """What a statement returns. `given` are its parameters `%(name)s`, bound by PostgreSQL, so of one type each.

    `for_any_values`: one plan serves all values, from the first time on. Left to itself, PostgreSQL plans a search
    anew each time, which takes as long as finding: it expects more work of a plan for any values, which is wrong
    there. Not for many rows in arrays: a plan for any values takes them to be ten.
    """
    # Django's cursor looks after the connection, counts what is asked, and speaks Django's errors.
    with connection.cursor() as cursor:
        cursor.cursor = asking = _Cursor(connection.connection)
        asking.for_any_values = for_any_values
        cursor.execute(statement, given)
        return cursor.fetchall()


def row(statement: str, given: Mapping[str, Any], *, for_any_values: bool = False) -> tuple[Any, ...] | None:
    """The first row of what a statement returns."""
    found = rows(statement, given, for_any_values=for_any_values)
    return found[0] if found else None


def columns(model: type[models.Model], alias: str) -> str:
    """All columns of a table, for a statement whose rows become `built`."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


@cache
def _shape(model: type[models.Model]) -> tuple[list[str], list[tuple[int, Any]]]:
    fields = model._meta.concrete_fields
    converters = [
        (place, convert)
        for place, field in enumerate(fields)
        for convert in field.get_db_converters(connection)  # type: ignore[attr-defined]
    ]
    return [field.attname for field in fields], converters


def built(model: type[M], values: Sequence[Any]) -> M:
    """The object whose `columns` these are, as a query would have made it."""
    names, converters = _shape(model)
    if converters:
        values = list(values)
        for place, convert in converters:
            values[place] = convert(values[place], None, connection)
    return model.from_db(connection.alias, names, values)


def width(model: type[models.Model]) -> int:
    """How many columns `columns` names."""
    return len(model._meta.concrete_fields)


@cache
def inserted(model: type[models.Model]) -> tuple[str, tuple[str, ...]]:
    """The names of the columns that `values` gives, for an INSERT; and each one's placeholder."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    names = ", ".join(f'"{field.column}"' for field in fields)
    # Of the column's type, but not cut to its length as a cast to varchar(n) would.
    types = [(field.db_type(connection) or "").partition("(")[0] for field in fields]
    return names, tuple(
        f"%({model._meta.model_name}_{field.column})s::{type}"
        for field, type in zip(fields, types, strict=True)
    )


def values(made: models.Model) -> dict[str, Any]:
    """What an INSERT of this new row is given, as saving it would give it. Its table's defaults must be set in it."""
    given = {}
    for field in made._meta.concrete_fields:
        if not field.generated:
            value = field.get_db_prep_save(field.pre_save(made, add=True), connection)
            given[f"{made._meta.model_name}_{field.column}"] = (
                value.value if isinstance(value, Enum) else value
            )
    return given
