"""Every format that was ever written stays readable: files of their time are kept here and never made again."""

from pathlib import Path

import numpy as np
import pytest

from forecast.checkpoint import FORMAT
from forecast.forecaster import Forecaster, read_card
from forecast.reading import read_panel
from forecast.upgrades import UPGRADES

GOLDEN = Path(__file__).parent / "golden"
PRICES = Path(__file__).parent.parent / "sample_data" / "prices.csv"


def test_every_format_but_the_newest_has_an_upgrade():
    """One step each, without a gap."""
    assert sorted(UPGRADES) == list(range(1, FORMAT))


def test_a_file_of_format_1_forecasts_as_it_did():
    """The medians that the program of its time printed."""
    forecaster = Forecaster.load(GOLDEN / "format1.safetensors")
    forecast = forecaster.predict(read_panel(PRICES, known=forecaster.known), 5)
    medians = [63.866941503499476, 63.92022411665213, 63.988825543530275, 63.994691054989666, 64.01608812713949]
    np.testing.assert_allclose(forecast.quantile(0.5)[0], medians, rtol=1e-6)
    assert str(forecast.items[0].timestamps[-1])[:10] == "2024-01-08"


def test_a_file_of_format_2_forecasts_as_it_did():
    """Its one row of factors serves every lead, beyond the trained horizon too."""
    forecaster = Forecaster.load(GOLDEN / "format2.safetensors")
    forecast = forecaster.predict(read_panel(PRICES, known=forecaster.known), 8)
    for level, ends in {
        0.1: (63.12351097547069, 62.60360434039241, 62.4424077589028),
        0.5: (63.78450749106851, 64.00212567593562, 64.0582872564597),
        0.9: (64.45242557772019, 65.43188893273738, 65.71598259581855),
    }.items():
        np.testing.assert_allclose(forecast.quantile(level)[0][[0, 4, 7]], ends, rtol=1e-6)
    assert forecaster.features == ("weekday",)


def test_a_file_of_format_3_forecasts_as_it_did():
    """In logarithms, with factors of its own for each lead, beyond the trained horizon too."""
    forecaster = Forecaster.load(GOLDEN / "format3.safetensors")
    forecast = forecaster.predict(read_panel(PRICES, known=forecaster.known), 8)
    for level, ends in {
        0.1: (63.16878790836129, 62.67182053258639, 62.53214749360783),
        0.5: (63.82916528019541, 63.980527153615924, 64.02662697845786),
        0.9: (64.5439298831836, 65.4219919169798, 65.67536155014982),
    }.items():
        np.testing.assert_allclose(forecast.quantile(level)[0][[0, 4, 7]], ends, rtol=1e-6)


def test_a_file_of_format_5_forecasts_as_it_did():
    """Half of the weight lies on a network of a prior whose design chose between anchors alone."""
    forecaster = Forecaster.load(GOLDEN / "format5.safetensors")
    assert forecaster.ensemble.share == 0.5
    forecast = forecaster.predict(read_panel(PRICES, known=forecaster.known), 8)
    for level, ends in {
        0.1: (62.966880638624346, 62.00614790934357, 61.44751621967081),
        0.5: (63.79403792246824, 63.804626400669676, 63.793655576809805),
        0.9: (64.63927474231993, 65.67326032335987, 66.2574964771563),
    }.items():
        np.testing.assert_allclose(forecast.quantile(level)[0][[0, 4, 7]], ends, rtol=1e-6)


def test_the_card_of_an_old_file_is_in_todays_terms():
    """What was not there then is empty, and the format is that of the file."""
    card = read_card(GOLDEN / "format1.safetensors")
    assert (card["format"], card["covariates"], card["config"]["data"]["time"]) == (1, [], [])


@pytest.mark.parametrize("number", [1, 2])
def test_old_files_were_trained_with_what_is_the_balanced_preset_now(number):
    """The card says so, and so does the configuration."""
    path = GOLDEN / f"format{number}.safetensors"
    assert read_card(path)["config"]["train"]["preset"] == "balanced"
    assert Forecaster.load(path).config.train.preset == "balanced"
