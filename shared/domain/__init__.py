"""Domain: how to declare a resource, and the one that is declared by default."""

#: The module or package that declares the resources, unless `HOLDFAST_DOMAIN` names another.
DEFAULT = "holdfast.shared.domain.users"

#: The name of the claims on users' addresses. It is older than the rule that such a name has a dot.
ADDRESSES = "emails"
