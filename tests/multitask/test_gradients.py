"""Sums of tasks and their update against the gradients of plain Keras models, one for each task."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.multitask.combination import Combination
from rfv2_keras.multitask.gradients import head_sizes
from rfv2_keras.multitask.run import MultitaskRun
from rfv2_keras.multitask.update import MultitaskUpdate
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.processes import SingleProcess


@pytest.fixture
def make_run(make_config):
    """Function that builds a run over tasks without dropout."""

    def make(tasks, **training):
        config = make_config("plain", tasks, training=training)
        config.model.overrides.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        return MultitaskRun(config, SingleProcess(), None)

    return make


def plain_gradients(run, batch):
    """Mean loss and gradients (shared, head) of a micro-batch, with the task's own head in a model of its own."""
    name = run.names[batch["task"]]
    kind, head = run.supervised[name].kind, run.model.heads[name]
    model = kind.model(run.model.builder.encoder, head)
    with tf.GradientTape() as tape:
        outputs = model([tf.constant(batch[tensor.name]) for tensor in model.inputs], training=True)
        loss = tf.reduce_mean(kind.loss().call(tf.constant(batch["target"]), outputs))
    shared, own = run.model.shared.trainable_variables, head.weights
    gradients = tape.gradient(
        loss, [v.value for v in (*shared, *own)], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    vectors = [np.ravel(tf.convert_to_tensor(g)) for g in gradients]
    return float(loss), np.concatenate(vectors[: len(shared)]), np.concatenate(vectors[len(shared) :])


def test_each_kind_has_the_gradient_of_its_own_model(make_run, kinds):
    """Padded heads, exchanged weights, the scale: 1e-5 of the plain gradient for every kind of task."""
    run = make_run(kinds, batch=3)
    places = np.cumsum([0, *head_sizes(run.model, run.names)])
    for task, source in enumerate(run.sources):
        batches = [b for step in range(8) for b in run.micro_batches(step) if b["task"] == task]
        statistics, gradients = run.gradients(batches[:1], tf.constant(0.5))
        loss, shared, own = plain_gradients(run, batches[0])
        sums = statistics.numpy()[2:].reshape(-1, 4)
        assert sums[task, :3] == pytest.approx([3 * loss, 3, 1], rel=1e-5)
        assert not np.any(np.delete(sums, task, axis=0))
        factor = source.slots(1) / (0.5 * 3)
        np.testing.assert_allclose(gradients[0] * factor, shared, rtol=1e-4, atol=1e-6, err_msg=run.names[task])
        assert not any(np.any(row) for row in gradients[1:-1])
        heads = gradients[-1].numpy() * factor
        np.testing.assert_allclose(heads[places[task] : places[task + 1]], own, rtol=1e-4, atol=1e-6)
        assert np.count_nonzero(heads) == np.count_nonzero(heads[places[task] : places[task + 1]])


def test_xla_agrees(make_config):
    """The sums of an update with XLA are those without to 1e-4, for padded heads and a head that is not."""
    found = []
    for xla in (False, True):
        config = make_config("xla", ["two", "four", "similar"], xla={"jit_compile": xla}, training={"accumulation": 6})
        config.model.overrides.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        run = MultitaskRun(config, SingleProcess(), None)
        statistics, gradients = run.gradients(run.micro_batches(0), tf.constant(1.0))
        found.append(np.concatenate([statistics, *gradients]))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)


def make_update(run, name, clip_norm=None):
    slots = [source.slots(1) for source in run.sources]
    arguments = {"optimizer": keras.optimizers.SGD(1.0), "loss_scale": LossScale(), "clip_norm": clip_norm}
    return MultitaskUpdate(run.model, run.names, slots, run.gradients.rows, Combination(name), **arguments)


