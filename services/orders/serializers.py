"""Request bodies of the Order API, read strictly; and the shapes of its answers, for the OpenAPI file."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from services.chassis import contract
from services.chassis.drf.fields import Lines, Matching, OneOf, StrictSerializer, StrictText
from services.chassis.drf.openapi import Envelope, Moment, Money


class ShipTo(StrictSerializer):
    """Where an order goes."""

    name = StrictText(limit=contract.SHIP_TO_MAX["name"], trim=True)
    street = StrictText(limit=contract.SHIP_TO_MAX["street"], trim=True)
    city = StrictText(limit=contract.SHIP_TO_MAX["city"], trim=True)
    postcode = StrictText(limit=contract.SHIP_TO_MAX["postcode"], trim=True)
    country = StrictText(limit=contract.SHIP_TO_MAX["country"], trim=True)


class OrderRequest(StrictSerializer):
    """What is wanted, and where."""

    lines = Lines()
    ship_to = ShipTo()


class StatusRequest(StrictSerializer):
    """The status that an order is to have."""

    status = OneOf(choices=contract.STATUSES)


class SettlementRequest(StrictSerializer):
    """Whose order is asked about."""

    customer = StrictText(limit=contract.CUSTOMER_MAX)


class OrderLineSerializer(serializers.Serializer[Any]):
    sku = Matching(pattern=contract.SKU)
    name = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1)
    unit_price = Money()
    total = Money()


class StatusChangeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=contract.STATUSES)
    at = Moment()


class OrderSerializer(serializers.Serializer[Any]):
    number = Matching(pattern=contract.ORDER_NUMBER)
    status = serializers.ChoiceField(choices=contract.STATUSES)
    placed_at = Moment()
    customer = serializers.CharField()
    ship_to = ShipTo()
    lines = OrderLineSerializer(many=True)
    total = Money()
    history = StatusChangeSerializer(many=True)


class OrderPageSerializer(Envelope):
    results = OrderSerializer(many=True)


class SettlementSerializer(serializers.Serializer[Any]):
    order = Matching(pattern=contract.ORDER_NUMBER)
    outcome = serializers.ChoiceField(choices=("confirm", "release", "wait"))
