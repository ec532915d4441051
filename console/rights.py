"""Who may do what in the console: one table of rights and roles.

Admins decide nothing about people and posts, and read none: a person who needs both roles has two accounts.
"""

from typing import Final, Literal, get_args

Role = Literal["viewer", "moderator", "lead", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

PUBLIC = "public"  # what everybody may do, without being logged in

# The roles that have each right.
RIGHTS: Final[dict[str, frozenset[Role]]] = {
    "see": frozenset(ROLES),
    "read posts": frozenset(ROLES) - {"admin"},
    "see accounts": frozenset({"lead", "operator"}),
    "see suspects": frozenset({"moderator", "lead", "operator"}),
    "judge suspects": frozenset({"moderator", "lead"}),
    "correct topics": frozenset({"moderator", "lead"}),
    "operate": frozenset({"operator"}),
    "erase": frozenset({"operator"}),
    "manage members": frozenset({"admin"}),
    "read audit": frozenset({"moderator", "lead", "operator", "admin"}),
    "read all audit": frozenset({"lead", "operator", "admin"}),
}


def may(role: Role, right: str) -> bool:
    """Whether the role has the right.

    >>> may("viewer", "see"), may("admin", "operate")
    (True, False)
    """
    return role in RIGHTS[right]
