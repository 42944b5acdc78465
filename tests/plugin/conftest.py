"""What every test of this folder has."""

from support.hermetic import hermetic, project

__all__ = ["hermetic", "project"]
