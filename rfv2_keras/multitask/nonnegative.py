"""A small quadratic problem with x ≥ 0, solved exactly inside a compiled function."""

import tensorflow as tf

# In units of the diagonal of the matrix, which is about 1:
RIDGE = 1e-14  # added to the diagonal, so that the factorization exists where columns are nearly dependent
TOLERANCE = 1e-13  # a slope below it is rounding


def minimize_nonnegative(matrix, target, usable):
    """min over x ≥ 0 of ½ xᵀ A x − bᵀ x, for example ½ ‖Σ x_i e_i − f‖² with A_ij = ⟨e_i, e_j⟩ and b_i = ⟨e_i, f⟩.

    The active-set method of Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23): take in the
    coordinate of steepest descent, go towards the exact minimum over all coordinates held, stop where one of them
    reaches zero, let it go. This is Frank–Wolfe in its fully corrective form: where plain Frank–Wolfe searches along
    one line and zigzags for thousands of steps, this ends after about as many steps as there are coordinates.

    Args:
        matrix: (n, n) float64, positive semidefinite, diagonal about 1 where usable.
        target: (n,) float64.
        usable: (n,) bool; the other coordinates stay 0.

    Returns:
        (n,) float64.
    """
    size = target.shape[0]

    def minimum_over(held):
        both = held[:, None] & held[None, :]
        free = tf.linalg.diag(tf.where(held, tf.constant(RIDGE, tf.float64), 1.0))
        factor = tf.linalg.cholesky(tf.where(both, matrix, 0.0) + free)
        return tf.linalg.cholesky_solve(factor, tf.where(held, target, 0.0)[:, None])[:, 0]

    def step(x, held, usable, _):
        exact = minimum_over(held)
        blocking = held & (exact <= 0.0)
        blocked = tf.reduce_any(blocking)
        reach = tf.where(blocking, tf.math.divide_no_nan(x, x - exact), 1.0)
        length = tf.reduce_min(reach)
        released = blocking & (reach <= length)
        # One that must leave as soon as it came was taken in because of rounding; do not try it again.
        usable = usable & ~(released & (x <= 0.0))
        held = held & ~released
        x = tf.where(held, x + length * (exact - x), 0.0)
        slope = tf.where(usable & ~held, target - tf.linalg.matvec(matrix, x), 0.0)
        # XLA takes a computed index for a constant, and would compile anew for every matrix; so compare instead.
        steepest = tf.range(size, dtype=tf.int64) == tf.argmax(slope)
        entering = steepest & (slope > TOLERANCE) & ~blocked
        return x, held | entering, usable, blocked | tf.reduce_any(entering)

    nobody = tf.zeros((size,), tf.bool)
    state = (tf.zeros((size,), tf.float64), nobody, usable, tf.constant(True))
    # The limit is for matrices with entries that are not finite; every step leaves an x that is allowed.
    return tf.while_loop(lambda *state: state[-1], step, state, maximum_iterations=10 * (size + 1))[0]
