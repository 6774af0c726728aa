"""Categories and products."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from services.sync.keys import EPOCH, new_key, uuid7_sql
from services.sync.mapping.money import amount, amount_sql, cents, cents_sql
from services.sync.tables import Column, Table


class LegacyCategory(NamedTuple):
    id: int | None
    slug: str
    name: str


class Category(NamedTuple):
    id: UUID | None
    slug: str
    name: str


class LegacyProduct(NamedTuple):
    id: int | None
    code: str
    title: str
    descr: str
    price_cents: int
    qty: int
    active: bool
    category: str | None
    """Its slug."""
    created: datetime
    modified: datetime


class Product(NamedTuple):
    id: UUID | None
    sku: str
    name: str
    description: str
    price: Decimal
    stock: int
    category: str | None
    """Its slug."""
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def category_to_service(row: LegacyCategory) -> Category:
    """Return the service's category."""
    return Category(new_key(EPOCH, row.id), row.slug, row.name)


def category_to_monolith(row: Category) -> LegacyCategory:
    """Return the monolith's category, which draws a key of its own when it is new there."""
    return LegacyCategory(None, row.slug, row.name)


def product_to_service(row: LegacyProduct) -> Product:
    """Return the service's product. The monolith does not say when one was deleted: with its last change."""
    return Product(
        id=new_key(row.created, row.id),
        sku=row.code,
        name=row.title,
        description=row.descr,
        price=amount(row.price_cents),
        stock=row.qty,
        category=row.category,
        created_at=row.created,
        updated_at=row.modified,
        deleted_at=None if row.active else row.modified,
    )


def product_to_monolith(row: Product) -> LegacyProduct:
    """Return the monolith's product, which draws a key of its own when it is new there."""
    return LegacyProduct(
        id=None,
        code=row.sku,
        title=row.name,
        descr=row.description,
        price_cents=cents(row.price),
        qty=row.stock,
        active=row.deleted_at is None,
        category=row.category,
        created=row.created_at,
        modified=row.updated_at,
    )


CATEGORY_TO_SERVICE: Final = {"id": uuid7_sql("to_timestamp(0)", "id"), "slug": "slug", "name": "name"}
CATEGORY_TO_MONOLITH: Final = {"slug": "slug", "name": "name"}
PRODUCT_TO_SERVICE: Final = {
    "id": uuid7_sql("created", "id"),
    "sku": "code",
    "name": "title",
    "description": "descr",
    "price": amount_sql("price_cents"),
    "stock": "qty",
    "category": "category",
    "created_at": "created",
    "updated_at": "modified",
    "deleted_at": "CASE WHEN NOT active THEN modified END",
}
PRODUCT_TO_MONOLITH: Final = {
    "code": "sku",
    "title": "name",
    "descr": "description",
    "price_cents": cents_sql("price"),
    "qty": "stock",
    "active": "deleted_at IS NULL",
    "category": "category",
    "created": "created_at",
    "modified": "updated_at",
}

LEGACY_CATEGORIES: Final = Table(
    name="catalogue_category",
    columns=(Column("id", "bigint"), Column("slug", "text"), Column("name", "text")),
    key=("slug",),
    source_only=("id",),
)
CATEGORIES: Final = Table(
    name="products_category",
    columns=(Column("id", "uuid", own=True), Column("slug", "text"), Column("name", "text")),
    key=("slug",),
)
LEGACY_PRODUCTS: Final = Table(
    name="catalogue_product",
    columns=(
        Column("id", "bigint"),
        Column("code", "text"),
        Column("title", "text"),
        Column("descr", "text"),
        Column("price_cents", "integer"),
        Column("qty", "integer"),
        Column("active", "boolean"),
        Column("category", "text", column="category_id", refers_to="catalogue_category", its="slug"),
        Column("created", "timestamptz"),
        Column("modified", "timestamptz"),
    ),
    key=("code",),
    source_only=("id",),
)
PRODUCTS: Final = Table(
    name="products_product",
    columns=(
        Column("id", "uuid", own=True),
        Column("sku", "text"),
        Column("name", "text"),
        Column("description", "text"),
        Column("price", "numeric"),
        Column("stock", "integer"),
        Column("category", "text", column="category_id", refers_to="products_category", its="slug"),
        Column("created_at", "timestamptz"),
        Column("updated_at", "timestamptz"),
        Column("deleted_at", "timestamptz"),
    ),
    key=("sku",),
)
