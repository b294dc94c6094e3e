"""``python -m gateway`` and ``vatel-gateway`` are the same."""

from gateway.cli.main import main

if __name__ == "__main__":
    main()
