"""Plan editing with real numbers: edits of a control plan, checked by a simulator and its cost; knows no system."""
