"""What the methods of several views share: how views are drawn, one net that embeds them, and its code."""

from selfsup.methods.joint.base import Joint
from selfsup.methods.joint.heads import Prototypes, make_projector, on_views

__all__ = ["Joint", "Prototypes", "make_projector", "on_views"]
