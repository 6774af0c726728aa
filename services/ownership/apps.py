from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    name = "services.ownership"
    label = "ownership"
