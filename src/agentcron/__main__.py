"""``python -m agentcron`` is the command ``agentcron``."""

from agentcron.cli import main

if __name__ == "__main__":
    main()
