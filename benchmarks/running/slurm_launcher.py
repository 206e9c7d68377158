"""Works as Slurm jobs, through submitit. Nodes share the run's folder; Slurm queues and places.

A job that is preempted or runs out of time is queued again by submitit, and its cell goes on from its checkpoint.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import submitit

from benchmarks.protocol.provenance import NODE
from benchmarks.running.launcher import STOP_S, UNBOUNDED, Work, spawn

FOLDER = "slurm"
"""Below the run's folder: submitit's scripts and logs."""
ENGINE_FAILED = 4
"""Exit code of a work whose job Slurm has ended."""


class SlurmProcess:
    """A job."""

    def __init__(self, job: Any, log: Path) -> None:
        self._job, self._log = job, log

    def poll(self) -> int | None:
        """Its exit code, None while it waits or runs."""
        if not self._job.done():
            return None
        if (error := self._job.exception()) is None:
            return int(self._job.result())
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"{error}\n")
        return ENGINE_FAILED

    def stop(self) -> None:
        """Ask it to end, without waiting for it."""
        self._job.cancel(check=False)

    def wait(self) -> None:
        """Nothing: a job that is cancelled is Slurm's to end."""


class SlurmLauncher:
    """Runs works as Slurm jobs.

    Args:
        root: the folder of all works.
        parameters: of submitit's executor; `cluster` names another of its executors, `local` for one.

    Raises:
        ValueError: there is no Slurm here, or it takes no such parameter.
    """

    workers = UNBOUNDED

    def __init__(self, root: Path, parameters: Mapping[str, int | str]) -> None:
        asked = {"cluster": "slurm", **parameters}
        self._folder = root.resolve() / FOLDER
        try:
            # Without a name, submitit would quietly run everything on this machine where there is no Slurm.
            self._executor = submitit.AutoExecutor(self._folder, cluster=str(asked.pop("cluster")))
            self._executor.update_parameters(name="benchmarks", **asked)
        except (RuntimeError, ValueError, TypeError, NameError) as error:
            self.close()
            # Nor does a run that is refused leave a folder that the next one would have to resume.
            with suppress(OSError):
                root.rmdir()
            raise ValueError(f"submitit refuses --slurm: {' '.join(str(error).split())}") from error

    def start(self, work: Work) -> SlurmProcess:
        """Queue a work."""
        work = work._replace(root=work.root.resolve())
        self._executor.update_parameters(cpus_per_task=work.threads)
        return SlurmProcess(self._executor.submit(Attempt(work)), work.root / work.log)

    def traffic(self) -> tuple[int, int]:
        """Nothing travels but what the shared file system carries."""
        return 0, 0

    def close(self) -> None:
        """Remove submitit's files: logs of works lie with the works."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Attempt:
    """A work that Slurm may start more than once."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self) -> int:
        """Run the work on this node; return its exit code."""
        # Which node it was, not what it is called.
        node = hashlib.sha256(platform.node().encode()).hexdigest()[:12]
        process = spawn(self.work, self.work.root, {NODE: f"slurm:{node}"})
        try:
            return process.wait()
        finally:
            process.terminate()
            process.wait(STOP_S)

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What submitit queues when the job is preempted: the same, which finds its checkpoints in the folder."""
        return submitit.helpers.DelayedSubmission(self)
