"""What is stored: how to declare a resource, and the one that is declared."""

#: The module or package that declares the resources, unless `HOLDFAST_DOMAIN` names another.
DEFAULT = "holdfast.shared.domain.users"

#: The claims on addresses of users: their name is older than the rule that there is a dot in it.
ADDRESSES = "emails"
