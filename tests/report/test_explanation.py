"""Pictures of explanations: every kind, always the same bytes, words for a stranger, and a page that needs no other."""

import re
from dataclasses import replace

import numpy as np
import pytest

from forecast.errors import ConfigError
from forecast.explanation import Context, Explanation, Layer, Reach
from forecast.importance import Importance, Shuffled
from forecast.panel import Columns
from forecast.report.explanation import FOR_SEVERAL, KINDS, Explained, drawn, page
from forecast.weighing import Candidate, Weighing
from tests.report.test_plot import words

COLUMNS = Columns("day", ("y",))
STEPS = np.arange(20)
DAYS = (np.datetime64("2020-01-01") + STEPS).astype("datetime64[us]")


def layer(number=1, direction="forward", fade=0.5):
    """Four recurrent steps of three units, with the gates of an LSTM."""
    names = ("input", "forget", "output", "candidate", "memory", "state")
    values = np.linspace(0, 1, 12).reshape(4, 3)
    activations = {name: values if i < 3 else 2 * values - 1 for i, name in enumerate(names)}
    return Layer(number, direction, activations, fade ** np.arange(4)[::-1])


def model(name="a", importance=None, layers=None):
    """One model that looks back over its whole context."""
    layers = layers or (layer(),)
    shares = np.full(20, 1 / 20)
    parts = (("forecast", 1.0), ("anchors", 0.9), ("linear map", 0.1), ("recurrence", 0.0))
    reaches = tuple(Reach(part, weight, shares * (weight > 0)) for part, weight in parts)
    context = Context("shop $1", DAYS, np.sin(STEPS), 20, 5)
    explanation = Explanation(context, 1, layers, reaches, (("last value", 0.7), ("mean of the last 2 steps", 0.3)))
    return Explained(name, "lstm", explanation, layers[-1], 2, importance)


WORTH = Importance(
    "mase", 0.8, (Shuffled("promo", 1.2, 0.1), Shuffled("x", 0.6, 0.0), Shuffled("flag", None, None)), 9, 4, 5
)
FULL = model(importance=WORTH)
PRIOR = Weighing(
    0.25,
    2,
    20,
    60,
    8,
    5,
    (
        Candidate("analogues", np.array([0.9, 0.5]), 1.0),
        Candidate("last season", np.array([0.1, 0.49]), 1.5),
        Candidate("a line", np.array([0.0, 0.01]), 9.0),
    ),
)
ALONE = Explained(
    "prior",
    "lstm",
    Explanation(replace(FULL.explanation.context, segment=0), 1, (), (), (), replace(PRIOR, share=1.0)),
    None,
    0,
)


def both():
    """A model of networks trained from nothing and a prior."""
    return replace(FULL, explanation=replace(FULL.explanation, prior=PRIOR))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_models_give_equal_bytes(kind):
    """As PNG and as SVG, neither with a date in it."""
    for form, magic in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        found = drawn(kind, [FULL], COLUMNS, format=form)
        assert found.startswith(magic)
        assert found == drawn(kind, [FULL], COLUMNS, format=form)


def test_gates_are_named_and_explained():
    """Every panel says what it shows, the title what is read, the axis until when."""
    found = words(drawn("gates", [FULL], COLUMNS, format="svg"))
    assert "What the gates do while the lstm network reads shop $1 until 2020-01-20" in found
    assert "forget gate: 1 keeps what was remembered, 0 clears it" in found
    assert "memory: what is carried on inside" in found
    assert "2020-01-20" in found
    assert any("sorted by its mean forget gate" in text for text in found)


def test_a_network_without_gates_shows_its_state():
    """And nothing is called a gate."""
    plain = replace(layer(), activations={"state": layer().activations["state"]})
    found = words(drawn("gates", [model(layers=(plain,))], COLUMNS, format="svg"))
    assert "What the state does while the lstm network reads shop $1 until 2020-01-20" in found
    assert not any("gate" in text for text in found)


def test_gradients_name_every_layer_and_how_fast_it_fades():
    """All layers of one model; the chosen one of several."""
    both = (layer(), layer(2, "backward", fade=0.25))
    found = words(drawn("gradients", [model(layers=both)], COLUMNS, format="svg"))
    assert "layer 1, forward: × 0.5 a step" in found
    # Backward the fade is from the oldest step to the newest: it grows here.
    assert "layer 2, backward: × 4 a step" in found
    several = words(drawn("gradients", [model("a"), model("b", layers=both)], COLUMNS, format="svg"))
    assert "a (lstm, layer 1, forward): × 0.5 a step" in several
    assert "b (lstm, layer 2, backward): × 4 a step" in several
    assert "layer 1, forward: × 0.5 a step" not in several


