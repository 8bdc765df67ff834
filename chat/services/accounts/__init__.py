"""Every write to accounts and their keys: made, given a role, suspended."""

from chat.services.accounts.keys import KEY_PREFIX, create_api_key, find_api_key, revoke_api_key
from chat.services.accounts.roles import ROLES, approve_user, install_roles, set_role
from chat.services.accounts.suspending import suspend_user, unsuspend_user
from chat.services.accounts.users import create_user, set_preferences

__all__ = [
    "KEY_PREFIX",
    "ROLES",
    "approve_user",
    "create_api_key",
    "create_user",
    "find_api_key",
    "install_roles",
    "revoke_api_key",
    "set_preferences",
    "set_role",
    "suspend_user",
    "unsuspend_user",
]
