"""Signing up by every mode, the second factor, and what an unconfirmed address means."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from chat.cache import DisposableCache
from chat.models import AccountInvitation, Appeal, Decision, User
from chat.services.accounts import approve_user, create_user, invite_people, suspend_user
from chat.services.errors import Forbidden, NotLoggedIn
from chat.services.moderation import appeals
from chat.services.moderation.appeals import decide_appeal
from chat.services.moderation.cases import Verdict, decide_case
from chat.services.moderation.keeping_out import keep_out
from chat.services.tokens import log_in
from chat.web.account.adapter import AccountAdapter
from chatproject import env
from tests.support.factories import make_case, make_message, make_session, make_user

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
SIGNUP = "/accounts/signup/"
NEW = {
    "username": "ann",
    "email": "ann@example.org",
    "password1": "long-and-new-1",
    "password2": "long-and-new-1",
}


def sign_up(client: Client, **fields: str) -> Any:
    return client.post(SIGNUP, NEW | fields)


def enter(client: Client, password: str = "long-and-new-1") -> Any:
    return client.post(LOGIN, {"username": "ann", "password": password})


def test_closed_is_closed(client: Client) -> None:
    assert "Signing up is closed" in client.get(SIGNUP).content.decode()
    sign_up(client)
    assert not User.objects.exists()
    assert SIGNUP not in client.get(LOGIN).content.decode()


def test_open_lets_everybody_in(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE = "open"
    assert f'href="{SIGNUP}"' in client.get(LOGIN).content.decode()
    assert sign_up(client)["Location"] == "/"
    user = User.objects.get()
    assert (user.role, [group.name for group in user.groups.all()]) == ("user", ["user"])
    assert client.get("/batches/").status_code == 200


def test_approval_waits_for_somebody(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE = "approval"
    page = client.get(sign_up(client)["Location"]).content.decode()
    assert "it waits for an administrator" in page
    assert User.objects.get().role == "pending"
    assert "it waits for an administrator" in enter(client).content.decode()
    approve_user(user=User.objects.get(), by=None)
    assert enter(client)["Location"] == "/"


def test_an_invitation_counts_once(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE = "invite"
    sign_up(client)
    assert not User.objects.exists()
    token = invite_people(uses=1, note="friends")
    assert client.get(reverse("join", args=[token]))["Location"] == SIGNUP
    sign_up(client)
    assert User.objects.get().role == "user"
    assert AccountInvitation.objects.get().uses_left == 0
    other = Client()
    other.get(reverse("join", args=[token]))
    sign_up(other, username="bob", email="bob@example.org")
    assert User.objects.count() == 1


def test_an_address_is_confirmed_where_it_must_be(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE, settings.EMAIL_CONFIRMATION = "open", "required"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    assert "confirm-email" in sign_up(client)["Location"]
    assert client.get("/batches/").status_code == 302
    with pytest.raises(NotLoggedIn, match="Confirm your e-mail address"):
        log_in(username="ann", password="long-and-new-1")
    link = next(line for line in mail.outbox[0].body.splitlines() if "/confirm-email/" in line)
    client.post(link[link.index("/accounts/") :].strip())
    assert enter(client)["Location"] == "/"
    create_user(username="root", password="secret", role="administrator")
    browser = Client()
    assert browser.post(LOGIN, {"username": "root", "password": "secret"})["Location"] == "/"


def test_a_new_password_comes_by_mail_where_there_is_any(client: Client, settings: Any) -> None:
    make_user(username="ann", email="ann@example.org")
    form = "/accounts/password/reset/"
    assert "This server sends no mail" in client.get(form).content.decode()
    assert "This server sends no mail" in client.post(form, {"email": "ann@example.org"}).content.decode()
    assert mail.outbox == []
    settings.EMAIL_URL = "smtp://localhost"
    client.post(form, {"email": "ann@example.org"})
    link = next(line for line in mail.outbox[0].body.splitlines() if "/password/reset/key/" in line)
    page = client.get(link[link.index("/accounts/") :].strip())["Location"]
    client.post(page, {"password1": "long-and-new-1", "password2": "long-and-new-1"})
    assert enter(Client())["Location"] == "/"


def test_who_is_suspended_reads_it_by_any_way_in(client: Client) -> None:
    user = make_user(username="ann")
    suspend_user(user=user, reason="Spam")
    assert "Your account is suspended: Spam." in enter(client, "secret").content.decode()
    assert "suspended" not in enter(client, "wrong").content.decode()


class TestAppealOfASuspension:
    """Who is kept out cannot log in, and may ask for a second moderator all the same."""

    @pytest.fixture
    def ann(self) -> User:
        return make_user(username="ann")

    @pytest.fixture
    def _banned(self, ann: User) -> None:
        case = make_case(make_message(make_session(ann)))
        moderator = create_user(username="mo", password="secret", role="moderator")
        verdict = Verdict(decision=Decision.BAN, reason="Spam & more")
        decide_case(actor=moderator, case_id=case.id, version=case.version, verdict=verdict)

    @pytest.mark.usefixtures("_banned")
    def test_the_login_leads_to_that_notice_and_its_appeal_only(self, client: Client) -> None:
        assert "/accounts/appeal/" not in enter(client, "wrong").content.decode()
        link = appeal_link(enter(client, "secret"))
        page = client.get(link).content.decode()
        assert "Your account is closed" in page
        assert "<p>The reason: Spam &amp; more</p>" in page
        assert client.post(link, {"words": " "}).status_code == 400
        assert client.post(link, {"words": "It was not me."})["Location"] == link
        assert "You have appealed" in client.get(link).content.decode()
        appeal = Appeal.objects.get()
        assert (appeal.appellant, appeal.words) == (User.objects.get(username="ann"), "It was not me.")
        assert client.post(link, {"words": "Again."}).status_code == 400
        assert client.get("/notices/").status_code == 302

    @pytest.mark.usefixtures("_banned")
    def test_a_link_is_short_lived_and_cannot_be_made_up(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = appeal_link(enter(client, "secret"))
        assert client.get("/accounts/appeal/x:y:z/")["Location"] == LOGIN
        monkeypatch.setattr(appeals, "LINK_LASTS", timedelta(seconds=-1))
        assert client.get(link)["Location"] == LOGIN
        assert client.post(link, {"words": "It was not me."})["Location"] == LOGIN
        assert not Appeal.objects.exists()

    @pytest.mark.usefixtures("_banned")
    def test_another_way_in_leads_there_too(self, ann: User, rf: RequestFactory) -> None:
        request = rf.get(LOGIN)
        request.session = SessionStore()
        request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
        found = AccountAdapter(request).pre_login(request, User.objects.get(id=ann.id))
        assert found is not None
        assert found["Location"].startswith("/accounts/appeal/")

    def test_of_a_suspension_without_a_message_too(self, client: Client, ann: User) -> None:
        first, second = (
            create_user(username=name, password="secret", role="moderator") for name in ("mo", "cora")
        )
        keep_out(user=ann, reason="Unpaid", until=timezone.now() + timedelta(days=7), by=first)
        answer = enter(client, "secret")
        assert "Your account is suspended until" in answer.content.decode()
        assert "<p>The reason: Unpaid</p>" in client.get(appeal_link(answer)).content.decode()
        client.post(appeal_link(answer), {"words": "I have paid."})
        appeal = Appeal.objects.get()
        with pytest.raises(Forbidden, match="Another moderator"):
            decide_appeal(actor=first, appeal_id=appeal.id, version=1, overturn=True)
        decide_appeal(actor=second, appeal_id=appeal.id, version=1, overturn=True)
        assert enter(client, "secret")["Location"] == "/"


def appeal_link(page: Any) -> str:
    found = re.search(r'href="(/accounts/appeal/[^"]+)"', page.content.decode())
    assert found is not None
    return found[1]


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


class TestSecondFactor:
    def test_a_password_alone_is_not_enough(self, client: Client) -> None:
        user = make_user(username="ann")
        secret = generate_totp_secret()
        factor = TOTP.activate(user, secret)
        assert secret not in str(factor.instance.data)
        assert enter(client, "secret")["Location"].startswith("/accounts/2fa/authenticate/")
        assert client.get("/batches/").status_code == 302
        assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
        assert client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})["Location"] == "/"
        assert client.get("/batches/").status_code == 200

    def test_tokens_need_it_too_and_take_recovery_codes_once(self) -> None:
        user = make_user(username="ann")
        TOTP.activate(user, generate_totp_secret())
        codes = RecoveryCodes.activate(user)
        code = codes.generate_codes()[0]
        for given in ("", "000000"):
            with pytest.raises(NotLoggedIn) as caught:
                log_in(username="ann", password="secret", code=given)
            assert caught.value.field == "code"
        assert log_in(username="ann", password="secret", code=code)
        with pytest.raises(NotLoggedIn):
            log_in(username="ann", password="secret", code=code)


@pytest.mark.services
def test_failed_logins_are_throttled_by_name_whatever_the_process() -> None:
    name = f"user-{uuid4()}"
    make_user(username=name)
    browser = Client()
    for password in [*["wrong"] * 10, "secret"]:
        page = browser.post(LOGIN, {"username": name, "password": password})
    assert "Too many failed login attempts" in page.content.decode()
    other = make_user()
    assert browser.post(LOGIN, {"username": other.username, "password": "secret"})["Location"] == "/"


@pytest.mark.services
def test_the_cache_forgets_when_redis_is_away_and_remembers_when_it_is_back(settings: Any) -> None:
    key = f"key-{uuid4()}"
    here = DisposableCache(settings.REDIS_URL, {})
    away = DisposableCache("unix:///nowhere/redis.sock", {})
    assert (here.add(key, 1, 60), here.add(key, 1, 60), here.get(key)) == (True, False, 1)
    try:
        assert (away.add(key, 1), away.add(key, 1), away.get(key, 2), away.delete(key)) == (
            True,
            True,
            2,
            False,
        )
    finally:
        DisposableCache._blind_until = 0.0
    assert (here.delete(key), here.get(key)) == (True, None)


def test_the_console_has_the_same_door(client: Client) -> None:
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/")["Location"] == f"{LOGIN}?next=%2Fadmin%2F"


PAGES = (
    *("login/", "signup/", "password/reset/", "password/change/", "email/", "2fa/", "2fa/totp/activate/"),
    *("2fa/webauthn/", "2fa/webauthn/add/", "3rdparty/", "sessions/", "inactive/"),
)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_code_or_lacks_our_look(path: str, settings: Any) -> None:
    settings.SIGNUP_MODE = "open"
    client = Client()
    if path not in ("login/", "signup/"):
        make_user(username="ann")
        enter(client, "secret")
        client.post("/accounts/reauthenticate/", {"password": "secret"})
    page = client.get(f"/accounts/{path}").content.decode()
    assert 'class="card"' in page, page
    for script in page.split("<script")[1:]:
        assert " src=" in script.partition(">")[0] or 'type="application/json"' in script.partition(">")[0]
    assert "style=" not in page
    assert "onclick" not in page


class TestOpenIDConnect:
    ASKED = {"client_id": "parley", "secret": "s", "name": "Example login"}

    def test_it_is_off_without_a_server_and_refuses_nonsense(self) -> None:
        assert env.openid_connect("", **self.ASKED) == []
        for server, client in (("example.org", "parley"), ("https://example.org", "")):
            with pytest.raises(env.BadEnvironment, match="OIDC_SERVER_URL"):
                env.openid_connect(server, **self.ASKED | {"client_id": client})

    def test_the_login_page_leads_there(self, client: Client, settings: Any) -> None:
        apps = env.openid_connect("https://example.org/", **self.ASKED)
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": apps}}
        page = client.get(LOGIN).content.decode()
        assert "Example login" in page
        assert 'action="/accounts/oidc/oidc/login/?process=login"' in page
        assert apps[0]["settings"]["server_url"] == "https://example.org"
