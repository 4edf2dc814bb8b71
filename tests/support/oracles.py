"""Scalar oracles: one parameter, plain Python, from the papers' equations.

Each yields the parameter after every step. Powers are taken anew each time, and weight decay is
added where the paper or the library adds it.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import copysign, prod, sqrt


def sgd(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    weight_decay: float,
) -> Iterator[float]:
    """Polyak (1964); the first gradient starts the velocity, as in PyTorch's documentation."""
    velocity = None
    for loss_grad in grads:
        grad = loss_grad + weight_decay * theta
        if momentum == 0:
            theta -= lr * grad
        else:
            velocity = grad if velocity is None else momentum * velocity + (1 - dampening) * grad
            theta -= lr * (grad + momentum * velocity if nesterov else velocity)
        yield theta


def rmsprop(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta: float,
    eps: float,
    momentum: float,
    centered: bool,
    weight_decay: float,
) -> Iterator[float]:
    """Tieleman & Hinton (2012), eps outside the root; centered as in Graves (2013, eq. 38-41)."""
    mean = mean_square = velocity = 0.0
    for loss_grad in grads:
        grad = loss_grad + weight_decay * theta
        mean = beta * mean + (1 - beta) * grad
        mean_square = beta * mean_square + (1 - beta) * grad * grad
        spread = sqrt(mean_square - mean * mean) if centered else sqrt(mean_square)
        velocity = momentum * velocity + grad / (spread + eps)
        theta -= lr * velocity
        yield theta


def adagrad(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    lr_decay: float,
    initial_accumulator: float,
    eps: float,
    weight_decay: float,
) -> Iterator[float]:
    """Duchi, Hazan & Singer (2011, fig. 1), the diagonal form."""
    total = initial_accumulator
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad + weight_decay * theta
        total += grad * grad
        theta -= lr / (1 + (t - 1) * lr_decay) * grad / (sqrt(total) + eps)
        yield theta


def adam(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    amsgrad: bool,
    weight_decay: float,
    decoupled: bool,
) -> Iterator[float]:
    """Kingma & Ba (2015, alg. 1); Reddi et al. (2018, alg. 2); Loshchilov & Hutter (2019, alg. 2)."""
    m = v = largest = 0.0
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad if decoupled else loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad * grad
        largest = max(largest, v) if amsgrad else v
        shrinkage = lr * weight_decay * theta if decoupled else 0.0
        theta -= lr * (m / (1 - beta1**t)) / (sqrt(largest / (1 - beta2**t)) + eps) + shrinkage
        yield theta


def adadelta(
    theta: float, grads: list[float], *, lr: float, rho: float, eps: float, weight_decay: float
) -> Iterator[float]:
    """Zeiler (2012, alg. 1), with PyTorch's factor of the step."""
    squares = steps = 0.0
    for loss_grad in grads:
        grad = loss_grad + weight_decay * theta
        squares = rho * squares + (1 - rho) * grad * grad
        step = -sqrt(steps + eps) * grad / sqrt(squares + eps)
        steps = rho * steps + (1 - rho) * step * step
        theta += lr * step
        yield theta


def adamax(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> Iterator[float]:
    """Kingma & Ba (2015, alg. 2), with PyTorch's eps."""
    m = u = 0.0
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        u = max(beta2 * u, abs(grad) + eps)
        theta -= lr / (1 - beta1**t) * m / u
        yield theta


def nadam(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    momentum_decay: float,
    weight_decay: float,
    decoupled: bool,
) -> Iterator[float]:
    """Dozat (2016, alg. 2), the average decaying by beta1 as in PyTorch's documentation."""
    mus = [beta1 * (1 - 0.96 ** (t * momentum_decay) / 2) for t in range(1, len(grads) + 2)]
    m = v = 0.0
    for t, (loss_grad, (mu, next_mu)) in enumerate(zip(grads, pairwise(mus), strict=True), start=1):
        grad = loss_grad if decoupled else loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad * grad
        m_hat = next_mu * m / (1 - prod(mus[: t + 1])) + (1 - mu) * grad / (1 - prod(mus[:t]))
        shrinkage = lr * weight_decay * theta if decoupled else 0.0
        theta -= lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps) + shrinkage
        yield theta


