"""Priors: kept in the strict format, made from a seed, used by training and by forecasts without any."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forecast import Config, Forecaster, finetuning, fitting
from forecast.config import ModelConfig, TrainConfig
from forecast.errors import CheckpointError, ConfigError, DataError
from forecast.finetuning import best_share
from forecast.judging import HeldOut
from forecast.planning import plan
from forecast.prediction import Ensemble, Scaled, quantiles_after
from forecast.pretraining import Curriculum, of_panel, pretrain, synthetic
from forecast.priors import Prior, Shape, bundled
from forecast.scaling import Scaling
from forecast.training import Clock
from tests.panels import daily, promoted, weekly_wave

SMALL = Shape("gru", 8, 1)
BUNDLED = Path(fitting.__file__).with_name("priors") / "lstm.safetensors"
QUICK = Config(model=ModelConfig(hidden=4, horizon=5, members=1), train=TrainConfig(max_steps=20))


@pytest.fixture(scope="module")
def small():
    """A prior of two small networks after three steps."""
    return pretrain(SMALL, Curriculum(steps=3, batch_size=8, networks=2))


def test_a_prior_comes_back_from_its_file_as_it_was(small, tmp_path):
    """The same weights, shape and card, under the digest that saving said."""
    saved = small.save(tmp_path / "p.safetensors")
    found = Prior.load(tmp_path / "p.safetensors")
    assert (found.shape, found.card, found.digest) == (small.shape, small.card, saved.digest)
    for mine, others in zip(small.weights, found.weights, strict=True):
        assert all(torch.equal(mine[name], others[name]) for name in mine)


def test_the_same_seed_makes_the_same_bytes(small, tmp_path):
    """Two trainings from one seed write one file; another seed writes another."""
    again = pretrain(SMALL, Curriculum(steps=3, batch_size=8, networks=2)).save(tmp_path / "a.safetensors")
    other = pretrain(SMALL, Curriculum(steps=3, batch_size=8, networks=2, seed=2)).save(tmp_path / "b.safetensors")
    assert again.digest == small.save(tmp_path / "c.safetensors").digest != other.digest


def test_pretraining_learns():
    """Straight lines go on as they were, where the continuations it begins with fall behind: the error halves."""
    panel = daily(*(slope * np.arange(200.0) for slope in (1.0, 2.0, -3.0)))
    own, errors = of_panel(panel, "standard", (1,), 5), []
    for steps in (1, 150):
        prior = pretrain(SMALL, Curriculum(steps=steps, batch_size=8, share=1.0, learning_rate=0.01), own=own)
        known = panel.drop_last(5)
        scaled = quantiles_after(Ensemble((), prior.networks(5, (1,)), 1.0), known.series, "standard", 5)
        medians = scaled.inverse(scaled.quantiles)[..., 6]
        errors.append(np.abs(medians - np.stack([s.values[-5:] for s in panel.series])).mean())
    assert errors[1] < errors[0] / 2


def test_a_panel_without_a_long_enough_series_teaches_nothing():
    """It is an error before any training."""
    with pytest.raises(DataError, match="long enough"):
        of_panel(daily([1.0]), "none", (1,), 5)


def test_synthetic_lessons_are_windows_of_some_family():
    """Each has the length that its seasons and horizon call for, and something to forecast."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        lesson = synthetic(rng, 4)
        network = Prior(SMALL, (), {}).shape.architecture(lesson.horizon, lesson.season_lengths)
        assert lesson.windows.shape == (4, network.context_length + lesson.horizon)
        assert torch.isfinite(lesson.windows[:, -lesson.horizon :]).all()


@pytest.mark.parametrize(
    "spoil",
    [
        {"kind": "forecaster"},
        {"prior": {"cell": "gru", "hidden": 8}},
        {"prior": {"cell": "rm -rf", "hidden": 8, "layers": 1}},
        {"prior": {"cell": "gru", "hidden": 10**9, "layers": 1}},
        {"prior": {"cell": "gru", "hidden": 9, "layers": 1}},
        {"networks": 0},
        {"networks": 10**6},
        {"card": []},
    ],
)
def test_a_file_that_describes_something_else_is_refused(small, tmp_path, spoil):
    """Whoever seals a file may write anything: it is one error, and nothing is built from it."""
    from forecast import checkpoint
    from forecast.priors.prior import tensors_of

    metadata = {"kind": "prior", "prior": vars(SMALL), "networks": 2, "card": {}, **spoil}
    (tmp_path / "p.safetensors").write_bytes(checkpoint.seal(metadata, tensors_of(small.weights)))
    with pytest.raises(CheckpointError):
        Prior.load(tmp_path / "p.safetensors")


