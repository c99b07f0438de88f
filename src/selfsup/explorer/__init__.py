"""The explorer: an interactive page of images, rows or words that needs no network."""

from selfsup.explorer.scene import Column, Plane, Scene, Space

__all__ = ["Column", "Plane", "Scene", "Space"]
