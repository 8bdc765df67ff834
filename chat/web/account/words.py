"""Sentences of allauth's pages, for translations that address people as the rest of Parley does.

A test finds each of them in allauth.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

SENTENCES = (
    _("You cannot remove your primary email address."),
    _("You cannot remove your primary email address (%(email)s)."),
    _("Please type your current password."),
    _("Your primary email address must be verified."),
    _("Username can not be used. Please use other username."),
    _("You must type the same password each time."),
    _("Please Confirm Your Email Address"),
    _("Verify Your Email Address"),
    _("Your password has been changed."),
    _("Your password is now changed."),
    _("In case you forgot, your username is %(username)s."),
    _("Your email address is still pending verification."),
    _("Are you sure you want to sign out?"),
    _("You have confirmed %(email)s."),
    _("You have signed out."),
    _(
        "Forgotten your password? Enter your email address below, and we'll send you an email "
        "allowing you to reset it."
    ),
    _("Please contact us if you have any trouble resetting your password."),
    _(
        "We have sent you an email. If you have not received it please check your spam folder. "
        "Otherwise contact us if you do not receive it in a few minutes."
    ),
    _("Already have an account? Then please %(link)ssign in%(end_link)s."),
    _("If you have not created an account yet, then please %(link)ssign up%(end_link)s first."),
    _("You are already logged in as %(user_display)s."),
    _("You are about to generate a new set of recovery codes for your account."),
    _("You are about to deactivate authenticator app based authentication. Are you sure?"),
    _("Do you really want to remove the selected email address?"),
    _("You are about to connect a new third-party account from %(provider)s."),
    _("You are about to sign in using a third-party account from %(provider)s."),
)