def test_no_gradient_at_all_is_said():
    """A logarithmic axis has no room for zero."""
    still = replace(layer(), gradient=np.zeros(4))
    found = words(drawn("gradients", [model(layers=(still,))], COLUMNS, format="svg"))
    assert "no gradient: the forecast does not depend on the recurrence" in found


def test_lags_show_the_parts_with_their_weights():
    """A part without any is left out; several models stand beside each other."""
    found = words(drawn("lags", [FULL], COLUMNS, format="svg"))
    assert {"forecast", "anchors, 90.0 % of it", "linear map, 10.0 % of it"} <= found
    assert "recurrence, 0.0 % of it" not in found
    assert {"a (lstm)", "b (lstm)"} <= words(drawn("lags", [model("a"), model("b")], COLUMNS, format="svg"))


def test_anchors_and_candidates_stand_in_one_picture():
    """Each kind with its share, candidates with their mean weight and how they erred, those of no weight counted."""
    found = words(drawn("anchors", [both()], COLUMNS, format="svg"))
    assert {
        "networks trained from nothing, 75 % of the forecast",
        "the fine-tuned prior, 25 % of the forecast",
        *("last value", "70.0", "analogues", "70.0   × 1.00", "29.5   × 1.50", "first step", "last step"),
    } <= found
    assert "a line" not in found
    assert any("Not drawn: 1 more with 0.5 % together" in text for text in found)
    assert found >= {"weight in the mixture, %"}


def test_a_prior_alone_has_a_picture_of_what_it_mixes_and_no_other():
    """What needs networks trained from nothing says so, and what can be seen; a page has the one there is."""
    found = words(drawn("anchors", [ALONE], COLUMNS, format="svg"))
    assert {"analogues", "70.0   × 1.00"} <= found
    assert not any("% of the forecast" in text for text in found)
    for kind in ("gates", "gradients", "lags"):
        with pytest.raises(ConfigError, match=f"there is no picture of {kind}: prior is a prior alone") as caught:
            drawn(kind, [ALONE], COLUMNS)
        assert "--picture anchors" in caught.value.hint
    assert re.findall(r'<figure id="(\w+)">', page([ALONE], COLUMNS, "").decode()) == ["anchors"]


def test_one_step_and_no_earlier_cutoff_leave_out_what_there_is_not():
    """No marks for the first and the last step, which are the same, and no error that nobody measured."""
    one = replace(PRIOR, cutoffs=0, candidates=(Candidate("last value", np.ones(1), None),))
    alone = replace(ALONE, explanation=replace(ALONE.explanation, prior=one))
    found = words(drawn("anchors", [alone], COLUMNS, format="svg"))
    assert "100.0" in found
    assert not found & {"first step", "last step"}
    assert not any("×" in text or "Not drawn" in text for text in found)


@pytest.mark.parametrize("kind", ["gates", "gradients", "lags"])
def test_pictures_of_networks_say_that_a_prior_is_not_in_them(kind):
    """With its share, and nothing where there is none."""
    said = " ".join(words(drawn(kind, [both()], COLUMNS, format="svg")))
    assert "25 % of the forecast of a is that of a prior" in said
    assert "prior" not in " ".join(words(drawn(kind, [FULL], COLUMNS, format="svg")))


def test_covariates_show_by_how_much_the_error_changes():
    """Up or down, and in words where there was nothing to shuffle."""
    found = words(drawn("covariates", [FULL], COLUMNS, format="svg"))
    assert {"promo", "+50 %", "-25 %", "the same in all windows"} <= found
    with pytest.raises(ConfigError, match="there is no picture of covariates"):
        drawn("covariates", [model()], COLUMNS)


def test_the_page_holds_everything_it_needs():
    """One document with every picture in it, the summary as text, and no address that a browser would fetch."""
    found = page([replace(FULL, name="<b>")], COLUMNS, "a < b").decode()
    assert found.startswith("<!doctype html>")
    assert re.findall(r'<figure id="(\w+)">\n<svg', found) == list(KINDS)
    assert "<pre>a &lt; b</pre>" in found
    assert "<b>" not in found
    assert not re.search(r'(src|href)="(?!#|data:)', found)
    assert re.findall(r'<figure id="(\w+)">', page([model("a"), model("b")], COLUMNS, "").decode()) == [*FOR_SEVERAL]
    assert re.findall(r'<figure id="(\w+)">', page([model()], COLUMNS, "", "lags").decode()) == ["lags"]
