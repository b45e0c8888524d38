"""`python -m gateway`: the same as the command `card-gateway`."""

from gateway.cli.main import main

main()
