"""How a lab, its tiles and its status page start a stack."""

import sys

UP = (sys.executable, "-m", "canvas_demo", "up", "--websocket-hosts", "2")
"""With two websocket hosts, as the lessons want it."""
