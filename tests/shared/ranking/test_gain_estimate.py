"""A ranker's weight follows its estimated gain: the error rates that are stated, and no step anywhere."""

import numpy as np
import pytest

from shared.ranking.gain_estimate import GainEstimate


def weights(gain: float, people: int, networks: int = 4_000) -> np.ndarray:
    """(networks,) weights of rankers that gain so much on average; people differ by a standard deviation of 0.3."""
    rng = np.random.default_rng(11)
    gains = rng.normal(gain, 0.3, (networks, people))
    return np.array([GainEstimate.of(np.arange(people), row, 1).weight for row in gains])


@pytest.mark.parametrize("people", [15, 60, 400])
def test_a_ranker_that_gains_nothing_seldom_counts_for_much(people: int) -> None:
    estimates = weights(0.0, people)

    assert (estimates > 0).mean() == pytest.approx(0.16, abs=0.025)
    assert (estimates > 0.5).mean() == pytest.approx(0.08, abs=0.025)
    assert estimates.mean() == pytest.approx(0.08, abs=0.02)


def test_a_ranker_that_gains_counts_for_more_the_more_people_say_so() -> None:
    means = [weights(0.06, people, 400).mean() for people in (5, 15, 50, 150, 500)]

    assert np.all(np.diff(means) > 0)
    assert means[-1] > 0.9


def test_the_weight_has_no_step() -> None:
    gains = np.linspace(-0.1, 0.2, 3_001)
    estimates = np.array([GainEstimate(3, 90, 60, gain, 0.02).weight for gain in gains.tolist()])

    assert np.abs(np.diff(estimates)).max() < 0.015
    assert estimates[0] == 0
    assert estimates[-1] > 0.98


def test_several_queries_of_one_person_are_one_observation() -> None:
    once = GainEstimate.of(np.array([1, 2, 3]), np.array([0.1, 0.2, 0.3]), 1)
    thrice = GainEstimate.of(np.repeat([1, 2, 3], 3), np.repeat([0.1, 0.2, 0.3], 3), 3)

    assert (thrice.gain, thrice.error, thrice.people) == (once.gain, once.error, once.people)
    assert thrice.queries == 9


@pytest.mark.parametrize("people", [0, 1])
def test_nobody_and_a_single_person_are_no_evidence(people: int) -> None:
    estimate = GainEstimate.of(np.arange(people), np.full(people, 0.5), 1)

    assert estimate.weight == 0
    assert all(np.isfinite(value) for value in estimate.metrics().values())
