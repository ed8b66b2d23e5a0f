# SPDX-License-Identifier: GPL-3.0-or-later
"""A training run in a process of its own, slow enough to be killed: FOLDER."""

from __future__ import annotations

import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

if __name__ == "__main__":
    from test_training_loop import sitting

    run = sitting(Path(sys.argv[1]))
    run.run(lambda: time.sleep(0.05) is not None)
