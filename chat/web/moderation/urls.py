"""Routes below /moderation/."""

from __future__ import annotations

from django.urls import path

from chat.models import HoldKind
from chat.web.moderation import live, private

urlpatterns = [
    path("live/", live.live, name="live"),
    path("live/now/", live.live_now, name="live_now"),
    path("live/banner/", live.change_banner, name="change_banner"),
    path("live/worker/", live.switch, {"kind": HoldKind.WORKER}, name="switch_worker"),
    path("live/queue/", live.switch, {"kind": HoldKind.QUEUE}, name="switch_queue"),
    path("live/<uuid:generation_id>/", live.reply, name="live_reply"),
    path("live/<uuid:generation_id>/kill/", live.kill, name="kill_reply"),
    path("conversations/<uuid:session_id>/", private.conversation, name="moderation_conversation"),
]
