"""Plan-editing environments."""
