"""Scheduling cells over worker processes: progress, failures, going on after an interruption."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import Timeout
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from baselines import Method
from baselines.agents import recursive_networks
from baselines.line import SYSTEMS
from benchmarks.protocol import records
from benchmarks.protocol.evaluation import Contestants
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.names import OF_POLICIES, Name, named
from benchmarks.protocol.rows import CellKey, FailureRow, ResultRow
from benchmarks.protocol.suites import Suite, suite
from benchmarks.running.cell import describe, drawn_from
from benchmarks.running.launcher import Launcher, Process, Work
from trm_agents.common.saving import sweep

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

SCORED = 500
"""What a cell without training of its own counts for in the overall progress, in environment steps."""
LOG_TAIL = 60
POLL_S = 0.2

Job = tuple[Cell, ...]
"""Cells that one process runs: those that score one model, or all seeds of a reference line."""


class Running(NamedTuple):
    """A started job."""

    process: Process
    log: Path
    task: TaskID | None
    """Its bar; None until it has begun."""


def plan(
    contestants: Contestants,
    suites: Sequence[str],
    algos: Sequence[str],
    seeds: Sequence[int],
    steps: int | None,
    stage0: bool = True,
) -> list[Cell]:
    """Every cell of a comparison: methods asked for, stage 0 and reference lines, where they can play the suite.

    Methods come in the order asked for, all seeds of one before the next.

    Args:
        contestants: methods and reference lines.
        suites: names in `SUITES`.
        algos: names in `METHODS`, variants (`upi_trm@unroll=2`) included; names in `LINES` are welcome, they are added
            anyway. A solver line (`hindsight_trm+attempts=127`) scores the model of its method.
        seeds: training seeds.
        steps: environment steps a cell; None for each suite's default.
        stage0: add the trained reference line where it is not asked for.

    Raises:
        ValueError: a name or a setting is unknown, suites are of puzzles and of systems, a method has no solvers or can
            play no suite, or steps is not positive.
    """
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    rows = [suite(name) for name in suites]
    if len({row.env_id.startswith(SYSTEMS) for row in rows}) > 1:
        raise ValueError("suites of puzzles and of systems have different rows: give each kind a run of its own")
    references = [row for row in contestants.METHODS.values() if row.role == "reference"] if stage0 else []
    added = [row.name for row in references if any(row.supports(one.env_id) for one in rows)]
    trained = dict.fromkeys(name for name in (*algos, *added) if name not in contestants.LINES)
    _check(contestants, trained, rows)
    cells = []
    for name, row in zip(suites, rows, strict=True):
        for line in (line for line in contestants.LINES.values() if line.supports(row.env_id)):
            drawn = sorted(seeds)[:1] if line.drawn_once else seeds
            cells += [Cell(name, line.name, seed, 0, "line") for seed in drawn]
        budget = row.steps if steps is None else steps
        playing = [algo for algo in trained if contestants.METHODS[named(algo).method].supports(row.env_id)]
        cells += [Cell(name, algo, seed, budget) for algo in playing for seed in seeds]
    return cells


def _check(contestants: Contestants, algos: Iterable[str], suites: Sequence[Suite]) -> None:
    """Raise what is wrong with a name before anything is run."""
    names = {algo: named(algo) for algo in algos}
    if unknown := [algo for algo, name in names.items() if name.method not in contestants.METHODS]:
        raise ValueError(
            f"unknown algorithms {unknown}; known ones: {', '.join(contestants.METHODS)}, with settings as in "
            "ROW@SETTING=VALUE and with a solver as in ROW+attempts=127, ROW+search=100 or ROW+views=8"
        )
    for algo, name in names.items():
        playing = [row for row in suites if contestants.METHODS[name.method].supports(row.env_id)]
        if not playing:
            raise ValueError(f"{algo} can play none of {', '.join(row.name for row in suites)}: leave it out")
        if not contestants.METHODS[name.method].has_solvers and name.solver not in (None, *OF_POLICIES):
            raise ValueError(f"{algo}: models of {name.method!r} have no solvers, ask for the policy alone")
        for row in playing if name.settings or name.solver in ("views", *OF_POLICIES) else ():
            model = _make(contestants.METHODS[name.method], row)
            if name.solver == "views":
                _check_views(contestants.METHODS[name.method], model, name, row.env_id)
            if name.solver == "cycles" and not recursive_networks(model):
                raise ValueError(f"{algo}: {name.method!r} has no recursive network: leave out +cycles")
            if name.solver == "starts" and not hasattr(model.policy, "starts"):
                raise ValueError(f"{algo}: only HindsightTRM's policies have starts: leave out +starts")


def _check_views(method: Method, model: Any, name: Name, env_id: str) -> None:
    """Raise ValueError where the puzzles have too few symmetries, or a network's views are all equal."""
    try:
        method.solver(model, model.policy.mdp, env_id, "views", name.budget)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _make(method: Method, row: Suite) -> BaseAlgorithm:
    """Make the untrained model of a variant: its constructors and the environment's refuse values out of range."""
    home = row if row.trained_on is None else suite(row.trained_on)
    try:
        return method.make(home.env_id, home.env_kwargs, None)
    except (AssertionError, TypeError, ValueError) as error:
        raise ValueError(f"{method.name} on {row.name}: {error}") from error


