"""How the larger agents of the zoo were trained, as programs."""
