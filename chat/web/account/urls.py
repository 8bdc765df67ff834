"""One's own account."""

from __future__ import annotations

from django.urls import path

from chat.web.account import views

urlpatterns = [
    path("", views.account, name="account"),
    path("keys/", views.create_key, name="create_key"),
    path("keys/<uuid:key_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("devices/<str:device_id>/end/", views.end_login, name="end_login"),
    path("export/", views.export, name="export_account"),
    path("delete/", views.delete, name="delete_account"),
]
