"""``python -m canvas_demo`` is the console script ``canvas-demo``."""

from canvas_demo.cli import main

main()
