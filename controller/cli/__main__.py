"""``python -m controller.cli`` is the ``sparkgap`` command."""

from controller.cli import main

if __name__ == "__main__":
    main()