def test_the_package_has_a_prior_for_its_default_cell():
    """It is small, of one file, and its card says how it was made; other cells have none."""
    prior = bundled(ModelConfig().cell)
    assert prior is not None
    assert prior.card["panel"] is False
    assert bundled("mgu") is None
    assert BUNDLED.stat().st_size < 4_000_000


@pytest.mark.prior
def test_the_bundled_prior_beats_naive_forecasts_of_what_it_has_never_seen():
    """A weekly wave under noise, none of it trained on: its error is below that of seasonal naive."""
    forecaster = Forecaster.of_prior(daily(*(weekly_wave(200, seed=seed) for seed in range(4))))
    scores = {score.name: score.metrics["mase"] for score in forecaster.evaluation.scores}
    assert scores["lstm"] < scores["seasonal naive"]


@pytest.mark.prior
def test_nothing_is_trained_for_a_forecast_by_the_prior_alone(tmp_path):
    """Its networks are those of the package, its intervals are calibrated, and it saves and loads like any other."""
    panel = daily(weekly_wave(150))
    forecaster = Forecaster.of_prior(panel, QUICK)
    assert forecaster.networks == ()
    assert forecaster.steps == 0
    assert any("nothing was trained" in note for note in forecaster.plan_notes)
    for mine, others in zip(forecaster.tuned.networks, bundled("lstm").weights, strict=True):
        assert all(torch.equal(tensor, others[name]) for name, tensor in mine.state_dict().items())
    forecaster.save(tmp_path / "m.safetensors")
    found = Forecaster.load(tmp_path / "m.safetensors")
    before, after = (f.predict(panel, 12).items[0].quantiles for f in (forecaster, found))
    assert np.array_equal(before, after)
    assert np.isfinite(before).all()


def test_a_prior_alone_comes_back_where_covariates_are_known(small, tmp_path):
    """Nothing was fitted to them, so that the file holds nothing for them: it forecasts as before."""
    small.save(tmp_path / "p.safetensors")
    panel = promoted(150)
    config = replace(QUICK, model=replace(QUICK.model, prior=str(tmp_path / "p.safetensors")))
    forecaster = Forecaster.of_prior(panel, config)
    forecaster.save(tmp_path / "m.safetensors")
    before, after = (
        f.predict(panel).items[0].quantiles for f in (forecaster, Forecaster.load(tmp_path / "m.safetensors"))
    )
    assert np.array_equal(before, after)


@pytest.mark.prior
def test_settings_without_a_prior_cannot_forecast_without_training():
    """A cell that none comes for, or none asked for, is an error that says what to do."""
    panel = daily(weekly_wave(150))
    for model in (replace(QUICK.model, cell="mgu"), replace(QUICK.model, prior="none")):
        with pytest.raises(ConfigError, match="no prior"):
            Forecaster.of_prior(panel, replace(QUICK, model=model))


@pytest.mark.prior
def test_training_adds_the_fine_tuned_prior_and_says_what_it_is_worth(tmp_path):
    """Prior, fine-tuned and from scratch stand beside the model; the file gives the same forecasts."""
    panel = daily(weekly_wave(150))
    forecaster = Forecaster.fit(panel, QUICK)
    assert [part.name for part in forecaster.evaluation.parts] == ["prior", "fine-tuned", "from scratch"]
    assert any(note.startswith("prior: ") for note in forecaster.plan_notes)
    assert 0 <= forecaster.tuned.share <= 1
    forecaster.save(tmp_path / "m.safetensors")
    found = Forecaster.load(tmp_path / "m.safetensors")
    assert found.evaluation.parts == forecaster.evaluation.parts
    assert np.array_equal(found.predict(panel).items[0].quantiles, forecaster.predict(panel).items[0].quantiles)


@pytest.mark.prior
def test_two_trainings_with_the_prior_write_the_same_bytes(tmp_path):
    """Fine-tuning comes from the seed too."""
    panel = daily(weekly_wave(80))
    brief = replace(QUICK, train=TrainConfig(max_steps=5))
    digests = {Forecaster.fit(panel, brief).save(tmp_path / f"{i}.safetensors").digest for i in range(2)}
    assert len(digests) == 1


@pytest.mark.prior
@pytest.mark.parametrize(
    "model", [{"prior": "none"}, {"cell": "gru"}, {"anchors": False}, {"head": "normal"}, {"decoder": "segment"}]
)
def test_what_somebody_asks_to_see_is_trained_from_nothing_alone(model):
    """No prior joins where there is none for it, or where it would hide what was asked for."""
    panel = daily(weekly_wave(100))
    forecaster = Forecaster.fit(panel, replace(QUICK, model=replace(QUICK.model, **model)))
    assert forecaster.tuned is None
    assert forecaster.evaluation.parts == ()