def jobs(cells: Iterable[Cell]) -> list[Job]:
    """Cells by process, in the order of each one's first cell."""
    found: dict[Cell, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell._replace(seed=0) if cell.kind == "line" else cell.trained, []).append(cell)
    return [tuple(group) for group in found.values()]


class Runner:
    """Runs the unfinished cells of a folder.

    Args:
        folder: the run's folder.
        launcher: where cells run.
        arguments: what every cell's command gets beside its name (contestants, points).
        console: where progress is shown.
        threads: of each cell.
    """

    def __init__(
        self, folder: Folder, launcher: Launcher, arguments: Sequence[str], console: Console, threads: int = 1
    ) -> None:
        self.folder = folder
        self.launcher = launcher
        self.arguments = list(arguments)
        self.console = console
        self.threads = threads
        self._asked_with = ""
        self._running: dict[Job, Running] = {}

    def run(self, cells: Sequence[Cell], workers: int | None = None, about: Mapping[str, Any] | None = None) -> int:
        """Run cells, `workers` jobs at a time, by default as many as the launcher takes; return how many failed.

        With `about` the cells are written to the folder's plan first, and what they were asked for with.

        On KeyboardInterrupt the processes under way are ended and the exception passes on; finished cells keep
        their rows and checkpoints stay, so the same call goes on later.

        Raises:
            ValueError: another process runs cells of this folder.
        """
        try:
            with self.folder.lock():
                # Not before the lock is held: the plan is the other run's.
                sweep(self.folder.root)
                for problem in self.folder.set_aside_damage():
                    self.console.print(f"[yellow]set aside:[/] {escape(problem)}", soft_wrap=True)
                if about is not None:
                    self.folder.save_plan(list(cells), dict(about))
                return self._run(cells, workers or self.launcher.workers)
        except Timeout:
            raise ValueError(
                f"another run is under way in {self.folder.root}: wait for it or end it, or name another folder"
            ) from None

    def _run(self, cells: Sequence[Cell], workers: int) -> int:
        self._asked_with = self.folder.about()["command"]
        done = {row.key for row in self.folder.results()}
        waiting = jobs(cell for cell in cells if cell.key not in done)
        failed = 0
        with self._progress() as progress:
            total = sum(map(_cost, waiting))
            overall = progress.add_task("[bold]all cells", total=total, visible=bool(waiting))
            try:
                while waiting or self._running:
                    while waiting and len(self._running) < workers:
                        self._start(waiting.pop(0))
                    time.sleep(POLL_S)
                    failed += self._poll(progress, overall, total, waiting)
            finally:
                # All are asked before one is waited for.
                for running in self._running.values():
                    running.process.stop()
                for running in self._running.values():
                    running.process.wait()
                self._running.clear()
        return failed

    def _start(self, job: Job) -> None:
        work = self._work(job)
        # A job has begun once its log is there.
        for name in (work.log, self._below(job[0].trained, "progress.txt")):
            (self.folder.root / name).unlink(missing_ok=True)
        self._running[job] = Running(self.launcher.start(work), self.folder.root / work.log, None)

    def _work(self, job: Job) -> Work:
        """What runs a job's cells."""
        first, (seeds, algos) = job[0], _named(job)
        words = ["--suite", first.suite, "--algos", algos, "--kind", first.kind, "--seeds", seeds]
        words += ["--steps", str(first.steps), "--threads", str(self.threads), *self.arguments]
        words += ["--asked-with", self._asked_with]
        return Work(
            words=("cell", *words),
            root=self.folder.root,
            log=self._below(first, "log.txt"),
            rows=self.folder.rows_file.name,
            keys=frozenset(cell.key for cell in job),
            needs=tuple(dict.fromkeys(self._below(one) for cell in job for one in drawn_from(cell))),
            threads=self.threads,
        )

    def _below(self, cell: Cell, name: str = "") -> str:
        """A file of a cell, relative to the run's folder."""
        return str((self.folder.of_cell(cell) / name).relative_to(self.folder.root))

    def _poll(self, progress: Progress, overall: TaskID, total: int, waiting: list[Job]) -> int:
        """Update the bars, take leave of ended processes, and return how many cells failed."""
        under_way, ended = 0, {}
        for job, running in list(self._running.items()):
            code = running.process.poll()
            if code is not None:
                ended[job] = code
                del self._running[job]
                if running.task is not None:
                    progress.remove_task(running.task)
            elif running.task is not None or running.log.exists():
                under_way += self._show(job, running, progress)
        left = sum(map(_cost, (*waiting, *self._running)))
        progress.update(overall, completed=total - left + under_way)
        # Rows are read once for all of them: it takes the longer, the more there are.
        rows = {row.key: row for row in self.folder.results()} if ended else {}
        return sum(self._ended(job, code, rows) for job, code in ended.items())

    def _show(self, job: Job, running: Running, progress: Progress) -> int:
        """Update the bar of a job under way; return the environment steps that it has made."""
        seeds, algos = _named(job)
        if running.task is None:
            task = progress.add_task(escape(f"{job[0].suite} {algos} seed {seeds}"), total=_cost(job))
            running = self._running[job] = running._replace(task=task)
        made = sum(self.folder.progress(cell) for cell in dict.fromkeys(cell.trained for cell in job))
        assert running.task is not None
        progress.update(running.task, completed=made)
        return made

    def _ended(self, job: Job, code: int, rows: Mapping[CellKey, ResultRow]) -> int:
        """Report a job's cells; those without a row have failed."""
        failed = [cell for cell in job if cell.key not in rows]
        for cell in job:
            if cell.key in rows:
                self.console.print(f"[green]done[/]   {escape(describe(rows[cell.key]))}", soft_wrap=True)
        for cell in failed:
            error = tail(self._log(job))
            records.append(self.folder.failures_file, FailureRow(*cell.key, exit_code=code, error=error))
            last = error.splitlines()[-1] if error else "no output"
            self.console.print(f"[bold red]FAILED[/] {escape(f'{cell}: exit code {code}: {last}')}", soft_wrap=True)
        return len(failed)

    def _log(self, job: Job) -> Path:
        return self.folder.of_cell(job[0]) / "log.txt"

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
        return Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=self.console)


def _named(job: Job) -> tuple[str, str]:
    """Seeds and algorithms of a job, as the command `cell` takes them."""
    return ",".join(dict.fromkeys(str(cell.seed) for cell in job)), ",".join(dict.fromkeys(cell.algo for cell in job))


def _cost(job: Job) -> int:
    """Environment steps of the model that its cells share; other cells are scored only."""
    first, *others = job
    return (first.steps or SCORED) + SCORED * len(others)


def tail(log: Path) -> str:
    """The end of a log: where a traceback is."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_TAIL:])
