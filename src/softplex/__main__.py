"""``python -m softplex`` is the command ``softplex``."""

from softplex.cli import main

main()
