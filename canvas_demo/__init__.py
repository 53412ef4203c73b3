"""Canvas Demo: one architecture, real and small enough to take apart."""
