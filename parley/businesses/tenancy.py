"""Tenants are kept apart by the database too.

Every row that belongs to a business carries `business_id`, and every reference between such rows goes through
`(business_id, id)`. PostgreSQL checks a simple foreign key without asking whose row it is, so a simple one would
let a row of one business refer to a row of another; the composite one cannot.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.sql.compiler import SQLCompiler
from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUIDv7: public, sorted by the time it was made, monotonic within a process."""
    return uuid7()


@models.UUIDField.register_lookup
class Among(models.Lookup):
    """`pk__among=ids`: like `in`, but one statement for any number of ids, asked for none too."""

    lookup_name = "among"

    def get_prep_lookup(self) -> list[uuid.UUID]:
        return list(self.rhs)

    def get_db_prep_lookup(self, value: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s::uuid[]", [value]

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """The statement's part and what it is given."""
        column, of_column = self.process_lhs(compiler, connection)
        ids, given = self.process_rhs(compiler, connection)
        return f"{column} = ANY({ids})", [*of_column, *given]


class TenantKey(models.BaseConstraint):
    """A composite foreign key `(business_id, <field>_id) -> <target>(business_id, id)`.

    Put it beside a `ForeignKey(..., db_constraint=False)` of the same name. It is checked at commit, so that rows
    which refer to each other can be written in any order.
    """

    def __init__(
        self, *, field: str, name: str, violation_error_message: str | None = None, **kw: Any
    ) -> None:
        self.field = field
        super().__init__(name=name, violation_error_message=violation_error_message, **kw)

    def _definition(self, model: type[models.Model], editor: BaseDatabaseSchemaEditor) -> str:
        relation = model._meta.get_field(self.field)
        if not isinstance(relation, models.ForeignKey):
            raise TypeError(f"{model.__name__}.{self.field} is no foreign key")
        target = model if relation.related_model == "self" else relation.related_model
        quote = editor.quote_name
        return (
            f"FOREIGN KEY ({quote('business_id')}, {quote(relation.column)}) "
            f"REFERENCES {quote(target._meta.db_table)} ({quote('business_id')}, {quote('id')}) "
            "DEFERRABLE INITIALLY DEFERRED"
        )

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        return f"CONSTRAINT {schema_editor.quote_name(self.name)} {self._definition(model, schema_editor)}"

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return f"ALTER TABLE {table} ADD {self.constraint_sql(model, schema_editor)}"

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return f"ALTER TABLE {table} DROP CONSTRAINT {schema_editor.quote_name(self.name)}"

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database judges at commit; there is nothing to ask beforehand."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TenantKey) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((self.name, self.field))

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs["field"] = self.field
        return path, args, kwargs


class BusinessOwned(models.Model):
    """A row of one business. Reach it through the member who asks: `member.business.clients.get(...)`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # No index of its own: every index of such a table begins with it.
    business = models.ForeignKey(
        "businesses.Business", on_delete=models.CASCADE, related_name="%(class)ss", db_index=False
    )

    class Meta:
        abstract = True


def tenant_target(name: str) -> models.UniqueConstraint:
    """What a `TenantKey` of another table points at."""
    return models.UniqueConstraint(fields=["business", "id"], name=name)
