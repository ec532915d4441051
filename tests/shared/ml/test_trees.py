"""Boosted trees: the same bytes for the same input, one thread, interrupts, and what is refused."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import xgboost

from layers.build import ROOT
from shared.errors import StaleModel
from shared.ml import trees
from tests.signals import heed_signals
from tests.waiting import allowed

PARAMETERS = {"objective": "reg:logistic", "max_depth": 3, "max_bin": 32, "subsample": 0.7, "learning_rate": 0.3}


def examples_of(rows):
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(rows, 3)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(matrix[:, 0]) + rng.normal(size=rows) > 0).astype(float)
    return matrix, labels, np.ones(rows)


@pytest.fixture
def examples():
    return examples_of(500)


def fit(examples, *, rounds=5, monotone_sign=(0, 0, 0), start=None):
    return trees.fit(*examples, parameters=PARAMETERS, rounds=rounds, monotone_sign=monotone_sign, start=start)


def test_the_same_examples_give_the_same_bytes(examples):
    assert fit(examples) == fit(examples)


def test_only_one_thread_works(examples, monkeypatch):
    threads = {}
    train, matrix = xgboost.train, xgboost.DMatrix

    def spied_train(parameters, *arguments, **options):
        threads["train"] = parameters["nthread"]
        return train(parameters, *arguments, **options)

    def spied_matrix(*arguments, **options):
        threads["matrix"] = options["nthread"]
        return matrix(*arguments, **options)

    monkeypatch.setattr(xgboost, "train", spied_train)
    monkeypatch.setattr(xgboost, "DMatrix", spied_matrix)
    fit(examples)

    assert threads == {"train": 1, "matrix": 1}


def test_the_library_is_given_no_callback(examples, monkeypatch):
    """What the handler of a signal raises inside a callback is lost."""
    given = []
    get_callbacks = xgboost.DataIter.get_callbacks

    def spied(*arguments):
        given.append(get_callbacks(*arguments))
        return given[-1]

    monkeypatch.setattr(xgboost.DataIter, "get_callbacks", spied)
    fit(examples)
    assert given == []

    xgboost.QuantileDMatrix(examples[0])
    assert len(given) == 1, "this is where the library asks for them"


INTERRUPTS = 20
TRAINING = f"""
import numpy as np
from shared.ml import trees
matrix = np.random.default_rng(4).normal(size=(20_000, 8)).astype(np.float32)
labels = (matrix[:, 0] > 0).astype(float)
parameters = {{"objective": "reg:logistic", "max_depth": 2, "max_bin": 64}}
for _ in range({INTERRUPTS}):
    try:
        print("training", flush=True)
        for _ in range(5_000):
            trees.fit(matrix, labels, np.ones(20_000), parameters=parameters, rounds=1, monotone_sign=(0,) * 8)
    except KeyboardInterrupt:
        continue
    print("lost", flush=True)
"""


def test_each_ctrl_c_reaches_a_training(tmp_path):
    with (
        (tmp_path / "stderr").open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-c", TRAINING],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            preexec_fn=heed_signals,
        ) as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                assert line == "training\n"
                process.send_signal(signal.SIGINT)  # which meets the training, or the line before it
            assert process.wait(allowed(30)) == 0
        finally:
            process.kill()
    assert "Exception ignored" not in (tmp_path / "stderr").read_text()


def test_a_model_orders_what_it_learnt(examples):
    matrix, labels, _ = examples

    logits = trees.Trees(fit(examples)).logits(matrix)

    assert logits[labels == 1].mean() > logits[labels == 0].mean() + 0.5


def test_a_continued_model_keeps_its_trees_and_gets_more(examples):
    first = fit(examples, rounds=5)
    more = fit(examples, rounds=3, start=first)

    assert number_of_trees(more) == 8
    assert number_of_trees(first) == 5
    assert fit(examples, rounds=3, start=first) == more


def test_a_feature_with_a_positive_monotone_sign_never_lowers_a_score(examples):
    model = trees.Trees(fit(examples, monotone_sign=(1, 0, 0)))
    ladder = np.zeros((50, 3), np.float32)
    ladder[:, 0] = np.linspace(-3, 3, 50)

    assert (np.diff(model.logits(ladder)) >= 0).all()


def test_without_rows_there_are_no_logits(examples):
    assert trees.Trees(fit(examples)).logits(np.empty((0, 3), np.float32)).tolist() == []


@pytest.mark.parametrize("damage", [b"", b"no model", b"\x80\x04]\x94.", b"{}"])
def test_what_is_no_model_is_refused(damage):
    with pytest.raises(StaleModel, match="cannot be read"):
        trees.Trees(damage)


def test_half_a_model_is_refused(examples):
    model = fit(examples)

    with pytest.raises(StaleModel, match="cannot be read"):
        trees.Trees(model[: len(model) // 2])


def number_of_trees(model: bytes) -> int:
    booster = xgboost.Booster(model_file=bytearray(model))
    return len(json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"])
