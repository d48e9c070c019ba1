"""Fine-tuning on a task of classes with losses that are, more or less, accuracy."""

import sys

from rfv2_keras import losses
from rfv2_keras.clue.finetune import FineTuningRun
from rfv2_keras.clue.optimizer import make_optimizer
from rfv2_keras.clue.progress import TrainingLines
from rfv2_keras.errors import UserError

CROSS_ENTROPY, EXACT, THEN = ARMS = ("cross entropy", "EXACT", "cross entropy, then 1 − p_y")


def loss_of(arm, steps, sigma, margin, switch):
    """The Keras loss of an arm, and the callbacks that change it.

    Args:
        arm: one of `ARMS`.
        steps: batches of the whole training.
        sigma, margin: of EXACT, on normalised logits.
        switch: share of the batches with cross entropy only, in the last arm; a tenth of them passes until 1 − p_y
            has taken over.
    """
    if arm == EXACT:
        return losses.EXACT(sigma, margin, normalize_logits=True), []
    if arm == THEN:
        loss = losses.CrossEntropyThenAccuracy()
        return loss, [losses.SwitchToAccuracy(loss, round(switch * steps), round(0.1 * steps))]
    return losses.TemperatureCrossEntropy(), []


def fine_tune(task, arm, seed, model, data, sigma, margin, switch):
    """Fine-tune a model directory on a task.

    Args:
        task: `Task` of classes.
        arm: one of `ARMS`.
        seed: of the head's initial weights, the order of batches and dropout, which are the same for every arm.
        model: the model directory.
        data: folder that the files of the task lie in.
        sigma, margin, switch: see `loss_of`.

    Returns:
        The dev accuracies × 100 after every epoch.
    """
    run = FineTuningRun(task, model, data, "", seed, "float32", False, None, sys.stdout)
    if not run.dev:
        raise UserError(f"{data}: has no dev file of {task.name} that its accuracy could be measured on.")
    loss, callbacks = loss_of(arm, run.steps, sigma, margin, switch)
    run.model.compile(make_optimizer(task.training, run.steps, run.pretrained.config), loss, jit_compile=False)
    callbacks.append(TrainingLines(run.steps, sys.stdout))
    curve = []
    for epoch in range(task.training.epochs):
        run.model.fit(run.batches.dataset(), verbose=0, shuffle=False, callbacks=callbacks)
        curve.append(100 * run.score()["accuracy"])
        print(f"seed {seed}, {arm}: epoch {epoch + 1}, dev accuracy {curve[-1]:.2f}", flush=True)
    return curve
