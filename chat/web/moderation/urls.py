"""Routes below /moderation/."""

from __future__ import annotations

from django.urls import path

from chat.models import HoldKind
from chat.web.moderation import analytics, audit, live, people, private, queue, rules

urlpatterns = [
    path("", queue.queue, name="queue"),
    path("decide/", queue.decide_many, name="decide_cases"),
    path("cases/<uuid:case_id>/", queue.case, name="case"),
    path("cases/<uuid:case_id>/claim/", queue.claim, name="claim_case"),
    path("cases/<uuid:case_id>/decide/", queue.decide, name="decide_case"),
    path("cases/<uuid:case_id>/appeals/<uuid:appeal_id>/", queue.judge, name="judge_appeal"),
    path("appeals/", queue.appeals, name="appeals"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.invite, name="invite_people"),
    path("users/<uuid:user_id>/", people.person, name="person"),
    path("users/<uuid:user_id>/suspend/", people.suspend, name="suspend_person"),
    path("users/<uuid:user_id>/readmit/", people.readmit, name="readmit_person"),
    path("users/<uuid:user_id>/approve/", people.approve, name="approve_person"),
    path("rules/", rules.rules, name="rules"),
    path("rules/new/", rules.rule, name="new_rule"),
    path("rules/<uuid:rule_id>/", rules.rule, name="rule"),
    path("rules/<uuid:rule_id>/delete/", rules.delete, name="delete_rule"),
    path("rules/<uuid:rule_id>/groups/<int:group_id>/", rules.change_policy, name="change_policy"),
    path("audit/", audit.audit, name="audit"),
    path("analytics/", analytics.analytics, name="analytics"),
    path("analytics/<uuid:session_id>/", analytics.session_report, name="session_report"),
    path("live/", live.live, name="live"),
    path("live/now/", live.live_now, name="live_now"),
    path("live/banner/", live.change_banner, name="change_banner"),
    path("live/worker/", live.switch, {"kind": HoldKind.WORKER}, name="switch_worker"),
    path("live/queue/", live.switch, {"kind": HoldKind.QUEUE}, name="switch_queue"),
    path("live/<uuid:generation_id>/", live.reply, name="live_reply"),
    path("live/<uuid:generation_id>/kill/", live.kill, name="kill_reply"),
    path("conversations/<uuid:session_id>/", private.conversation, name="moderation_conversation"),
]
