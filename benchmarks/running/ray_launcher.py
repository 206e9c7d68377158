"""Works as tasks of a Ray cluster. Ray queues them, places them, and starts them anew where a node is lost.

No file system is shared. A task asks the store, an actor on the node of this process, for what its work may go on from,
and sends it what the work makes. The code travels as Ray's `working_dir`, or is there already; nodes have the same
Python and packages.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from benchmarks.protocol.provenance import COMMIT, NODE, ROOT, provenance
from benchmarks.running.launcher import STOP_S, UNBOUNDED, Work, spawn
from benchmarks.running.mirror import Mirror, Store, SupersededError
from benchmarks.running.scratch import scratch

RETRIES = 5
"""How often a work is started anew when its node or its worker process is lost."""
SYNC_S = 1.0
"""Seconds between two messages of a running work."""
AT_HOME = ("/.git", "/docs", "/tests", "/examples", "/benchmarks/published")
"""What of the project no work needs."""
NODE_DIGITS = 12
SUPERSEDED, ENGINE_FAILED = 3, 4
"""Exit codes of works that another start has replaced, and of those that Ray has given up."""


class RayProcess:
    """A task.

    Args:
        task: its reference.
        log: the work's, which takes what Ray says where the task could not be carried out.
    """

    def __init__(self, task: Any, log: Path) -> None:
        self._task, self._log = task, log
        self._result = task.future()

    def poll(self) -> int | None:
        """Its exit code, None while it waits or runs."""
        if not self._result.done():
            return None
        if (error := self._result.exception()) is None:
            return int(self._result.result())
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"{error}\n")
        return ENGINE_FAILED

    def stop(self) -> None:
        """Ask it to end, without waiting for it."""
        ray.cancel(self._task)

    def wait(self) -> None:
        """Wait until it has ended; by force, where it does not by itself."""
        if not ray.wait([self._task], timeout=STOP_S)[0]:
            ray.cancel(self._task, force=True)
            ray.wait([self._task], timeout=STOP_S)


class RayLauncher:
    """Runs works as tasks of a cluster.

    Args:
        root: the folder of all works.
        address: as `ray.init` takes it: `auto` for the cluster that this machine is part of, `HOST:PORT`, or `local`
            for one that is started here and ends with this launcher.
        send_code: let the code travel; otherwise nodes find `benchmarks` where they run, with its compiled kernels.

    Raises:
        ValueError: there is no such cluster.
    """

    workers = UNBOUNDED

    def __init__(self, root: Path, address: str = "auto", send_code: bool = True) -> None:
        root = root.resolve()
        try:
            ray.init(address=address, runtime_env=_code(root) if send_code else None, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ValueError(f"no Ray cluster at {address!r} ({error}); `ray start --head` starts one") from error
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        store: Any = ray.remote(Store)
        # What is asked of it may be asked twice: rows are not doubled, and files are replaced.
        again = {"max_restarts": RETRIES, "max_task_retries": RETRIES}
        self._store = store.options(num_cpus=0, scheduling_strategy=here, **again).remote(root)
        self._task: Any = ray.remote(perform)
        origin = provenance()
        self._told = {COMMIT: f"{origin.commit}{'-dirty' if origin.dirty else ''}"} if send_code else {}

    def start(self, work: Work) -> RayProcess:
        """Queue a work."""
        options = {"num_cpus": work.threads, "max_retries": RETRIES, "name": work.log}
        return RayProcess(self._task.options(**options).remote(work, self._store, self._told), work.root / work.log)

    def traffic(self) -> tuple[int, int]:
        """Bytes of rows and files that have travelled to works, and back."""
        sent, received = ray.get(self._store.traffic.remote())
        return int(sent), int(received)

    def close(self) -> None:
        """Leave the cluster; tasks that are left end with it."""
        ray.shutdown()


def _code(root: Path) -> dict[str, Any]:
    """Ray's environment of works: the project, without what they do not need and without the run's folder."""
    inside = [f"/{root.relative_to(ROOT)}"] if root.is_relative_to(ROOT) else []
    return {"working_dir": str(ROOT), "excludes": [*AT_HOME, *inside]}


def perform(work: Work, store: Any, told: Mapping[str, str]) -> int:
    """Run a work in a folder of this node; return its exit code.

    Args:
        work: what to run.
        store: handle of the actor that holds the run's folder.
        told: environment variables of the work.
    """
    holder = uuid4().hex

    def ask(method: Any, *arguments: Any) -> Any:
        # Not `ray.get`: a task that waits in it lends its processors to another one meanwhile.
        return method.remote(work, holder, *arguments).future().result()

    node = f"ray:{ray.get_runtime_context().get_node_id()[:NODE_DIGITS]}"
    with scratch() as folder:
        mirror = Mirror(folder, work, ask(store.open))
        process = spawn(work, mirror.root, {NODE: node, **told})
        try:
            return _attended(process, lambda ended: ask(store.take, mirror.changes(ended)))
        except SupersededError:
            return SUPERSEDED
        finally:
            process.terminate()
            process.wait()


def _attended(process: subprocess.Popen[bytes], send: Callable[[bool], None]) -> int:
    """Send what a process makes until it has ended; return its exit code."""
    while True:
        try:
            code = process.wait(SYNC_S)
        except subprocess.TimeoutExpired:
            send(False)
        else:
            send(True)
            return code
