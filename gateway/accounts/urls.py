"""Where accounts are."""

from __future__ import annotations

from django.urls import URLPattern, path

from gateway.accounts import api, views

app_name = "accounts"

urlpatterns: list[URLPattern] = [
    path("register", views.register, name="register"),
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
    path("profile", views.profile, name="profile"),
    path("token", api.token, name="token"),
]
