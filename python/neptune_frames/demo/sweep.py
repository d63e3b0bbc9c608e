"""A small real sweep: a two-layer network learns to tell two spirals apart, in numpy.

A dozen runs over learning rate and width, and two forks that resume from a checkpoint of the best run's
weights with a smaller learning rate. It takes a few seconds; the curves are what training gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

STEPS = 500
FORK_STEP = 300
VALIDATE_EVERY = 10
_LEARNING_RATES = (0.1, 0.3, 1.0, 3.0)
_WIDTHS = (8, 32, 128)


@dataclass
class Network:
    """Weights and momenta of a network with one hidden layer of ``width`` tanh units."""

    weights: list[Array]
    momenta: list[Array]

    @classmethod
    def random(cls, width: int, seed: int) -> Network:
        random = np.random.default_rng(seed)
        weights = [random.normal(0, 1, (3, width)), random.normal(0, width**-0.5, (width + 1, 1))]
        return cls(weights, [np.zeros_like(weight) for weight in weights])

    def copy(self) -> Network:
        return Network([weight.copy() for weight in self.weights], [momentum.copy() for momentum in self.momenta])

    def probabilities(self, inputs: Array) -> tuple[Array, Array]:
        hidden = np.tanh(_with_bias(inputs) @ self.weights[0])
        return hidden, 1 / (1 + np.exp(-(_with_bias(hidden) @ self.weights[1])[:, 0]))

    def learn(self, inputs: Array, labels: Array, rate: float) -> tuple[float, float, float]:
        """One step of gradient descent with momentum: loss, accuracy and gradient norm before it."""
        hidden, predicted = self.probabilities(inputs)
        error = ((predicted - labels) / len(labels))[:, None]
        outer = _with_bias(hidden).T @ error
        inner = _with_bias(inputs).T @ ((error @ self.weights[1][:-1].T) * (1 - hidden**2))
        for weight, momentum, gradient in zip(self.weights, self.momenta, (inner, outer), strict=True):
            momentum *= 0.9
            momentum -= rate * gradient
            weight += momentum
        norm = float(np.sqrt((inner**2).sum() + (outer**2).sum()))
        return _loss(predicted, labels), _accuracy(predicted, labels), norm


@dataclass
class TrainedRun:
    """What one run logged: parameters, and per metric its steps, values and times."""

    run_id: str
    experiment: str
    parameters: dict[str, object]
    started: datetime
    parent: str | None = None
    fork_step: float | None = None
    steps: dict[str, list[float]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)

    def log(self, step: float, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            self.steps.setdefault(name, []).append(step)
            self.values.setdefault(name, []).append(value)


def spirals(count: int, seed: int) -> tuple[Array, Array]:
    """``count`` points (x, y) of two noisy spirals, and their labels 0 or 1."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    turn = np.sqrt(random.random(count)) * 3 * np.pi
    angle = turn + labels * np.pi
    points = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) / (1.5 * np.pi)
    return points + random.normal(0, 0.05, points.shape), labels.astype(np.float64)


def train_sweep(started: datetime | None = None) -> Iterator[TrainedRun]:
    """Train every run of the sweep, one after another; forks last."""
    clock = started or datetime(2026, 3, 1, 9, 0, tzinfo=timezone.utc)
    training, validation = spirals(600, seed=1), spirals(300, seed=2)
    checkpoints: dict[str, Network] = {}
    best: tuple[float, TrainedRun] | None = None
    for number, (rate, width) in enumerate((rate, width) for width in _WIDTHS for rate in _LEARNING_RATES):
        run = TrainedRun(
            run_id=f"spirals-{number + 1:02d}",
            experiment=f"spirals/width-{width}/lr-{rate:g}",
            parameters={"config/learning_rate": rate, "config/width": width, "config/optimizer": "momentum"},
            started=clock + timedelta(minutes=number),
        )
        network = Network.random(width, seed=number)
        _train(run, network, range(1, FORK_STEP + 1), rate, training, validation)
        checkpoints[run.run_id] = network.copy()
        _train(run, network, range(FORK_STEP + 1, STEPS + 1), rate, training, validation)
        final = run.values["val/loss"][-1]
        if best is None or final < best[0]:
            best = (final, run)
        yield run
    assert best is not None
    yield from _forks(best[1], checkpoints[best[1].run_id], clock + timedelta(hours=1), training, validation)


def _forks(
    parent: TrainedRun,
    checkpoint: Network,
    started: datetime,
    training: tuple[Array, Array],
    validation: tuple[Array, Array],
) -> Iterator[TrainedRun]:
    """Resume the best run from its checkpoint with smaller learning rates."""
    rate = parent.parameters["config/learning_rate"]
    assert isinstance(rate, float)
    for number, divisor in enumerate((3, 10)):
        run = TrainedRun(
            run_id=f"{parent.run_id}-cooled-{divisor}",
            experiment=f"{parent.experiment}/cooled-{divisor}",
            parameters={**parent.parameters, "config/learning_rate": rate / divisor},
            started=started + timedelta(minutes=number),
            parent=parent.run_id,
            fork_step=float(FORK_STEP),
        )
        _train(run, checkpoint.copy(), range(FORK_STEP + 1, STEPS + 1), rate / divisor, training, validation)
        yield run


def _train(
    run: TrainedRun,
    network: Network,
    steps: range,
    rate: float,
    training: tuple[Array, Array],
    validation: tuple[Array, Array],
) -> None:
    for step in steps:
        loss, accuracy, norm = network.learn(*training, rate)
        run.log(step, {"train/loss": loss, "train/accuracy": accuracy, "train/grad_norm": norm})
        if step % VALIDATE_EVERY == 0:
            _, predicted = network.probabilities(validation[0])
            run.log(
                step,
                {"val/loss": _loss(predicted, validation[1]), "val/accuracy": _accuracy(predicted, validation[1])},
            )


def _with_bias(values: Array) -> Array:
    return np.concatenate([values, np.ones((len(values), 1))], axis=1)


def _loss(predicted: Array, labels: Array) -> float:
    likelihood = np.where(labels == 1, predicted, 1 - predicted)
    return float(-np.log(np.clip(likelihood, 1e-12, None)).mean())


def _accuracy(predicted: Array, labels: Array) -> float:
    return float(((predicted > 0.5) == (labels == 1)).mean())
