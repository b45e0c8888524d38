"""`card-gateway`, in a process that writes what it counted of its routes after so many seconds.

python -m tests.e2e.counting SECONDS run --config gateway.yaml
"""

from __future__ import annotations

import sys

from gateway.cli import main
from gateway.drift import watch

if __name__ == "__main__":
    watch._FLUSH_SECONDS = float(sys.argv[1])
    del sys.argv[1]
    main.main()
