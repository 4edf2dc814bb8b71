"""What rules that see a problem's arrays one by one share: sums, ratios, products of each lane's matrices.

An array is (*shape, lanes). A stack is (lanes, rows, columns), and products of stacks leave lanes apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.hyper import Array, Hyper


def total(array: Array) -> Array:
    """Return the sum over all axes but the lanes', (lanes,)."""
    xp = array_namespace(array)
    summed: Array = xp.sum(xp.reshape(array, (-1, array.shape[-1])), axis=0)
    return summed


def norm(array: Array) -> Array:
    """Return the root of the sum of the squares of each lane's numbers, (lanes,)."""
    length: Array = array_namespace(array).sqrt(total(array * array))
    return length


def ratio_or_one(above: Array, below: Array) -> Array:
    """Return ``above / below``, and 1 where one of the two is 0."""
    xp = array_namespace(above)
    both = (above > 0) & (below > 0)
    ratio: Array = xp.where(both, above / xp.where(both, below, 1.0), 1.0)
    return ratio


class Moments(NamedTuple):
    """Adam's averages, of an array's shape, and the powers of the two decays as running products."""

    grad_avg: Array
    square_avg: Array
    beta1_power: Hyper
    beta2_power: Hyper


def no_moments(params: Array) -> Moments:
    """Return the averages before the first step."""
    zeros = np.zeros_like(params)
    return Moments(zeros, zeros, 1.0, 1.0)


def adam_direction(
    grads: Array, moments: Moments, beta1: Hyper, beta2: Hyper, eps: Hyper
) -> tuple[Array, Moments]:
    """Return the direction of Adam, its averages corrected for their start, and the next averages."""
    xp = array_namespace(grads)
    grad_avg = beta1 * moments.grad_avg + (1 - beta1) * grads
    square_avg = beta2 * moments.square_avg + (1 - beta2) * grads**2
    beta1_power, beta2_power = moments.beta1_power * beta1, moments.beta2_power * beta2
    spread = xp.sqrt(square_avg / (1 - beta2_power))
    direction = grad_avg / (1 - beta1_power) / (spread + eps)
    return direction, Moments(grad_avg, square_avg, beta1_power, beta2_power)


def with_axis_moved(array: Array, source: int, destination: int) -> Array:
    """Return an array with an axis elsewhere, lying in memory in the order of its axes.

    How NumPy multiplies matrices and adds numbers up, and so their last bits, depends on that order.
    """
    xp = array_namespace(array)
    moved = xp.moveaxis(array, source, destination)
    in_order: Array = xp.reshape(xp.reshape(moved, (-1,)), moved.shape)
    return in_order


def stacked(matrices: Array) -> Array:
    """Return arrays (rows, columns, lanes) as a stack."""
    return with_axis_moved(matrices, -1, 0)


def unstacked(stack: Array) -> Array:
    """Return a stack as arrays (rows, columns, lanes)."""
    return with_axis_moved(stack, 0, -1)


def transposed(stack: Array) -> Array:
    """Return every matrix of a stack transposed."""
    turned: Array = array_namespace(stack).matrix_transpose(stack)
    return turned


def unfolded(array: Array, axis: int) -> Array:
    """Return arrays as matrices, in a stack: a row for each place along one of their axes."""
    xp = array_namespace(array)
    return stacked(xp.reshape(xp.moveaxis(array, axis, 0), (array.shape[axis], -1, array.shape[-1])))


def gram(array: Array, axis: int) -> Array:
    """Return the products of an array's slices along an axis with each other, (n, n, lanes)."""
    rows = unfolded(array, axis)
    return unstacked(rows @ transposed(rows))


def along(array: Array, axis: int, stack: Array) -> Array:
    """Return arrays with each lane's matrix applied along one of their axes; its shape stays."""
    xp = array_namespace(array)
    others = [n for i, n in enumerate(array.shape[:-1]) if i != axis]
    product = unstacked(stack @ unfolded(array, axis))
    return with_axis_moved(xp.reshape(product, (-1, *others, array.shape[-1])), 0, axis)


def or_identity(stack: Array, wanted: Array) -> Array:
    """Return a stack of square matrices, the identity in lanes that are not wanted or not finite.

    A decomposition is quick on it, and NumPy's raise where one matrix is not finite.
    """
    xp = array_namespace(stack)
    wanted = wanted & xp.all(xp.isfinite(stack), axis=(1, 2))
    chosen: Array = xp.where(wanted[:, None, None], stack, xp.eye(stack.shape[1], dtype=stack.dtype))
    return chosen
