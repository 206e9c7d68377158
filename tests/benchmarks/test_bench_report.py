"""Reports, tables and published rows."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import bench_fakes
import pytest
from bench_fakes import HereLauncher, quiet
from row_helpers import result, speed_row

from baselines import METHODS
from benchmarks import cli
from benchmarks.protocol import published, records, sums
from benchmarks.protocol.folder import Folder
from benchmarks.protocol.rows import CurveRow, ResultRow, SpeedRow
from benchmarks.protocol.stats import t_interval, wilson_interval
from benchmarks.reporting import plots, readme, summary, tables
from benchmarks.reporting.report import write_report
from benchmarks.reporting.suite_page import without_variants
from benchmarks.running.runner import Runner, plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("runs") / "run")
    cells = plan(bench_fakes, ["sudoku-4x4-hard"], ["mine", "ppo"], [0, 1], 200)
    made.save_plan(cells, {"command": "python -m benchmarks run"})
    arguments = ["--contestants", "bench_fakes"]
    assert Runner(made, HereLauncher(), arguments, quiet()).run(cells, 1) == 0
    write_report(made)
    return made


def test_the_page_is_self_contained(folder):
    page = (folder.root / "report.html").read_text()
    # The SVG's namespaces are names, not resources; nothing else may point anywhere.
    page = re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert "http" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "<svg" in page


def test_the_page_has_every_row(folder):
    page = (folder.root / "report.html").read_text()
    for row in folder.results():
        line = rf'<td class="name">{row.algo}</td><td>{row.seed}</td><td>{row.solved}</td><td>{row.n}</td>'
        assert re.search(line, page), row.key
    assert all(f"<dt>{head}</dt>" in page for head in ("success", "95% interval", "model queries"))
    assert folder.results()[0].pool_sha256 in page


def test_csv_equals_jsonl(folder):
    assert records.read(folder.root / "rows.csv", ResultRow) == folder.results()
    assert records.read(folder.root / "curves.csv", CurveRow) == folder.curves()


def test_figures_are_files_of_their_own_and_reproducible(folder):
    svg, png = (folder.root / f"learning-curves-sudoku-4x4-hard.{kind}" for kind in ("svg", "png"))
    assert ET.fromstring(svg.read_text()).tag.endswith("svg")
    assert png.read_bytes().startswith(b"\x89PNG")
    before = svg.read_bytes()
    write_report(folder)
    assert svg.read_bytes() == before


def test_unfinished_cells_are_announced(folder, tmp_path):
    partial = Folder(tmp_path / "run")
    partial.save_plan(folder.plan(), {"command": "python -m benchmarks run"})
    for row in folder.results()[:-1]:
        records.append(partial.rows_file, row)
    assert "1 cell has not finished yet" in write_report(partial).read_text()


def test_summaries_are_t_over_seeds_or_wilson():
    rows = [result(seed, solved=s, success=s / 10) for seed, s in enumerate((4, 6, 8))]
    line, only = *summary.summarise(rows), *summary.summarise(rows[:1])
    assert line.success == t_interval([0.4, 0.6, 0.8]).within(0.0, 1.0)
    assert only.success == wilson_interval(4, 10)
    assert (line.seeds, line.n, line.wall_s) == (3, 10, 1.5)


def test_contestants_come_best_first_and_references_last():
    lines, trained = {"random": 1, "solver": 10}, {"stage0": 9, "a2c": 3, "ppo": 4}
    rows = [result(algo=algo, kind="line", solved=k) for algo, k in lines.items()]
    rows += [result(algo=algo, solved=k) for algo, k in trained.items()]
    assert [line.algo for line in summary.summarise(rows)] == ["ppo", "a2c", "random", "stage0", "solver"]


def test_of_contestants_that_solve_as_many_the_one_that_samples_better_comes_first():
    sampled = {"a2c": 0.9, "dqn": None, "ppo": 1.0}
    rows = [result(seed, algo=algo, success_sampled=rate) for algo, rate in sampled.items() for seed in range(2)]
    assert [line.algo for line in summary.summarise(rows)] == ["ppo", "a2c", "dqn"]


def test_compute_is_averaged_where_every_seed_was_counted():
    counted, uncounted = result(0, network_calls=4.0), result(1, network_calls=None)
    (line,) = summary.summarise([counted, result(1, network_calls=6.0)])
    assert (line.network_calls, line.inner_steps, line.checks) == (5.0, 29.0, 0.0)
    (line,) = summary.summarise([counted, uncounted])
    assert line.network_calls is None and line.inner_steps == 29.0
    assert "|  | 29.0 | 0.0 | nothing |" in tables.markdown_summaries([line])


def test_what_a_line_knows_is_that_of_its_row():
    rows = [result(algo=name) for name in ("trm_maskable_ppo@n_steps=8", "ppo", "mine", "upi_trm+search=9")]
    assert {line.algo: line.knows for line in summary.summarise(rows)} == {
        "trm_maskable_ppo@n_steps=8": "masks, groups, symbols",
        "ppo": "nothing",
        "mine": "",
        "upi_trm+search=9": "groups, symbols, model",
    }


def test_rows_of_different_pools_are_not_averaged():
    with pytest.raises(ValueError, match="seeds 0 and 1 were scored on different pools"):
        summary.summarise([result(0), result(1, pool_sha256="cd")])


def test_publishing_and_reading_back(folder, tmp_path, monkeypatch, capsys):
    files = published.publish(folder, "demo", tmp_path)
    assert [path.name for path in files] == ["demo.csv", "demo.curves.csv"]
    records.append(tmp_path / "speed.jsonl", speed_row())
    sums.seal(tmp_path, ["speed.jsonl"])
    assert published.published(ResultRow, tmp_path) == folder.results()
    assert len(published.published(SpeedRow, tmp_path)) == 1
    monkeypatch.setattr(published.published, "__defaults__", (tmp_path,))
    assert cli.main(["report", "--published", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fields = {"suite", "algo", "steps", "seeds", "n", "mean", "lo", "hi"}
    fields |= {"model_queries", "gradient_steps", "parameters", "wall_s", "network_calls", "inner_steps", "checks"}
    assert len(lines) == 4
    assert all(fields <= set(line) for line in lines)
    mine = next(line for line in lines if line["algo"] == "mine")
    assert (mine["seeds"], mine["n"], mine["steps"], mine["model_queries"]) == (2, 512, 200, 600)
    assert mine["lo"] <= mine["mean"] <= mine["hi"]


def test_half_a_run_is_not_published(folder, tmp_path):
    partial = Folder(tmp_path / "run")
    partial.save_plan(folder.plan(), {"command": ""})
    with pytest.raises(ValueError, match="cells have no result"):
        published.publish(partial, "demo", tmp_path)


def test_unknown_published_files_are_refused(tmp_path):
    (tmp_path / "odd.csv").write_text("schema,a\nresult/0,1\n")
    with pytest.raises(ValueError, match=r"odd\.csv has unknown schema 'result/0'"):
        published.published(ResultRow, tmp_path)


def test_readme_tables_are_made_from_published_rows(folder, tmp_path, monkeypatch, capsys):
    published.publish(folder, "demo", tmp_path)
    monkeypatch.setattr(readme.fill, "__defaults__", (tmp_path,))
    page = tmp_path / "README.md"
    page.write_text("# T\n<!-- table:sudoku-4x4-hard -->\nold\n<!-- /table -->\nbetween\n"
                    "<!-- table:sudoku-4x4-hard -->\n<!-- /table -->\nend\n")  # fmt: skip
    assert cli.main(["readme", "--check", "--file", str(page)]) == 1
    assert "-old" in capsys.readouterr().err
    assert cli.main(["readme", "--file", str(page)]) == 0
    text = page.read_text()
    assert text.count("| mine | ") == text.count("| *random* | ") == 2
    assert "old" not in text
    assert text.startswith("# T\n")
    assert "\nbetween\n" in text
    assert text.endswith("\nend\n")
    assert cli.main(["readme", "--check", "--file", str(page)]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table:sudoku-9x9 -->\n<!-- /table -->", "no published rows"),
        ("<!-- table:speed -->\n", "not closed"),
        ("<!-- table:overview -->\n<!-- /table -->", "no published rows"),
    ],
)
def test_bad_readme_blocks_are_named(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        readme.fill(text, tmp_path)


def test_compare_prints_the_paired_interval(folder, capsys):
    assert cli.main(["compare", str(folder.root), "mine", "ppo", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {(row.algo, row.seed): row.success for row in folder.results()}
    differences = [rows["mine", seed] - rows["ppo", seed] for seed in (0, 1)]
    assert found["difference"] == pytest.approx(sum(differences) / 2)
    assert found["over_seeds"]["lo"] == pytest.approx(t_interval(differences).lo)
    assert found["n"] == 512
    assert cli.main(["compare", str(folder.root), "mine", "random"]) == 0
    assert "over 2 seeds" in capsys.readouterr().out
    assert cli.main(["compare", str(folder.root), "mine", "dqn"]) == 2
    assert "no suite has results of both 'mine' and 'dqn'" in capsys.readouterr().err


def test_report_json_is_one_object_a_line(folder, capsys):
    assert cli.main(["report", str(folder.root), "--json"]) == 0
    captured = capsys.readouterr()
    assert [json.loads(line)["algo"] for line in captured.out.splitlines()] == ["mine", "ppo", "random", "singles"]
    assert captured.err == ""


def test_a_method_has_the_same_colour_in_every_figure():
    colours = [row.colour for row in METHODS.values()]
    assert len(set(colours)) == len(METHODS)
    assert not set(plots.OTHERS) & set(colours)


def curve(seed, *points):
    return [CurveRow("sudoku-9x9", "mine", seed, 800, steps, 128, success, 7.0, 0, 0, 1.0) for steps, success in points]


def test_how_long_learning_curves_stay_at_their_maximum():
    points = curve(0, (100, 0.5), (200, 1.0), (400, 0.75), (800, 1.0)) + curve(1, (100, 0.25), (160, 0.875), (800, 0.8))
    found = summary.lasting(reversed(points))
    assert found == summary.Lasting(128, (160, 200), (0.875, 1.0), 0.75, 1.0, 4.0)
    reached = (
        "The seeds of mine reach their best score (87.5% to 100.0% of 128 validation puzzles) within 160 to 200 steps"
    )
    later = "and score at least 75.0% to the end, at least 4.0 times as long."
    assert tables.lasting_line("mine", found) == f"{reached}, hold it at least 1.0 times as long, {later}"
    assert tables.lasting_line("mine", found._replace(held=4.0)) == (
        f"{reached} and hold it to the end of training, at least 4.0 times as long."
    )
    longer = curve(0, (100, 1.0), (400, 1.0), (600, 0.5), (800, 1.0)) + curve(1, (160, 0.9), (800, 0.9))
    assert summary.lasting(longer) == summary.Lasting(128, (100, 160), (0.9, 1.0), 0.5, 4.0, 5.0)
    assert summary.lasting([]) is None and summary.lasting(points + curve(2, (800, 1.0))) is None


def test_a_figure_says_how_many_seeds_each_of_its_curves_has():
    points = [p for seed in range(3) for p in curve(seed, (400, 0.5), (800, 1.0))]
    assert "3 seeds" in as_text(plots.learning_curves("sudoku-9x9", points, []))
    longer = [replace(p, steps=1_600) for p in points if p.seed < 2]
    assert "128 validation puzzles, 2 to 3 seeds" in as_text(plots.learning_curves("sudoku-9x9", points + longer, []))


def test_the_figure_of_a_page_leaves_variants_to_the_tables():
    plain = curve(0, (400, 0.5), (800, 1.0))
    varied = [replace(point, algo=f"{point.algo}@unroll=2") for point in plain]
    assert without_variants([*plain, *varied]) == plain
    assert without_variants(varied) == varied, "nothing else to draw"


def test_methods_that_solve_nothing_share_an_entry_of_the_legend():
    flat = curve(0, (400, 0.0), (800, 0.0))
    points = [replace(p, algo=algo, steps=steps) for p in flat for algo in ("a2c", "ppo") for steps in (800, 900)]
    points += [replace(p, algo="dqn") for p in flat] + curve(0, (400, 0.0), (800, 0.25))
    points += [replace(p, algo="ppo", steps=1_000, success=0.1) for p in flat]
    figure = plots.learning_curves("sudoku-9x9", points, [])
    labels = [text.get_text().replace("\n", " ") for text in figure.axes[0].get_legend().get_texts()]
    none = "nothing solved: a2c, dqn, ppo, 800 steps, ppo, 900 steps"
    assert labels == ["mine", "ppo, 1,000 steps", none]
    shades = {line.get_color() for line in figure.axes[0].lines if not any(line.get_ydata())}
    assert shades == {plots.GREY}


def as_text(figure):
    return figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("name", ["../x", "../../x", "/x", "a/b", "", ".x", "x.curves", "x y"])
def test_a_published_name_is_a_plain_name(folder, tmp_path, capsys, name):
    with pytest.raises(ValueError, match="a published name is letters"):
        published.publish(folder, name, tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    commands = ["report", str(folder.root)], ["tune", "--suite", "sudoku-4x4-hard", "--algos", "ppo", "--out", "x"]
    for words in commands:
        with pytest.raises(SystemExit):
            cli.main([*words, f"--publish={name}"])
        assert "a published name is letters" in capsys.readouterr().err
