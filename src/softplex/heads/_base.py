"""What heads have in common."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class SavedModule(Protocol):
    """A module that can be built again from its arguments, and filled with its parameters."""

    def arguments(self) -> dict[str, Any]:
        """Give the arguments that make a module of this form."""
