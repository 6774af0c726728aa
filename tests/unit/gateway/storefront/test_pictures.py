from __future__ import annotations

from xml.etree import ElementTree

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from gateway.storefront import illustrations
from gateway.storefront.pictures import BACKDROPS, PALETTES, draw
from services.chassis import contract

SKUS = st.from_regex(contract.SKU, fullmatch=True)
SVG = "{http://www.w3.org/2000/svg}"


@given(sku=st.text(), category=st.text() | st.sampled_from(sorted(illustrations.BY_CATEGORY)))
def test_it_draws_valid_svg_for_anything(sku, category):
    root = ElementTree.fromstring(draw(sku=sku, category=category))
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == "0 0 400 400"


@given(sku=SKUS, category=st.sampled_from(sorted(illustrations.BY_CATEGORY)))
def test_it_draws_the_same_picture_for_the_same_product(sku, category):
    assert draw(sku=sku, category=category) == draw(sku=sku, category=category)


@given(sku=SKUS)
def test_a_picture_holds_nothing_that_runs_loads_or_needs_a_style(sku):
    for category in [*illustrations.BY_CATEGORY, ""]:
        picture = draw(sku=sku, category=category)
        assert "{" not in picture
        for element in ElementTree.fromstring(picture).iter():
            assert element.tag.removeprefix(SVG) in {"svg", "g", "path", "rect", "circle", "ellipse"}
            assert not [name for name in element.attrib if name.startswith("on") or "href" in name or name == "style"]


@given(marker=st.text(alphabet="<>&\"'", min_size=1))
def test_nothing_that_was_sent_is_in_the_picture(marker):
    assert draw(sku=f"A{marker}XYZZY", category=f"{marker}xyzzy").lower().count("xyzzy") == 0


def test_every_palette_and_backdrop_occurs_among_a_few_hundred_products():
    pictures = "".join(draw(sku=f"SKU-{number}", category="audio") for number in range(300))
    assert all(palette.ground in pictures for palette in PALETTES)
    assert all(backdrop.split("{")[0] in pictures for backdrop in BACKDROPS)


def test_every_category_has_a_picture_of_its_own():
    assert len(set(illustrations.BY_CATEGORY.values())) == len(illustrations.BY_CATEGORY) == 19


def test_a_picture_may_be_kept_for_ever(client: Client):
    response = client.get("/pictures/AUD-100.svg?c=audio")
    assert response.status_code == 200
    assert response["Content-Type"] == "image/svg+xml"
    assert "immutable" in response["Cache-Control"]
    assert "max-age=31536000" in response["Cache-Control"]
    assert "Cookie" not in response.get("Vary", "")


@pytest.mark.parametrize("sku", ["aud-100", "-A", "A" * 41, "A%00", "%FF", "A/B", "", "<b>"])
def test_there_is_no_picture_of_what_cannot_be_a_sku(client: Client, db, sku):
    assert client.get(f"/pictures/{sku}.svg").status_code == 404


def test_an_odd_category_gets_the_abstract_picture(client: Client):
    odd = client.get("/pictures/AUD-100.svg", {"c": "<script>\x00"})
    assert odd.content == client.get("/pictures/AUD-100.svg").content
