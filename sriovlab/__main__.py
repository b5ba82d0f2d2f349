"""`python -m sriovlab` is the command line."""

from .cli import main

main()
