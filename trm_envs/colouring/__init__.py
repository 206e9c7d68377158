"""Graph colouring as plan editing."""
