from django.apps import AppConfig


class ProductsConfig(AppConfig):
    name = "services.products"
    label = "products"
