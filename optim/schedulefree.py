"""Schedule-free learning: gradients at one point, steps at a second, the loss at their average."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """``average`` and ``base`` of shape (dim, lanes), ``square_avg`` too, None without Adam.

    The others have shape (lanes,); the power is a running product. The average is kept, not taken back out of
    the other two as elsewhere: it is then exact, and ``beta1`` may be 0.
    """

    average: Array
    base: Array
    square_avg: Array | None
    largest_lr: Array
    weight_sum: Array
    beta2_power: Array


@register("schedulefree")
@dataclass(frozen=True, kw_only=True)
class ScheduleFree(Optimizer):
    r"""Schedule-free AdamW and SGD (Defazio et al., 2024, algorithm 1 and eq. 4-6).

    .. math::
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \qquad
        \gamma_t = \eta_t \sqrt{1 - \beta_2^t} \\
        z_t &= z_{t-1} - \gamma_t (g_t / (\sqrt{v_t} + \epsilon) + \lambda y_{t-1}) \\
        x_t &= (1 - c_t) x_{t-1} + c_t z_t, \qquad
        c_t = \bar\gamma_t^2 / \textstyle\sum_{i \le t} \bar\gamma_i^2, \quad
        \bar\gamma_t = \max_{i \le t} \gamma_i \\
        y_t &= (1 - \beta_1) z_t + \beta_1 x_t

    Gradients are taken at :math:`y`, which is what moves; the losses that count are those at :math:`x`.
    Without Adam :math:`\gamma_t = \eta_t`, and the step is :math:`\gamma_t (g_t + \lambda y_{t-1})`.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: how near to the average gradients are taken, in [0, 1]: 0 is averaging after Polyak, 1 is
            primal averaging; the paper has 0.9.
        beta2: decay of the average squared gradient, in [0, 1); without Adam it has no effect.
        eps: added outside the root, in [0, inf); without Adam it has no effect.
        weight_decay: :math:`\lambda`, in [0, inf), taken at :math:`y` and multiplied by the rate.
        adam: AdamW; else SGD, which wants a learning rate some hundred times larger.

    A schedule multiplies :math:`\eta` at each step, and with it the weight of the step in the average: a
    warm-up counts little, as it should. What decays later changes steps, not weights, which come from the
    largest rate so far, as in the authors' code (schedule_free 1.0); in the paper they come from the rate
    itself. The authors' warm-up of n steps has the full rate at step n, ``schedule.warmup`` one later.

    Optax's ``schedule_free_sgd`` is the same at a constant rate, and looks a schedule up one step ahead
    for the weights; its ``schedule_free_adamw`` corrects the bias of :math:`v_t` instead of the rate, so
    that eps is scaled and the first steps count as much as later ones in the average.

    The wrapper's decoupled decay would pull at :math:`y` alone, from which nothing follows; it is refused.

    >>> import numpy as np
    >>> rule = ScheduleFree(lr=0.1, adam=False)
    >>> params = np.array([[1.0]])
    >>> state = rule.init(params)
    >>> for _ in range(2):
    ...     updates, state = rule.update(np.array([[1.0]]), state, params)
    ...     params = params + updates
    >>> print(state.base, rule.evaluated(params, state), params.round(3))
    [[0.8]] [[0.85]] [[0.845]]
    """

    lr: Hyper = hyper(0.0025, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)
    adam: bool = True

    @property
    def evaluates_elsewhere(self) -> bool:
        return True

    def init(self, params: Array) -> State:
        none = np.zeros_like(params[0])
        return State(params, params, np.zeros_like(params) if self.adam else None, none, none, none + 1)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        lr, direction, square_avg, beta2_power = self.lr, grads, state.square_avg, state.beta2_power
        if square_avg is not None:
            square_avg = self.beta2 * square_avg + (1 - self.beta2) * grads**2
            beta2_power = beta2_power * self.beta2
            lr = lr * xp.sqrt(1 - beta2_power)
            direction = grads / (xp.sqrt(square_avg) + self.eps)
        base = state.base - lr * add_weight_decay(direction, self.weight_decay, params)
        largest_lr = xp.maximum(state.largest_lr, lr + xp.zeros_like(state.largest_lr))
        weight = largest_lr * largest_lr
        weight_sum = state.weight_sum + weight
        share = weight / xp.where(weight_sum > 0, weight_sum, 1.0)  # a schedule may begin with 0
        average = state.average + share * (base - state.average)
        moved = average + (1 - self.beta1) * (base - average)
        return moved - params, State(average, base, square_avg, largest_lr, weight_sum, beta2_power)

    def evaluated(self, params: Array, state: State) -> Array:
        return state.average