def test_a_prior_of_ones_own_is_named_by_its_file(small, tmp_path):
    """A file of another cell joins networks of the default one; a missing file is an error of the model file."""
    path = str(tmp_path / "own.safetensors")
    saved = small.save(path)
    panel = daily(weekly_wave(60))
    brief = replace(QUICK, train=TrainConfig(max_steps=2))
    forecaster = Forecaster.fit(panel, replace(brief, model=replace(QUICK.model, prior=path)))
    assert forecaster.tuned.digest == saved.digest
    assert len(forecaster.tuned.networks) == 2
    with pytest.raises(CheckpointError):
        Forecaster.fit(panel, replace(QUICK, model=replace(QUICK.model, prior=str(tmp_path / "no.safetensors"))))


@pytest.mark.prior
def test_covariates_enter_at_fine_tuning():
    """A promotion of five that the prior cannot know is in its forecasts once it is tuned."""
    panel = promoted(150)
    planned = plan(panel, QUICK)
    found = fitting.fit_networks(panel, planned, "cpu", Clock(None, None, None))
    ensemble = replace(found.ensemble, share=1.0)
    assert all(network.response is not None for network in ensemble.priors)
    assert ensemble.priors[0].response.weight.detach().abs().max() > 0


def test_the_better_of_two_forecasts_gets_the_weight():
    """One that is always right against one that is far off has all of it; two that are alike share."""
    levels = (0.1, 0.5, 0.9)
    actual = np.zeros((6, 4))
    scalings = tuple(Scaling(0.0, 1.0) for _ in range(6))

    def held(offset):
        return HeldOut([], actual, Scaled(np.zeros((6, 4, 3)) + offset, scalings), 6.0)

    def share(own, priors):
        return best_share([held(x) for x in own], [held(x) for x in priors], levels)

    assert share([5.0], [0.0]) == 1.0
    assert share([0.0], [5.0]) == 0.0
    assert share([1.0], [1.0]) == 0.5
    assert share([1.0], [-1.0]) == 0.5
    # Of two parts that disagree, the one where the difference is larger decides.
    assert share([1.0, 0.0], [0.0, 5.0]) == 0.0


def test_what_the_networks_keep_is_weighed_by_all_held_out_windows(monkeypatch):
    """The share that is judged knows the validation windows alone; the one that forecasts the test windows, too."""
    judged, judge = [], fitting.judge_numbers

    def remembered(plan, looks, kept, beside):
        judged.append((looks, kept, beside))
        return judge(plan, looks, kept, beside)

    monkeypatch.setattr(fitting, "best_share", lambda own, priors, levels: 0.25 * len(own))
    monkeypatch.setattr(fitting, "judge_numbers", remembered)
    panel = daily(weekly_wave(150))
    planned = plan(panel, replace(QUICK, model=replace(QUICK.model, prior=str(BUNDLED))))
    found = fitting.fit_networks(panel, planned, "cpu", Clock(None, None, None))
    assert (found.chosen.share, found.ensemble.share) == (0.25, 0.5)
    assert any("50 % of the weight" in told and "judged with 25 %" in told for told in found.began)
    ((looks, kept, beside),) = judged
    own, tuned = (beside[name].forecast.quantiles for name in ("from scratch", "fine-tuned"))
    np.testing.assert_allclose(looks.test.forecast.quantiles, 0.75 * own + 0.25 * tuned)
    np.testing.assert_allclose(kept.test.forecast.quantiles, 0.5 * own + 0.5 * tuned)


@pytest.mark.parametrize("head_is_better", [True, False])
def test_the_part_that_did_better_on_the_validation_windows_goes_on(monkeypatch, head_is_better):
    """All weights or the head alone; and what is trained again on every row is that part."""
    losses = {"head": 1.0 if head_is_better else 2.0, "all": 1.5}
    again = []
    whole, heads = finetuning._train, finetuning._train_heads

    def train_whole(*arguments):
        again.append("all")
        return [replace(fit, validation=losses["all"]) for fit in whole(*arguments)]

    def train_heads(*arguments):
        again.append("head")
        return [replace(fit, steps=3, validation=losses["head"]) for fit in heads(*arguments)]

    monkeypatch.setattr(finetuning, "_train", train_whole)
    monkeypatch.setattr(finetuning, "_train_heads", train_heads)
    panel = daily(weekly_wave(150))
    config = replace(QUICK, model=replace(QUICK.model, prior=str(BUNDLED)), train=TrainConfig(max_steps=5))
    found = fitting.fit_networks(panel, plan(panel, config), "cpu", Clock(None, None, None))
    assert again == ["head", "all", "head" if head_is_better else "all"]
    assert ("its head alone fine-tuned for 3 steps" in " ".join(found.began)) == head_is_better
