"""`python -m neptune_frames` is `neptune-frames`."""

import sys

from neptune_frames.cli import main

if __name__ == "__main__":
    sys.exit(main())
