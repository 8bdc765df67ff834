"""Pages."""

from __future__ import annotations

from django.urls import include, path

from chat.web import batches, joining, notices, panels, preferences, pwa, search, share, sidebar, views
from chat.web.account.entrance import LogIn, ResetPassword, appeal_suspension, join
from chat.web.moderation.live import banner

urlpatterns = [
    path("", views.home, name="home"),
    path(
        "accounts/login/",
        LogIn.as_view(),
        name="login",
    ),
    path("accounts/logout/", views.LogOut.as_view(), name="logout"),
    path("accounts/join/<str:token>/", join, name="join"),
    path("accounts/appeal/<str:token>/", appeal_suspension, name="appeal_suspension"),
    path("accounts/password/reset/", ResetPassword.as_view(), name="reset_password"),
    path("accounts/", include("allauth.urls")),
    path("account/", include("chat.web.account.urls")),
    path("preferences/", preferences.change, name="preferences"),
    path("i18n/<str:language>.js", preferences.Catalogue.as_view(), name="catalogue"),
    path("search/", search.search, name="search"),
    path("manifest.webmanifest", pwa.manifest, name="manifest"),
    path("favicon.ico", pwa.favicon, name="favicon"),
    path("service-worker.js", pwa.service_worker, name="service_worker"),
    path("embed.js", panels.script, name="embed_script"),
    path("embed/<uuid:panel_id>/", panels.frame, name="panel"),
    path("embed/<uuid:panel_id>/visit/", panels.visit, name="panel_visit"),
    path("embed/<uuid:panel_id>/ticket/", panels.ticket, name="panel_ticket"),
    path("embed/<uuid:panel_id>/transcript/", panels.transcript, name="panel_transcript"),
    path("offline/", pwa.offline, name="offline"),
    path("import/", share.bring_in, name="import"),
    path("shared/<str:token>/", share.shared, name="shared"),
    path("chat/new/", views.new_session, name="new_session"),
    path("chat/list/", sidebar.sessions, name="session_list"),
    path("chat/<uuid:session_id>/meta/", sidebar.meta, name="session_meta"),
    path("chat/<uuid:session_id>/arrange/", sidebar.arrange, name="arrange_session"),
    path("chat/<uuid:session_id>/rename/", sidebar.rename, name="rename_session"),
    path("chat/<uuid:session_id>/tags/", sidebar.tag, name="tag_session"),
    path("chat/<uuid:session_id>/share/", share.share, name="share_session"),
    path("chat/<uuid:session_id>/share/revoke/", share.revoke, name="revoke_link"),
    path("chat/<uuid:session_id>/clear/", sidebar.clear, name="clear_session"),
    path("chat/<uuid:session_id>/delete/", sidebar.delete, name="delete_session"),
    path("chat/<uuid:session_id>/", views.session, name="session"),
    path("chat/<uuid:session_id>/transcript/", views.transcript, name="transcript"),
    path("chat/join/<str:token>/", joining.join, name="join_session"),
    path("banner/", banner, name="banner"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<uuid:notice_id>/appeal/", notices.appeal, name="appeal"),
    path("messages/<uuid:message_id>/report/", notices.report, name="report"),
    path("moderation/", include("chat.web.moderation.urls")),
    path("batches/", batches.batches, name="batches"),
    path("batches/table/<uuid:file_id>/", batches.table, name="batch_table"),
    path("batches/<uuid:job_id>/", batches.batch, name="batch"),
    path("batches/<uuid:job_id>/progress/", batches.batch_progress, name="batch_progress"),
    path("batches/<uuid:job_id>/cancel/", batches.cancel, name="cancel_batch"),
    path("batches/<uuid:job_id>/retry/", batches.retry, name="retry_batch"),
    path("batches/<uuid:job_id>/steer/", batches.steer, name="steer_batch"),
    path("batches/<uuid:job_id>/delete/", batches.delete, name="delete_batch"),
    path("batches/<uuid:job_id>/download/<str:kind>/", batches.download, name="download_batch"),
]
