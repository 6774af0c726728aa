"""People with an account, and the counters that slow down guessing their passwords."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils import timezone
from uuid_utils.compat import uuid7


class UserManager(BaseUserManager["User"]):
    """Creates people, and finds them by e-mail address whatever its case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the person with the address; User.DoesNotExist when there is none."""
        # Spelled as the unique index is, so that the index answers.
        return self.get(Exact(Lower("email"), Lower(models.Value(username or ""))))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a customer; IntegrityError when the address is taken in any case."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create someone who may do everything."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})


class User(AbstractBaseUser, PermissionsMixin):
    """Someone with an account. `str(pk)` is the customer that orders and tokens name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The constraint below says more; Django's commands and checks go by this one.
    email = models.EmailField(
        "e-mail", unique=True, error_messages={"unique": "An account with this e-mail address exists already."}
    )
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField(
        "staff", default=False, help_text="May enter the operators' admin and act on everyone's orders and products."
    )
    is_active = models.BooleanField("active", default=True, help_text="Take this away instead of deleting an account.")
    date_joined = models.DateTimeField("joined", default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="An account with this e-mail address exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] or self.email


class LoginFailures(models.Model):
    """How often logging in has failed of late, for one address from one place."""

    key = models.CharField(max_length=64, primary_key=True)
    """A digest: neither addresses nor places are kept."""
    count = models.PositiveIntegerField()
    since = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["since"], name="login_failures_since")]

    def __str__(self) -> str:
        return f"{self.count} since {self.since:%H:%M}"
