"""``python -m workshop_utils`` is the same as the command ``workshop``."""

from workshop_utils.cli import main

if __name__ == "__main__":
    main()
