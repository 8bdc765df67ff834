"""The end of an account: out first, then everything that was theirs."""

from __future__ import annotations

from django.db import transaction

from chat.models import ChatMessage, ChatSession, StoredFile, User
from chat.realtime.protocol.closing import Close
from chat.services.accounts.administrators import require_another_administrator
from chat.services.accounts.suspending import stop_work
from chat.services.attachments import forget_attachments
from chat.services.audit import record
from chat.services.files import forget_file
from chat.services.holds import require_user_not_held
from chat.services.logins import tell_login_changed
from chat.services.sessions import cancel_all, close_sockets
from chat.services.undoing import forget_deletions

ERASED = "(deleted)"


def require_deletable(user: User) -> None:
    """Raises `Conflict` for the last administrator, and for whoever is under a legal hold."""
    require_another_administrator(user)
    require_user_not_held(user)


def delete_account(*, user: User, by: User | None = None) -> None:
    """Delete somebody with their conversations, files, batch jobs, keys and logins.

    What they wrote in conversations of others is erased there. Raises what `require_deletable` does.
    The audit log keeps names, so it tells only of what somebody else did (`by`).
    Nothing is left halfway: a second call goes on where the first was interrupted.
    """
    with transaction.atomic():
        require_deletable(user)
        User.objects.filter(id=user.id).update(is_active=False)
        tell_login_changed(user.id)
    stop_work(user)
    for session_id in list(
        ChatSession.objects.filter(owner__visitor__panel__owner=user).values_list("id", flat=True)
    ):
        close_sockets(session_id=session_id, code=Close.NO_SUCH_SESSION)
    forget_deletions(user=user)
    for file in StoredFile.objects.filter(user=user):
        forget_file(file)
    for session_id in list(ChatSession.objects.filter(owner=user).values_list("id", flat=True)):
        with transaction.atomic():
            cancel_all(session_id=session_id)
            close_sockets(session_id=session_id, code=Close.NO_SUCH_SESSION)
            forget_attachments(session=session_id)
            ChatSession.objects.filter(id=session_id).delete()
    with transaction.atomic():
        # Before their messages and cases, as moderators do it.
        User.objects.select_for_update(no_key=True).filter(id=user.id).first()
        ChatMessage.objects.filter(author=user, role="user").update(
            content=ERASED, metadata={}, attachments=[]
        )
        gone = User(id=user.id)
        user.delete()
        if by is not None:
            record(actor=by, action="user.deleted", subject=gone)
