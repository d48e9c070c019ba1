"""Inner products of the gradients of tasks, and what follows from them alone."""

import tensorflow as tf

COLUMNS = 2**20  # of a piece that is held in float64: 8 MiB per task
SMALLEST_NORM = 1e-30  # below it a number has no reciprocal that float32 can hold with a margin


def gram_matrix(gradients):
    """All inner products M_ij = ⟨g_i, g_j⟩, summed in float64.

    In float32 a GPU would use TensorFloat-32, whose 10 bits cannot tell a task from another one whose gradient is a
    thousand times larger. The matrix is read once, in pieces, so that no float64 copy of it is ever held.

    Args:
        gradients: (tasks, parameters) float32.

    Returns:
        (tasks, tasks) float64.
    """
    tasks, parameters = gradients.shape
    columns = min(COLUMNS, parameters)
    pieces, rest = divmod(parameters, columns)

    def add(index, total):
        return index + 1, total + _products(tf.slice(gradients, (0, index * columns), (tasks, columns)))

    total = _products(gradients[:, parameters - rest :])
    return tf.while_loop(lambda index, _: index < pieces, add, (0, total))[1]


def gradient_norms(gram):
    """(tasks,) float64: ‖g_i‖."""
    return tf.sqrt(tf.linalg.diag_part(gram))


def gradient_cosines(gram, norms):
    """(tasks, tasks) float64: cos(g_i, g_j); 0 in rows and columns of a zero gradient."""
    inverse = reciprocal_or_zero(norms)
    return gram * inverse[:, None] * inverse[None, :]


def cosines_to_mean(gram, present):
    """The cosine of each task's gradient to the mean of the gradients of the tasks that are present.

    Args:
        gram: (tasks, tasks) float64.
        present: (tasks,) bool.

    Returns:
        (tasks,) float64; 0 for a zero gradient, or where the mean is zero.
    """
    chosen = tf.cast(present, tf.float64)
    products = tf.linalg.matvec(gram, chosen)  # with the sum; the number of tasks cancels
    length = tf.sqrt(tf.maximum(tf.tensordot(chosen, products, 1), 0.0))
    return products * reciprocal_or_zero(gradient_norms(gram)) * reciprocal_or_zero(length)


def reciprocal_or_zero(values):
    """1 / x where x > 1e-30, else 0: a task without gradient, or without loss, has no scale to be divided by."""
    large = values > SMALLEST_NORM
    return tf.where(large, 1.0 / tf.where(large, values, 1.0), 0.0)


def _products(piece):
    piece = tf.cast(piece, tf.float64)
    return tf.matmul(piece, piece, transpose_b=True)
