"""The loop: what it logs, how it stops, and that a resumed run ends with the same bits."""

import math

import numpy as np
import pytest
import tensorflow as tf

from rfv2_keras.errors import UserError
from rfv2_keras.optimizers import AdamW, Lamb
from rfv2_keras.training.dropout_seeds import set_dropout_seeds
from rfv2_keras.training.gradients import GradientFunction
from rfv2_keras.training.loop import TrainingLoop
from rfv2_keras.training.loss_scale import LossScale
from rfv2_keras.training.objective import masked_lm_objective
from rfv2_keras.training.processes import SingleProcess
from rfv2_keras.training.run_checkpoints import RunCheckpoints
from rfv2_keras.training.update import Update


class Recorder:
    """Stands in for the log files."""

    def __init__(self):
        self.lines = []

    def write(self, step, values):
        self.lines.append({"step": step, **values})

    def show(self, step, values):
        pass


@pytest.fixture
def make_loop(make_model, make_batch, split):
    """Function that builds a whole loop; keyword arguments: accumulation, model, optimizer, log, loss_scale."""

    def make(accumulation=1, model=None, optimizer=None, log=None, loss_scale=1.0, warn=print, batch=make_batch):
        update = Update(model or make_model(), optimizer or Lamb(0.01), LossScale(loss_scale), clip_norm=1.0)
        gradients = GradientFunction(update.model, masked_lm_objective, jit_compile=False)
        slots = 8 * 4 // accumulation

        def micro_batches(step):
            return split(batch(step), accumulation)

        return TrainingLoop(gradients, update, micro_batches, SingleProcess(), slots, log, math.log(61), warn)

    return make


def test_accumulation_equals_the_large_batch(make_loop):
    """20 updates with 4 micro-batches end with the weights of 20 updates with one batch.

    bert4keras applies accumulated gradients one call late and its first update uses none; here the large batch decides.
    """
    whole, parts = make_loop(1), make_loop(4)
    for loop in (whole, parts):
        loop.run(0, 20, log_every=20)
    for one, other in zip(whole.model.get_weights(), parts.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_log_holds_means_over_its_window(make_loop, make_batch):
    """At learning rate 0 the logged loss is that of the fixed weights over all targets of the window's batches."""
    log = Recorder()
    loop = make_loop(optimizer=AdamW(0.0), log=log)
    loop.run(0, 4, log_every=2)
    sums = [masked_lm_objective(loop.model, make_batch(step), training=False).numpy() for step in (2, 3)]
    loss, targets, right = np.sum(sums, axis=0)
    assert [line["step"] for line in log.lines] == [2, 4]
    assert log.lines[1]["loss"] == pytest.approx(loss / targets, rel=1e-5)
    assert log.lines[1]["accuracy"] == pytest.approx(right / targets)
    assert log.lines[1]["compiled_shapes"] == 1


def test_resumed_run_has_the_same_bits(tmp_path, make_loop, make_model):
    """3 updates, a checkpoint, new objects, 3 more: bit-equal to 6 updates at once, with dropout on."""

    def fresh():
        return make_loop(model=make_model(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2))

    straight = fresh()
    set_dropout_seeds(straight.model, 5, 0, 0)
    straight.run(0, 6, log_every=6)
    first = fresh()
    set_dropout_seeds(first.model, 5, 0, 0)
    first.run(0, 3, log_every=3)
    checkpoints = RunCheckpoints(tmp_path, 1, print)
    checkpoints.save(3, first.model, first.update.optimizer, {})
    second = fresh()
    checkpoints.restore_latest(second.model, second.update.optimizer)
    set_dropout_seeds(second.model, 5, 0, 3)
    second.run(3, 6, log_every=3)
    for one, other in zip(straight.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_dropout_depends_on_seed_process_and_step(make_model, make_batch):
    """Same (seed, process, step): same outputs; any of them changed: other outputs."""
    model, batch = make_model(hidden_dropout_prob=0.3), make_batch(0)

    def outputs(*place):
        set_dropout_seeds(model, *place)
        return model([batch[t.name] for t in model.inputs], training=True).numpy()

    base = outputs(1, 0, 7)
    np.testing.assert_array_equal(base, outputs(1, 0, 7))
    for place in ((2, 0, 7), (1, 1, 7), (1, 0, 8)):
        assert not np.array_equal(base, outputs(*place))


def test_broken_weights_stop_the_run_by_name(make_loop):
    loop = make_loop()
    kernel = loop.model.get_layer("Transformer-0-FeedForward").o_dense.kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(UserError, match="Transformer-0-FeedForward/o_dense/kernel is not finite"):
        loop.run(0, 5, log_every=1)


def test_bad_update_leaves_the_weights_alone(make_loop):
    """A gradient that overflows is never applied, so that the weights named in the message are good ones."""
    loop = make_loop()
    before = loop.model.get_weights()
    loop.update.loss_scale.scale.assign(3e38)
    with pytest.raises(UserError, match="stopped at update 1"):
        loop.run(0, 3, log_every=1)
    assert all(np.array_equal(a, b) for a, b in zip(before, loop.model.get_weights(), strict=True))


def test_loss_that_stays_at_chance_is_reported(make_loop):
    """A model whose logits are all equal keeps the loss at ln(vocabulary); after 500 updates that is said."""
    said = []
    loop = make_loop(optimizer=AdamW(0.0), log=Recorder(), warn=said.append)
    table = loop.model.get_layer("Embedding-Token").embeddings
    table.assign(np.zeros(table.shape))
    loop.run(499, 500, log_every=1)
    assert len(said) == 1
    assert "ln(vocabulary) = 4.11" in said[0]


def test_events_run_at_their_interval_and_at_the_end(make_loop):
    seen = []
    make_loop().run(0, 5, log_every=5, events=[(2, seen.append)])
    assert seen == [2, 4, 5]


def test_float16_scale_recovers_from_overflow(make_loop, make_model):
    """A dynamic scale that is far too high is halved until updates go through, and training goes on."""
    log = Recorder()
    loop = make_loop(model=make_model(dtype="mixed_float16"), log=log, loss_scale="dynamic")
    loop.update.loss_scale.scale.assign(2.0**24)
    loop.run(0, 30, log_every=30)
    assert 0 < log.lines[-1]["skipped_updates"] < 30
    assert int(loop.update.optimizer.iterations) == 30 - log.lines[-1]["skipped_updates"]
    assert all(np.all(np.isfinite(w)) for w in loop.model.get_weights())


def test_weights_of_one_process_need_no_comparison(make_loop):
    loop = make_loop()
    loop.require_equal_weights()


def test_processes_with_different_weights_are_found_out(make_loop):
    """The checksum comparison, with a stand-in for a second process that holds other weights."""

    class Two(SingleProcess):
        count = 2

        def sum(self, vector):
            return vector + tf.reverse(vector, axis=[0])

    loop = make_loop()
    loop.processes = Two()
    with pytest.raises(RuntimeError, match="different weights"):
        loop.require_equal_weights()
