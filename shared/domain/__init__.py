"""What is stored: how to declare a resource, and the one that is declared."""

#: The module or package that declares the resources, unless `HOLDFAST_DOMAIN` names another.
DEFAULT = "holdfast.shared.domain.users"