def radam(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> Iterator[float]:
    """Liu et al. (2020, alg. 2), with PyTorch's eps and its threshold of 5."""
    m = v = 0.0
    longest = 2 / (1 - beta2) - 1
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad if decoupled else loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad * grad
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        step = lr * m / (1 - beta1**t)
        if length > 5:
            r = sqrt((length - 4) / (longest - 4) * (length - 2) / (longest - 2) * longest / length)
            step *= r * sqrt(1 - beta2**t) / (sqrt(v) + eps)
        theta -= step + (lr * weight_decay * theta if decoupled else 0.0)
        yield theta


def adabelief(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    eps_root: float,
    weight_decay: float,
    decoupled: bool,
) -> Iterator[float]:
    """Zhuang et al. (2020, alg. 2), with an epsilon for each of its two places."""
    m = s = 0.0
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad if decoupled else loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        s = beta2 * s + (1 - beta2) * (grad - m) * (grad - m) + eps_root
        shrinkage = lr * weight_decay * theta if decoupled else 0.0
        theta -= lr * (m / (1 - beta1**t)) / (sqrt(s / (1 - beta2**t)) + eps) + shrinkage
        yield theta


def adabound(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    final_lr: float,
    gamma: float,
    amsbound: bool,
    weight_decay: float,
) -> Iterator[float]:
    """Luo et al. (2019, alg. 2 and 3), with the bias corrections of the authors' code."""
    m = v = largest = 0.0
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad * grad
        largest = max(largest, v) if amsbound else v
        rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t) / (sqrt(largest) + eps)
        lower, upper = final_lr - final_lr / (gamma * t + 1), final_lr + final_lr / (gamma * t)
        theta -= min(max(rate, lower), upper) * m
        yield theta


def yogi(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    initial_accumulator: float,
    weight_decay: float,
) -> Iterator[float]:
    """Zaheer et al. (2018, alg. 2), with Optax's bias corrections."""
    m, v = 0.0, initial_accumulator
    for t, loss_grad in enumerate(grads, start=1):
        grad = loss_grad + weight_decay * theta
        m = beta1 * m + (1 - beta1) * grad
        v -= (1 - beta2) * sign(v - grad * grad) * grad * grad
        theta -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)
        yield theta


def adan(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    beta1: float,
    beta2: float,
    beta3: float,
    eps: float,
    weight_decay: float,
    proximal: bool,
) -> Iterator[float]:
    """Xie et al. (2022, alg. 1), each beta one minus the paper's, with the authors' bias corrections."""
    m = v = n = 0.0
    for t, (last, grad) in enumerate(pairwise([grads[0], *grads]), start=1):
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * (grad - last)
        n = beta3 * n + (1 - beta3) * (grad + beta2 * (grad - last)) ** 2
        rate = lr / (sqrt(n / (1 - beta3**t)) + eps)
        step = rate * (m / (1 - beta1**t) + beta2 * v / (1 - beta2**t))
        if proximal:
            theta = (theta - step) / (1 + weight_decay * lr)
        else:
            theta = (1 - weight_decay * lr) * theta - step
        yield theta


def lion(
    theta: float, grads: list[float], *, lr: float, beta1: float, beta2: float, weight_decay: float
) -> Iterator[float]:
    """Chen et al. (2023, alg. 2)."""
    m = 0.0
    for grad in grads:
        theta -= lr * (sign(beta1 * m + (1 - beta1) * grad) + weight_decay * theta)
        m = beta2 * m + (1 - beta2) * grad
        yield theta


def signsgd(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    decoupled: bool,
) -> Iterator[float]:
    """Bernstein et al. (2018, alg. 1 and 2)."""
    m = 0.0
    for loss_grad in grads:
        grad = loss_grad if decoupled else loss_grad + weight_decay * theta
        m = momentum * m + (1 - momentum) * grad
        theta -= lr * sign(m) + (lr * weight_decay * theta if decoupled else 0.0)
        yield theta


def rprop(
    theta: float,
    grads: list[float],
    *,
    lr: float,
    eta_minus: float,
    eta_plus: float,
    step_min: float,
    step_max: float,
) -> Iterator[float]:
    """Igel & Hüsken (2000), iRprop-."""
    last, size = 0.0, lr
    for grad in grads:
        if last * grad > 0:
            size *= eta_plus
        elif last * grad < 0:
            size *= eta_minus
        size = min(max(size, step_min), step_max)
        last = 0.0 if last * grad < 0 else grad
        theta -= size * sign(last)
        yield theta


def sign(number: float) -> float:
    return copysign(1.0, number) if number else 0.0


ORACLES: dict[str, Callable[..., Iterator[float]]] = {
    "sgd": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adam": adam,
    "adadelta": adadelta,
    "adamax": adamax,
    "nadam": nadam,
    "radam": radam,
    "adabelief": adabelief,
    "adabound": adabound,
    "yogi": yogi,
    "adan": adan,
    "lion": lion,
    "signsgd": signsgd,
    "rprop": rprop,
}
"""The oracle of each optimizer, by the name it is registered under."""
