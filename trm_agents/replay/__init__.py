"""An episode of an agent as a terminal animation or a self-contained page."""
