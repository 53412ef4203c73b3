"""Figures of this system, measured beside those of a peer."""
