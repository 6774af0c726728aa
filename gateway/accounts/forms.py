"""What people fill in to register, to log in, and to change what is known about them."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.forms import AuthenticationForm

from gateway.accounts import throttle
from gateway.accounts.login import WrongCredentials, prove
from gateway.accounts.models import User


def _email_field() -> forms.EmailField:
    return forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter your e-mail address.", "invalid": "Enter an address like name@example.com."},
    )


def _password_field(autocomplete: str, **arguments: Any) -> forms.CharField:
    return forms.CharField(
        label="Password",
        strip=False,
        # Hashing takes longer the longer the password is.
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        error_messages={"required": "Enter a password."},
        **arguments,
    )


class LoginForm(forms.Form):
    """An address and a password; whether they fit is not the form's to say."""

    email = _email_field()
    password = _password_field("current-password")


class OperatorLoginForm(AuthenticationForm):  # type: ignore[misc]
    """The admin's own form, with the same brake."""

    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username")
        password = self.cleaned_data.get("password")
        if email and password:
            try:
                self.user_cache = prove(self.request, email=email, password=password, now=timezone.now())
            except WrongCredentials:
                raise self.get_invalid_login_error() from None
            except throttle.TooManyFailures as too_many:
                raise ValidationError(str(too_many), code="too_many") from None
            self.confirm_login_allowed(self.user_cache)
        cleaned: dict[str, Any] = self.cleaned_data
        return cleaned


class RegisterForm(forms.Form):
    """A new customer."""

    name = forms.CharField(
        label="Name",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )
    email = _email_field()
    password = _password_field("new-password", help_text="At least 8 characters, and not one that everybody uses.")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        try:
            User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            return email
        raise ValidationError("There is an account with this address already. Log in instead.", code="taken")

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if password := cleaned.get("password"):
            likeness = User(email=cleaned.get("email", ""), name=cleaned.get("name", ""))
            try:
                password_validation.validate_password(password, user=likeness)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What customers may change about themselves."""

    class Meta:
        model = User
        fields = ("name",)
        widgets: ClassVar[dict[str, forms.Widget]] = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
