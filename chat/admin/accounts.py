"""People and groups: approval, roles, limits. Whoever may approve may look; only administrators change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chat.admin.base import BoundedPaginator, TabularInline
from chat.models import ChatSession, GroupLimits, StoredFile, User
from chat.selectors.workers import available_models
from chat.services.accounts import ROLES, approve_user, change_role, delete_account, require_deletable
from chat.services.accounts.administrators import require_another_administrator
from chat.services.errors import Conflict

if TYPE_CHECKING:
    BaseForm = UserChangeForm[User]
    BaseAdmin = UserAdmin[User]
    LimitsForm = forms.ModelForm[GroupLimits]
else:  # generic in the stubs only
    BaseForm = UserChangeForm
    BaseAdmin = UserAdmin
    LimitsForm = forms.ModelForm


class PersonForm(BaseForm):
    """The role instead of the flags and the group it stands for."""

    role = forms.ChoiceField(label=_("Role"), choices=[(role, _(role)) for role in ROLES])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = self.instance.role
        groups = self.fields.get("groups")  # absent where one may only look
        if isinstance(groups, forms.ModelMultipleChoiceField):
            groups.queryset = Group.objects.exclude(name__in=ROLES)

    def clean_role(self) -> str:
        """The last administrator stays one. Raises `ValidationError`."""
        role: str = self.cleaned_data["role"]
        if role != "administrator":
            try:
                require_another_administrator(self.instance)
            except Conflict as error:
                raise forms.ValidationError(error.message) from error
        return role


class PersonAdmin(BaseAdmin):
    """Accounts."""

    form = PersonForm
    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ("username",)
    list_display = ("username", "email", "role", "suspension", "suspended_until", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "suspension", "groups")
    actions = ("approve",)
    readonly_fields = (
        *("suspension", "suspension_reason", "suspension_case"),
        *("suspended_until", "suspended_at", "suspended_by"),
        *("last_login", "date_joined"),
    )
    fieldsets = (
        (None, {"fields": ("username", "password", "email", "role", "groups")}),
        (_("Suspension"), {"fields": readonly_fields[:6]}),
        (_("Dates"), {"fields": readonly_fields[6:]}),
    )

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Also for whoever approves or suspends people."""
        wanted = ("chat.approve_users", "chat.suspend_users", "chat.view_user")
        return any(request.user.has_perm(name) for name in wanted)

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """For the action."""
        return request.user.has_perm("chat.approve_users")

    @admin.action(description=_("Approve the chosen people"), permissions=["approve"])
    def approve(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Those who are pending become users."""
        approved = sum(approve_user(user=user, by=cast("User", request.user)) for user in people)
        self.message_user(request, _("Approved: %(count)s.") % {"count": approved})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """How much goes with people, but not what. Who must stay is named, with why."""
        staying = []
        for user in objs:
            try:
                require_deletable(user)
            except Conflict as error:
                staying.append(f"{user}: {error.message}")
        counts = {
            self.opts.verbose_name_plural: len(objs),
            ChatSession._meta.verbose_name_plural: ChatSession.objects.filter(owner__in=objs).count(),
            StoredFile._meta.verbose_name_plural: StoredFile.objects.filter(user__in=objs).count(),
        }
        return [str(user) for user in objs], counts, set(), staying

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """As people delete their own account."""
        delete_account(user=obj, by=cast("User", request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The same for many."""
        for user in queryset:
            try:
                self.delete_model(request, user)
            except Conflict as error:  # the others were the other administrators
                self.message_user(request, f"{user}: {error.message}", messages.ERROR)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        """The audit log has it, without the name."""
        return []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Of somebody who is there only what was changed: what others change meanwhile stays."""
        if change:
            obj.save(update_fields={"username", "email"} & set(form.changed_data))
        else:
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Groups first: the role's is not among those of the form."""
        super().save_related(request, form, formsets, change)
        if not change or "role" in form.changed_data:
            by = cast("User", request.user)
            change_role(user=form.instance, role=form.cleaned_data.get("role", "user"), by=by)


class GroupLimitsForm(LimitsForm):
    """The models by their names."""

    allowed_models = forms.MultipleChoiceField(
        label=_("Models"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: every model."),
    )

    class Meta:
        model = GroupLimits
        fields = ("allowed_models", "tokens_per_day", "max_running", "max_queued")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = {*available_models(), *(self.instance.allowed_models or [])}
        field = self.fields["allowed_models"]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [(slug, slug) for slug in sorted(slugs)]
        for name in ("max_running", "max_queued"):  # nothing would ever be answered
            self.fields[name].validators.append(MinValueValidator(1))


class GroupLimitsInline(TabularInline):
    """What its people may use."""

    model = GroupLimits
    form = GroupLimitsForm


class LimitedGroupAdmin(GroupAdmin):
    """Groups with permissions and limits. Those of roles keep their names and stay: accounts need them."""

    inlines = (GroupLimitsInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """The name of a role."""
        return ("name",) if obj is not None and obj.name in ROLES else ()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Roles must stay."""
        *found, staying = super().get_deleted_objects(objs, request)
        return *found, [*staying, *(group.name for group in objs if group.name in ROLES)]


admin.site.unregister(Group)
admin.site.register(Group, LimitedGroupAdmin)
admin.site.register(User, PersonAdmin)