@pytest.mark.parametrize("name", ["sum", "normalized"])
def test_update_moves_weights_by_the_combination(make_run, name):
    """With SGD at rate 1: shared weights by the mean over micro-batches, or Σ g / ‖g‖; heads by share · gradient."""
    run = make_run(["two", "similar", "several"], accumulation=6)
    batches = run.micro_batches(1)
    plain = [plain_gradients(run, batch) for batch in batches]
    drawn = sorted({batch["task"] for batch in batches})
    assert len(drawn) < len(batches), "a task must come twice"
    before = np.concatenate([np.ravel(v) for v in run.model.trainable_variables])
    update = make_update(run, name)
    scale = tf.constant(2.0)
    update(*run.gradients(batches, scale), scale)
    moved = before - np.concatenate([np.ravel(v) for v in run.model.trainable_variables])
    of_task = {task: [p for p, b in zip(plain, batches, strict=True) if b["task"] == task] for task in drawn}
    means = {task: np.mean([shared for _, shared, _ in parts], axis=0) for task, parts in of_task.items()}
    if name == "sum":
        shared = np.mean([gradient for _, gradient, _ in plain], axis=0)
    else:
        shared = sum(gradient / np.linalg.norm(gradient) for gradient in means.values())
    np.testing.assert_allclose(moved[: len(shared)], shared, rtol=1e-3, atol=1e-5)
    own = [sum((h for *_, h in of_task.get(t, ())), 0.0) / len(batches) for t in range(3)]
    sizes = head_sizes(run.model, run.names)
    expected = np.concatenate([np.broadcast_to(value, size) for value, size in zip(own, sizes, strict=True)])
    np.testing.assert_allclose(moved[len(shared) :], expected, rtol=1e-3, atol=1e-5)
    measures = update.take_measures()
    for task, mean in means.items():
        assert measures[run.names[task]]["gradient_norm"] == pytest.approx(np.linalg.norm(mean), rel=1e-4)
        loss = np.mean([loss for loss, *_ in of_task[task]])
        assert float(update.initial_losses[task]) == pytest.approx(loss, rel=1e-5)
    assert update.take_measures() == {}, "taken is taken"


def test_bad_gradient_changes_nothing(make_run):
    run = make_run(["two", "similar"])
    update = make_update(run, "mgda")
    before = [v.numpy() for v in run.model.weights]
    statistics, gradients = run.gradients(run.micro_batches(0), tf.constant(1.0))
    gradients[0] = gradients[0] * np.nan
    norm = update(statistics, gradients, tf.constant(1.0))
    assert not np.isfinite(norm)
    assert all(np.array_equal(a, b) for a, b in zip(before, run.model.weights, strict=True))
    assert update.loss_scale.get_state()["skipped"] == 1
    assert not np.any(update.initial_losses.numpy())
    assert update.take_measures() == {}


def test_processes_share_micro_batches(make_run):
    """The parts of 3 processes together are the micro-batch of one, padded to the same length."""
    run = make_run(["two", "reading"], batch=7)
    for draw in run.mixture.draws(0, 0):
        source = run.sources[draw.task]
        whole = source.micro_batch(draw, 0)
        parts = [source.micro_batch(draw, 0, process, 3) for process in range(3)]
        for key in set(whole) - {"epochs"}:
            np.testing.assert_array_equal(np.concatenate([part[key] for part in parts]), whole[key])


def test_masks_on_inputs(make_config, entry):
    """About 15 % of the tokens become [MASK], special ones never; targets stay; other draws have other masks."""
    run = MultitaskRun(make_config("masks", [entry("two", mask_rate=0.15), "two2"]), SingleProcess(), None)
    masked, plain = run.sources
    mask = run.tokenizer.mask_id
    shares = []
    for draw in run.mixture.draws(0, 0) + run.mixture.draws(0, 1):
        draw = draw._replace(task=0)
        noisy, clean = (source.micro_batch(draw, 5) for source in (masked, plain))
        seen, given = noisy["Input-Token"], clean["Input-Token"]
        changed = seen != given
        assert np.all(seen[changed] == mask)
        assert np.all(given[changed] > 4)
        np.testing.assert_array_equal(noisy["target"], clean["target"])
        shares.append(changed.sum() / (given > 4).sum())
        np.testing.assert_array_equal(masked.micro_batch(draw, 5)["Input-Token"], seen)
    assert 0.05 < np.mean(shares) < 0.3
    assert len(set(shares)) > 1
