"""Word lists, attributes, the direction of an attribute, and what reduces it."""
