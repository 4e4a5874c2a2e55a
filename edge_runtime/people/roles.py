"""Roles and what each may do. Data, so that the page shows no button that the server would refuse."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["operator", "foreman", "inspector", "data", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

#: what can be asked for; acts of the line bear the name of their kind (`edge_runtime.day.acts`)
Permission = Literal[
    "open_shift",
    "close_shift",
    "open_lot",
    "close_lot",
    "change_recipe",
    "cancel_changeover",
    "begin_challenge",
    "cancel_challenge",
    "stop_line",
    "acknowledge",
    "reports",
    "commission",
    "people",
    "yard_inspect",
    "yard_sign",
    "yard_export",
]

_OPERATOR: frozenset[Permission] = frozenset(
    {
        "open_shift",
        "close_shift",
        "open_lot",
        "close_lot",
        "begin_challenge",
        "cancel_challenge",
        "stop_line",
        "acknowledge",
        "reports",
    }
)
#: of the rail yard: type and correct, sign acts, hand corrected labels to the data team
_YARD: frozenset[Permission] = frozenset({"yard_inspect", "yard_sign", "yard_export"})
_FOREMAN: frozenset[Permission] = _OPERATOR | _YARD | {"change_recipe", "cancel_changeover", "commission"}
_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    "operator": _OPERATOR,
    "foreman": _FOREMAN,
    "inspector": _YARD | {"reports"},
    "data": frozenset({"reports", "yard_export"}),
    "admin": _FOREMAN | {"people"},
}


def permissions(role: Role) -> frozenset[Permission]:
    """All that a role may do."""
    return _PERMISSIONS[role]


def may(role: Role, permission: Permission) -> bool:
    """Whether a role may do this."""
    return permission in _PERMISSIONS[role]
