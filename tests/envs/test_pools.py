"""Every shipped instance verified again, independently of the verifier where that is cheap."""

import gzip
import hashlib
import json
import shutil
from collections import defaultdict
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from trm_envs import pools
from trm_envs.building.__main__ import main
from trm_envs.building.build import build_pools, check_pools, compress, encode
from trm_envs.building.table import POOLS
from trm_envs.building.verify import verify_pools
from trm_envs.pools.source import SPLITS, fill_splits, split_of_key
from trm_envs.sudoku.generator import count_blanks, generate, is_minimal
from trm_envs.sudoku.hard import mean_guesses
from trm_envs.sudoku.pool import HardSudokuPool, SudokuPool
from trm_envs.sudoku.solver import beyond_singles, count_solutions, solve
from trm_envs.sudoku.symmetry import canonical, invariant
from trm_envs.sudoku.text import format_grids, read_puzzles

SUDOKU = {name: source for name, source in POOLS.items() if isinstance(source, SudokuPool)}
SMALL = [name for name, source in SUDOKU.items() if source.size == 4]
LARGE = [name for name, source in SUDOKU.items() if source.size > 4]
FILES = [(name, split) for name in SUDOKU for split in SPLITS]


@pytest.fixture
def copied_pools(tmp_path, monkeypatch):
    """A writable copy of the manifest and of one pool's files."""
    shutil.copy(pools.ROOT / "manifest.json", tmp_path)
    (tmp_path / "data").mkdir()
    for split in SPLITS:
        shutil.copy(pools.ROOT / "data" / f"sudoku-4x4-minimal.{split}.txt.gz", tmp_path / "data")
    monkeypatch.setattr(pools, "ROOT", tmp_path)
    pools.load.cache_clear()
    pools.manifest.cache_clear()
    yield tmp_path
    pools.load.cache_clear()
    pools.manifest.cache_clear()


def puzzles_of(name, split):
    return read_puzzles(pools.load(name, split), SUDOKU[name].size)


def test_the_table_the_manifest_and_the_files_name_the_same_pools():
    assert list(pools.manifest()) == list(POOLS)
    recorded = {entry["file"] for pool in pools.manifest().values() for entry in pool["splits"].values()}
    assert recorded == {path.name for path in (pools.ROOT / "data").iterdir()}


def test_the_shipped_files_stay_small():
    assert sum(path.stat().st_size for path in (pools.ROOT / "data").iterdir()) < 5_800_000


@pytest.mark.parametrize(("name", "split"), FILES)
def test_every_puzzle_is_unique_and_in_range(name, split):
    source, entry = SUDOKU[name], pools.manifest()[name]["splits"][split]
    puzzles = puzzles_of(name, split)
    blanks = count_blanks(puzzles)
    assert len(puzzles) == entry["count"] == source.sizes[split]
    assert len(np.unique(puzzles, axis=0)) == len(puzzles)
    assert (count_solutions(puzzles) == 1).all()
    assert [blanks.min(), blanks.max()] == entry["blanks"]
    assert blanks.min() >= source.blanks[0] >= 1 and blanks.max() <= source.blanks[1]
    # A search for every given is slow: of the largest pool this takes a fifth, of both kinds; `verify` takes all.
    assert not source.minimal or is_minimal(puzzles[:: 5 if len(puzzles) > 20_000 else 1]).all()


