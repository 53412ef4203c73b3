"""The stack of processes: declared once, started natively, supervised."""
