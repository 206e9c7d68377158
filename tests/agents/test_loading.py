"""All algorithms: what `learn` is given, who loads whose file, and statistics of a loaded model."""

import pytest
from agent_helpers import assert_same_weights, hindsight_trm, sudoku, upi_trm, weights

from trm_agents import REINFORCE, TRC, UPITRM, HindsightTRM, Survival

CONTROL = "trm_envs:ControlPlanEdit-DoubleIntegrator-v0"
BOTH = pytest.mark.parametrize("make", [upi_trm, hindsight_trm])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"total_timesteps": "16"}, "total_timesteps must be a finite number of at least 0, got '16'"),
        ({"total_timesteps": float("nan")}, "total_timesteps must be a finite number of at least 0, got nan"),
        ({"total_timesteps": -1}, "total_timesteps must not be negative, got -1"),
        ({"total_timesteps": 8, "log_interval": 0}, "log_interval must be at least 1, got 0"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_begins(given, message):
    trc = TRC("TRCPolicy", CONTROL, batch_size=2, device="cpu")
    reinforce = REINFORCE("MlpPolicy", "CartPole-v1", n_episodes=1, device="cpu")
    for model in (upi_trm(), hindsight_trm(), trc, reinforce):
        with pytest.raises(ValueError, match=message):
            model.learn(**given)
        assert model.num_timesteps == 0 and model._last_obs is None


def test_a_file_is_loaded_by_the_algorithm_that_saved_it(tmp_path):
    models = [
        upi_trm(),
        upi_trm(target=Survival()),
        hindsight_trm(),
        TRC("TRCPolicy", CONTROL, batch_size=2, device="cpu"),
        REINFORCE("MlpPolicy", "CartPole-v1", n_episodes=1, device="cpu"),
    ]
    for number, model in enumerate(models):
        model.save(tmp_path / f"{number}.zip")
    for number, model in enumerate(models):
        for algorithm in (UPITRM, HindsightTRM, TRC, REINFORCE):
            if algorithm is type(model):
                assert_same_weights(weights(algorithm.load(tmp_path / f"{number}.zip", device="cpu")), weights(model))
                continue
            name = type(model.policy).__name__
            with pytest.raises(ValueError, match=f"{algorithm.__name__} has no {name}: choose among .* that saved it"):
                algorithm.load(tmp_path / f"{number}.zip", device="cpu")


@BOTH
def test_a_window_of_statistics_at_load_counts(make, tmp_path):
    make().learn(64).save(tmp_path / "model.zip")
    loaded = type(make()).load(tmp_path / "model.zip", sudoku(), "cpu", stats_window_size=2)
    assert loaded._stats_window_size == loaded.ep_info_buffer.maxlen == loaded.ep_success_buffer.maxlen == 2
    loaded.learn(64, reset_num_timesteps=False)
    assert len(loaded.ep_info_buffer) == 2
    with pytest.raises(ValueError, match="stats_window_size must be at least 1, got 0"):
        type(make()).load(tmp_path / "model.zip", sudoku(), "cpu", stats_window_size=0)
