"""Request bodies of the Product API, read strictly; and the shapes of its answers, for the OpenAPI file."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from services.chassis import contract
from services.chassis.drf.fields import Lines, Matching, Price, StrictInteger, StrictSerializer, StrictText, refuse
from services.chassis.drf.openapi import Envelope, Moment, Money
from services.products.models import Category, ReservationState


@extend_schema_field({"type": "string", "pattern": r"^[^\x00]*$"})
class CategoryField(serializers.Field[Category, str, str, Any]):
    """A category by its slug."""

    default_error_messages: ClassVar[dict[str, Any]] = {"null": "", "required": ""}

    def to_internal_value(self, data: Any) -> Category:
        if not isinstance(data, str) or not contract.storable(data):
            refuse("invalid")
        category = Category.objects.filter(slug=data).first()
        if category is None:
            refuse("unknown_category")
        return category


class ProductChange(StrictSerializer):
    """The members of a product that can be changed."""

    name = StrictText(limit=contract.NAME_MAX)
    description = StrictText(limit=contract.DESCRIPTION_MAX, allow_blank=True, default="")
    category = CategoryField(allow_null=True, default=None)
    price = Price()
    stock = StrictInteger(min_value=0, max_value=contract.STOCK_MAX, default=0)


class ProductCreation(StrictSerializer):
    """A new product."""

    sku = Matching(pattern=contract.SKU)
    name = StrictText(limit=contract.NAME_MAX)
    description = StrictText(limit=contract.DESCRIPTION_MAX, allow_blank=True, default="")
    category = CategoryField(allow_null=True, default=None)
    price = Price()
    stock = StrictInteger(min_value=0, max_value=contract.STOCK_MAX, default=0)


class ReservationRequest(StrictSerializer):
    """Stock to be held for an order."""

    order = Matching(pattern=contract.ORDER_NUMBER)
    customer = StrictText(limit=contract.CUSTOMER_MAX)
    lines = Lines()


class CategorySerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class CategoryCountSerializer(CategorySerializer):
    products = serializers.IntegerField(min_value=1)


class CategoryListSerializer(serializers.Serializer[Any]):
    results = CategoryCountSerializer(many=True)


class ProductSerializer(serializers.Serializer[Any]):
    sku = Matching(pattern=contract.SKU)
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    category = CategorySerializer(allow_null=True)
    price = Money()
    stock = serializers.IntegerField(min_value=0)
    in_stock = serializers.BooleanField()
    created_at = Moment()
    updated_at = Moment()


class ProductPageSerializer(Envelope):
    results = ProductSerializer(many=True)


class ReservationLineSerializer(serializers.Serializer[Any]):
    sku = Matching(pattern=contract.SKU)
    name = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1)
    unit_price = Money()


class ReservationSerializer(serializers.Serializer[Any]):
    order = Matching(pattern=contract.ORDER_NUMBER)
    customer = serializers.CharField()
    state = serializers.ChoiceField(choices=ReservationState.values)
    expires_at = Moment()
    lines = ReservationLineSerializer(many=True)
