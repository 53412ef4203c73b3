"""Break the running stack under load, on purpose and from a seed, and see from outside that nothing was lost."""
