"""Every write to accounts and their keys: made, given a role, suspended."""

from chat.services.accounts.deleting import delete_account, require_deletable
from chat.services.accounts.devices import end_device
from chat.services.accounts.inviting import (
    find_account_invitation,
    invite_people,
    use_account_invitation,
)
from chat.services.accounts.keys import KEY_PREFIX, create_api_key, find_api_key, revoke_api_key
from chat.services.accounts.roles import (
    ROLES,
    approve_user,
    change_role,
    install_roles,
    remember_permissions,
    set_role,
)
from chat.services.accounts.suspending import resume_suspension, suspend_user, unsuspend_user
from chat.services.accounts.users import create_user, set_preferences

__all__ = [
    "KEY_PREFIX",
    "ROLES",
    "approve_user",
    "change_role",
    "create_api_key",
    "create_user",
    "delete_account",
    "end_device",
    "find_account_invitation",
    "find_api_key",
    "install_roles",
    "invite_people",
    "remember_permissions",
    "require_deletable",
    "resume_suspension",
    "revoke_api_key",
    "set_preferences",
    "set_role",
    "suspend_user",
    "unsuspend_user",
    "use_account_invitation",
]
