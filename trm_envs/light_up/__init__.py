"""Light Up (Akari) as plan editing."""
