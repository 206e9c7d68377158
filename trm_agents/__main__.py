"""`python -m trm_agents` is the command `trm`."""

import sys

from trm_agents.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
