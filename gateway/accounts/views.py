"""Pages for registering, logging in and out, and the profile."""

from __future__ import annotations

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from gateway.accounts import throttle
from gateway.accounts.forms import LoginForm, ProfileForm, RegisterForm
from gateway.accounts.login import WrongCredentials, prove
from gateway.accounts.models import User

_TAKEN = "There is an account with this address already. Log in instead."


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Open an account, and log in to it."""
    target = _target(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target, status=303)
    form = RegisterForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                user = User.objects.create_user(data["email"], data["password"], name=data["name"])
        except IntegrityError:
            form.add_error("email", _TAKEN)
        else:
            auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            messages.success(request, f"Welcome, {user.get_short_name()}.")
            return HttpResponseRedirect(target, status=303)
    return _page(request, "accounts/register.html", form)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Log in. The session gets a new key and keeps the cart."""
    target = _target(request)
    if request.method != "POST" and request.user.is_authenticated:
        return HttpResponseRedirect(target, status=303)
    form = LoginForm(request.POST if request.method == "POST" else None)
    status = 422
    if form.is_valid():
        try:
            user = prove(
                request, email=form.cleaned_data["email"], password=form.cleaned_data["password"], now=timezone.now()
            )
        except WrongCredentials:
            form.add_error(None, "The e-mail address or the password is wrong.")
        except throttle.TooManyFailures as too_many:
            form.add_error(None, str(too_many))
            status = 429
        else:
            auth.login(request, user)
            return HttpResponseRedirect(target, status=303)
    return _page(request, "accounts/login.html", form, invalid=status)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Log out, and forget the session."""
    auth.logout(request)
    return HttpResponseRedirect(reverse("storefront:catalogue"), status=303)


@never_cache
@login_required(login_url="accounts:login")
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show what is known about the customer, and let it be changed."""
    # A copy of its own: what does not validate must not show in the page's header.
    user = User.objects.get(pk=str(request.user.pk))
    form = ProfileForm(request.POST if request.method == "POST" else None, instance=user)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return HttpResponseRedirect(reverse("accounts:profile"), status=303)
    return _page(request, "accounts/profile.html", form)


def _page(request: HttpRequest, template: str, form: object, *, invalid: int = 422) -> HttpResponse:
    status = invalid if request.method == "POST" else 200
    context = {"form": form, "next": _asked_for(request)}
    return render(request, template, context, status=status)


def _target(request: HttpRequest) -> str:
    return _asked_for(request) or reverse("storefront:catalogue")


def _asked_for(request: HttpRequest) -> str:
    """Return where the person wanted to go; nothing when that is not a page of this shop."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else ""
