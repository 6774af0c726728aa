"""What the services' REST APIs share on top of Django REST framework: access, bodies, fields, lists, OpenAPI."""
