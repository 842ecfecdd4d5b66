"""``python -m belle_core``."""

from belle_core.cli import main

if __name__ == "__main__":
    main()
