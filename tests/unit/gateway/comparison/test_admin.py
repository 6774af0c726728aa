from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.accounts.models import User
from gateway.comparison.models import Endpoint, Example, Field, IgnoreRule
from gateway.comparison.store import write

pytestmark = pytest.mark.django_db

LIST = "admin:comparison_endpoint_changelist"


@pytest.fixture
def operator(client: Client) -> User:
    user = User.objects.create_superuser("ops@example.com", "a long enough password")
    client.force_login(user)
    return user


def staff(client: Client, *permissions: str) -> None:
    user = User.objects.create_user("staff@example.com", "a long enough password", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)


def endpoint_url() -> str:
    return reverse("admin:comparison_endpoint_change", args=[Endpoint.objects.get().pk])


def test_an_empty_list_says_how_to_begin(client, operator):
    page = client.get(reverse(LIST))
    assert b"Nothing has been compared yet" in page.content
    assert reverse("admin:routing_toggle_changelist").encode() in page.content


def test_operators_go_from_endpoint_to_field_to_example(client, operator, make):
    write([make({"a<b": 1}, {"a<b": 2}), make({"x": 1}, {"x": 1})])
    listed = client.get(reverse(LIST)).content
    assert b"GET /products/{sku}" in listed and b"50.0 %" in listed
    endpoint = client.get(endpoint_url())
    field = Field.objects.get()
    assert reverse("admin:comparison_field_change", args=[field.pk]).encode() in endpoint.content
    shown = client.get(reverse("admin:comparison_field_change", args=[field.pk])).content
    assert b"GET /products/LAMP" in shown
    assert b"<mark>  &quot;a&lt;b&quot;: 2</mark>" in shown


def test_verdicts_come_from_the_sample_and_differences_come_first(client, operator, make):
    for number in range(8):
        write([make({"wrong": 1, "clock": 1}, {"wrong": 2, "clock": number + 5}, again={"wrong": 1, "clock": 2})])
    rows = client.get(endpoint_url()).context["rows"]
    assert [(row.field.path, row.judged.verdict) for row in rows] == [("wrong", "difference"), ("clock", "noise")]


def test_a_field_is_ignored_with_a_reason(client, operator, make):
    write([make({"results": [{"at": 1}]}, {"results": [{"at": 2}]})])
    page = client.get(reverse("admin:comparison_field_change", args=[Field.objects.get().pk]))
    form = client.get(page.context["ignore"])
    assert form.context["adminform"].form["pattern"].value() == "results[*].at"
    asked = {"capability": "products", "pattern": "results[*].at"}
    assert client.post(page.context["ignore"], {**asked, "reason": "  "}).status_code == 200
    assert not IgnoreRule.objects.exists()
    assert client.post(page.context["ignore"], {**asked, "reason": "clocks"}).status_code == 302
    rule = IgnoreRule.objects.get()
    assert (rule.pattern, rule.reason, rule.created_by, rule.active) == (
        "results[*].at",
        "clocks",
        "ops@example.com",
        True,
    )


@pytest.mark.parametrize("pattern", ["*", "results[0].at", "a b"])
def test_a_pattern_that_means_nothing_is_refused(client, operator, pattern):
    answer = client.post(
        reverse("admin:comparison_ignorerule_add"), {"capability": "", "pattern": pattern, "reason": "because"}
    )
    assert answer.status_code == 200 and not IgnoreRule.objects.exists()


def test_a_rule_is_switched_off_but_neither_changed_nor_deleted(client, operator):
    rule = IgnoreRule.objects.create(pattern="a", reason="r", created_by="x", created_at=timezone.now(), ignored=3)
    url = reverse("admin:comparison_ignorerule_change", args=[rule.pk])
    assert client.post(url, {"pattern": "b", "capability": "orders", "reason": "r2"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.pattern, rule.capability, rule.reason, rule.active, rule.ignored) == ("a", "", "r2", False, 3)
    assert (
        client.post(reverse("admin:comparison_ignorerule_delete", args=[rule.pk]), {"post": "yes"}).status_code == 403
    )


def test_the_database_wants_a_reason_too():
    with pytest.raises(IntegrityError):
        IgnoreRule.objects.create(pattern="a", reason=" ", created_by="sql", created_at=timezone.now())


def test_counts_begin_anew_with_a_reason_that_is_logged(client, operator, make):
    write([make({"a": 1}, {"a": 2}), make({"a": 1}, {"a": 2}, capability="orders", route="/orders")])
    url = reverse("admin:comparison_endpoint_reset", args=["products"])
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": ""}).status_code == 200
    assert Endpoint.objects.count() == 2
    assert client.post(url, {"reason": "stock is fixed"}).status_code == 302
    assert list(Endpoint.objects.values_list("capability", flat=True)) == ["orders"]
    assert (Field.objects.count(), Example.objects.count()) == (1, 1)
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message, entry.user) == (
        "products: counted anew",
        "stock is fixed",
        operator,
    )
    assert client.get(reverse("admin:index")).status_code == 200


def test_counts_are_not_edited(client, operator, make):
    write([make({"a": 1}, {"a": 2})])
    for model, row in (("endpoint", Endpoint.objects.get()), ("field", Field.objects.get())):
        assert client.get(reverse(f"admin:comparison_{model}_add")).status_code == 403
        delete = reverse(f"admin:comparison_{model}_delete", args=[row.pk])
        assert client.post(delete, {"post": "yes"}).status_code == 403
    client.post(endpoint_url(), {"different": 0})
    assert Endpoint.objects.get().different == 1


def test_staff_who_may_look_may_neither_reset_nor_ignore(client, make):
    write([make({"a": 1}, {"a": 2})])
    staff(client, "view_endpoint", "view_field")
    assert b"anew" not in client.get(reverse(LIST)).content
    field = client.get(reverse("admin:comparison_field_change", args=[Field.objects.get().pk]))
    assert field.status_code == 200 and b"Ignore this field" not in field.content
    url = reverse("admin:comparison_endpoint_reset", args=["products"])
    assert client.post(url, {"reason": "x"}).status_code == 403
    assert Endpoint.objects.count() == 1


def test_staff_without_the_permission_see_nothing(client, make):
    write([make({"a": 1}, {"a": 2})])
    staff(client)
    field = reverse("admin:comparison_field_change", args=[Field.objects.get().pk])
    assert [client.get(url).status_code for url in (reverse(LIST), endpoint_url(), field)] == [403] * 3


@pytest.mark.parametrize("name", ["endpoint", "field"])
def test_what_is_gone_is_not_found(client, operator, name):
    assert client.get(reverse(f"admin:comparison_{name}_change", args=[4711])).status_code == 404
    assert client.get(reverse("admin:comparison_endpoint_reset", args=["moon"])).status_code == 404
