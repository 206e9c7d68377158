"""The one reader of users' own puzzles: files, text and arrays of any problem that says how it is written.

`read` returns all puzzles of a source, checked. `batches` hands them over piece by piece, for files that are larger
than memory. What a file is, is told by its content first and then by its suffix. Text that can be read in two ways is
refused with both of them named.
"""

from trm_envs.reading.arrays import Batch, check_integers
from trm_envs.reading.notation import Grids, Notation
from trm_envs.reading.sources import FirstFlaw, OnlyValid, as_array, batches, from_memory, read

__all__ = [
    "Batch",
    "FirstFlaw",
    "Grids",
    "Notation",
    "OnlyValid",
    "as_array",
    "batches",
    "check_integers",
    "from_memory",
    "read",
]