@pytest.mark.parametrize(("name", "split"), FILES)
def test_the_recorded_hashes_are_those_of_file_and_text(name, split):
    entry = pools.manifest()[name]["splits"][split]
    data = (pools.ROOT / "data" / entry["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert hashlib.sha256(gzip.decompress(data)).hexdigest() == entry["text_sha256"]


@pytest.mark.parametrize("size", [4, 9, 16])
def test_no_two_splits_share_an_orbit_over_all_pools_of_a_size(size):
    # 4x4: the canonical puzzle. 9x9 and 16x16: different invariants prove that solved grids are not symmetric.
    keys = defaultdict(set)
    for name, split in FILES:
        if SUDOKU[name].size == size:
            puzzles = puzzles_of(name, split)
            found = canonical(puzzles) if size == 4 else invariant(solve(puzzles)[0])
            keys[split].update(key.tobytes() for key in found)
    assert set(keys) == set(SPLITS)
    for one, other in combinations(SPLITS, 2):
        assert not keys[one] & keys[other]


def test_9x9_test_grids_have_canonical_forms_outside_the_other_splits():
    forms = {}
    for split, count in (("test", 512), ("validation", 200), ("train", 200)):
        grids = np.concatenate([solve(puzzles_of(name, split)[:count])[0] for name in LARGE if SUDOKU[name].size == 9])
        forms[split] = {form.tobytes() for form in canonical(grids)}
    assert len(forms["test"]) == 5 * 512
    assert all(not forms[one] & forms[other] for one, other in combinations(forms, 2))


@pytest.mark.parametrize("name", SMALL)
def test_small_pools_are_rebuilt_from_their_seed(name):
    for split, lines in POOLS[name].generate().items():
        entry = pools.manifest()[name]["splits"][split]
        assert hashlib.sha256(encode(lines)).hexdigest() == entry["text_sha256"]
        # The text is the promise; the gzip bytes also depend on which zlib compresses them.
        assert gzip.decompress(compress(encode(lines))) == encode(lines)


@pytest.mark.parametrize("name", LARGE)
def test_large_pools_begin_as_their_seed_says(name):
    # A climb takes about 50 times as long as a random puzzle.
    train, held_out = (60, 10) if isinstance(SUDOKU[name], HardSudokuPool) else (400, 60)
    for split, lines in replace(SUDOKU[name], train=train, held_out=held_out).generate().items():
        assert len(lines) == (train if split == "train" else held_out)
        assert tuple(lines) == pools.load(name, split)[: len(lines)]


@pytest.mark.parametrize("name", SMALL)
def test_small_pools_go_round_all_their_orbits(name):
    source = SUDOKU[name]
    dealt = {split: set(source.keys(pools.load(name, split))) for split in SPLITS}
    everything = {form.tobytes() for form in source.orbits()}
    assert set.union(*dealt.values()) <= everything
    for split, orbits in dealt.items():
        third = len(everything) // 3
        assert min(third, pools.manifest()[name]["splits"][split]["count"]) <= len(orbits) <= third + 1
    if not source.minimal:
        counts = np.unique_counts(count_blanks(puzzles_of(name, "test"))).counts
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("split", SPLITS)
def test_hard_puzzles_are_beyond_singles_and_every_second_one_is_harder(split):
    puzzles, facts = puzzles_of("sudoku-9x9-hard", split), pools.manifest()["sudoku-9x9-hard"]["splits"][split]
    assert beyond_singles(puzzles).all() and facts["beyond_singles"] == len(puzzles)
    guesses = mean_guesses(puzzles[:512], 4, np.random.default_rng(0))
    assert guesses[1::2].mean() > 2 * guesses[0::2].mean()
    recorded = facts["mean_guesses"]
    assert guesses[0::2].mean() == pytest.approx(recorded["random"], rel=0.25)
    assert guesses[1::2].mean() == pytest.approx(recorded["climbed"], rel=0.25)


def test_the_verifier_names_puzzles_that_singles_solve():
    lines = list(pools.load("sudoku-9x9-hard", "test")[:4])
    minimal = pools.load("sudoku-9x9-minimal", "test")
    lines[2] = minimal[int(np.argmin(beyond_singles(read_puzzles(minimal, 9))))]
    assert SUDOKU["sudoku-9x9-hard"].problems(lines) == ["line 3: solved by singles"]


def test_4x4_orbits_are_all_found():
    assert {name: len(SUDOKU[name].orbits()) for name in SMALL} == {
        "sudoku-4x4-1-4": 290,
        "sudoku-4x4-6-8": 2_808,
        "sudoku-4x4-minimal": 35,
    }


def test_the_verifier_finds_no_problem_and_says_what_4x4_splits_share():
    problems, overlaps = verify_pools(POOLS[name] for name in SMALL)
    assert problems == []
    assert len(overlaps) == 6 and all("288 solved grids" in line for line in overlaps)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown pool 'sudoku'.*sudoku-9x9-49-56"):
        pools.load("sudoku", "test")
    with pytest.raises(ValueError, match=r"unknown split 'dev'.*train, validation, test"):
        pools.load("sudoku-9x9-49-56", "dev")


def test_a_changed_file_is_refused(copied_pools):
    path = copied_pools / "data" / "sudoku-4x4-minimal.test.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(compress(encode(lines[::-1])))
    with pytest.raises(ValueError, match=r"sha256.*build --pool sudoku-4x4-minimal"):
        pools.load("sudoku-4x4-minimal", "test")
    assert len(pools.load("sudoku-4x4-minimal", "train")) == 4_000


def tampered(copied_pools, split, change):
    """Change the lines of one split and record the new hash, as a careless editor would."""
    name = "sudoku-4x4-minimal"
    path = copied_pools / "data" / f"{name}.{split}.txt.gz"
    data = compress(encode(change(gzip.decompress(path.read_bytes()).decode().splitlines())))
    path.write_bytes(data)
    manifest = json.loads((copied_pools / "manifest.json").read_text())
    manifest[name]["splits"][split]["sha256"] = hashlib.sha256(data).hexdigest()
    (copied_pools / "manifest.json").write_text(json.dumps(manifest))
    pools.load.cache_clear()
    pools.manifest.cache_clear()
    return verify_pools([POOLS[name]])[0]


def test_the_verifier_names_broken_instances(copied_pools):
    def spoil(lines):
        digit = next(symbol for symbol in lines[0] if symbol != ".")
        solved = format_grids(solve(read_puzzles(lines[2:3], 4))[0])[0]
        return [lines[0].replace(digit, ".", 1), lines[1], solved[:15] + ".", lines[1], *lines[4:]]

    problems = "\n".join(tampered(copied_pools, "validation", spoil))
    assert "validation: line 1: not exactly one solution" in problems
    assert "line 3: blanks outside (11, 12)" in problems and "line 3: not minimal" in problems
    assert "1 lines repeat" in problems


def test_the_verifier_finds_orbits_shared_between_splits(copied_pools):
    stolen = pools.load("sudoku-4x4-minimal", "test")[0]
    assert tampered(copied_pools, "train", lambda lines: [stolen, *lines[1:]]) == [
        "sudoku-4x4: 1 orbits are in both train and test"
    ]


def test_the_verifier_finds_missing_lines(copied_pools):
    problems = tampered(copied_pools, "test", lambda lines: lines[1:])
    assert problems == ["sudoku-4x4-minimal.test: 511 lines, the manifest records 512"]


def test_a_rebuild_restores_a_deleted_pool_byte_for_byte(copied_pools):
    before = {path.name: path.read_bytes() for path in (copied_pools / "data").iterdir()}
    text = (copied_pools / "manifest.json").read_bytes()
    for path in (copied_pools / "data").iterdir():
        path.unlink()
    build_pools([POOLS["sudoku-4x4-minimal"]])
    after = {path.name: path.read_bytes() for path in (copied_pools / "data").iterdir()}
    assert {name: gzip.decompress(data) for name, data in after.items()} == {
        name: gzip.decompress(data) for name, data in before.items()
    }
    if after == before:
        assert (copied_pools / "manifest.json").read_bytes() == text


def test_check_reports_another_seed(copied_pools):
    assert check_pools([POOLS["sudoku-4x4-minimal"]])[0] == []
    differences, _ = check_pools([replace(SUDOKU["sudoku-4x4-minimal"], seed=1)])
    assert any("seed 4011" in line for line in differences)
    assert any("the shipped text is not the rebuilt one" in line for line in differences)


def test_the_command_line_exits_1_on_a_difference(copied_pools, capsys):
    arguments = ["build", "--pool", "sudoku-4x4-minimal", "--check"]
    assert main(arguments) == 0
    manifest = (copied_pools / "manifest.json").read_text().replace('"seed": 4011', '"seed": 1')
    (copied_pools / "manifest.json").write_text(manifest)
    pools.manifest.cache_clear()
    assert main(arguments) == 1
    assert "seed 1, not 4011" in capsys.readouterr().out
    assert main(["verify", "--pool", "sudoku-4x4-minimal"]) == 0


def test_splits_are_filled_by_hash_alone_and_without_repeats():
    batches = iter([range(0, 40), range(20, 400)])

    def draw():
        keys = list(next(batches))
        return [f"line {key}" for key in keys], keys

    splits = fill_splits({"train": 60, "validation": 10, "test": 10}, draw)
    assert [len(splits[split]) for split in SPLITS] == [60, 10, 10]
    for split, lines in splits.items():
        assert len(set(lines)) == len(lines)
        assert all(split_of_key(int(line.split()[1])) == split for line in lines)


def test_new_training_puzzles_can_be_kept_out_of_the_test_orbits():
    puzzles = generate(9, (20, 30), 2_000, np.random.default_rng(0))
    keys = invariant(solve(puzzles)[0]).tolist()
    shares = {split: sum(split_of_key(key) == split for key in keys) / 2_000 for split in SPLITS}
    assert abs(shares["test"] - 1 / 8) < 0.03 and abs(shares["validation"] - 1 / 8) < 0.03
    for name in LARGE:
        for split in SPLITS:
            assert {split_of_key(key) for key in SUDOKU[name].keys(pools.load(name, split)[:200])} == {split}
