"""What every page of the console has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    BasePaginator = Paginator[Any]
else:  # generic in the stubs only
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    BasePaginator = Paginator

MOST_COUNTED = 10_000
NEWEST = 1000


class BoundedPaginator(BasePaginator):
    """Counts up to `MOST_COUNTED` rows and leads no further: nobody waits until millions are numbered."""

    @cached_property
    def count(self) -> int:
        """As far as it is counted."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class NewestValuesFilter(admin.AllValuesFieldListFilter):
    """A choice of what stands in the newest rows: a large table is not read for all there is."""

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        order: Sequence[str] = model_admin.ordering
        newest = model._default_manager.order_by(*order).values_list(field.name, flat=True)[:NEWEST]
        self.lookup_choices: Any = sorted(set(newest))


class ReadOnlyAdmin(ModelAdmin):
    """Rows to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Services add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Services change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Services delete."""
        return False


class LargeTableAdmin(ReadOnlyAdmin):
    """Rows of a table that grows without end: in one order, along an index, and not all counted."""

    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ()
