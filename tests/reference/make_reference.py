"""Make ``trajectories.npz``: what PyTorch and Optax do on our problems, without our code.

Losses are written out here a second time and differentiated by PyTorch and JAX. Run it
where the extra ``peers`` is installed: ``python tests/reference/make_reference.py``. What the file
holds already, by the same versions and settings, stays as it is, since another processor rounds
otherwise; without the file all is made anew.
"""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from settings import (
    NOT_IN_OPTAX,
    NOT_IN_TORCH,
    REFERENCE_PROBLEMS,
    SETTINGS,
    STEPS,
    hyperparameters,
    table,
)
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

FILE = Path(__file__).with_name("trajectories.npz")
LIBRARIES = ("torch", "jax", "optax", "numpy", "scikit-learn")

Loss = Callable[[Any], Any]
Trajectory = tuple[np.ndarray, list[float]]


# --- The problems: a start, a loss in PyTorch, the same loss in JAX. ---


def quadratic() -> tuple[np.ndarray, Loss, Loss]:
    """Half the mean squared error of the article's fit, from the article's start."""
    rng = np.random.RandomState(0)
    x = np.linspace(-3, 3, 100)
    y = 2 * x**2 + 3 * x + 4 + rng.normal(0, 0.5, 100)
    xt, yt = torch.tensor(x), torch.tensor(y)

    def torch_loss(p: torch.Tensor) -> torch.Tensor:
        return ((p[0] * xt**2 + p[1] * xt + p[2] - yt) ** 2).mean() / 2

    def jax_loss(p: jax.Array) -> jax.Array:
        return jnp.mean((p[0] * x**2 + p[1] * x + p[2] - y) ** 2) / 2

    return rng.randn(3), torch_loss, jax_loss


def training_data(loader: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised features with a column of ones, and labels, of the training part."""
    x, y = loader(return_X_y=True)
    x, _, y, _ = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    x = StandardScaler().fit_transform(x)
    return np.hstack([x, np.ones((len(x), 1))]), y


def breast_cancer(l2: float = 0.01) -> tuple[np.ndarray, Loss, Loss]:
    """Binary logistic regression from zero."""
    x, y = training_data(load_breast_cancer)
    xt, yt = torch.tensor(x), torch.tensor(y, dtype=torch.float64)

    def torch_loss(p: torch.Tensor) -> torch.Tensor:
        fit = torch.nn.functional.binary_cross_entropy_with_logits(xt @ p, yt)
        return fit + l2 / 2 * (p**2).sum()

    def jax_loss(p: jax.Array) -> jax.Array:
        return optax.sigmoid_binary_cross_entropy(x @ p, y).mean() + l2 / 2 * (p**2).sum()

    return np.zeros(x.shape[1]), torch_loss, jax_loss


def wine(l2: float = 0.01) -> tuple[np.ndarray, Loss, Loss]:
    """Softmax regression from zero."""
    x, y = training_data(load_wine)
    xt, yt = torch.tensor(x), torch.tensor(y)
    shape = (x.shape[1], 3)

    def torch_loss(p: torch.Tensor) -> torch.Tensor:
        fit = torch.nn.functional.cross_entropy(xt @ p.reshape(shape), yt)
        return fit + l2 / 2 * (p**2).sum()

    def jax_loss(p: jax.Array) -> jax.Array:
        fit = optax.softmax_cross_entropy_with_integer_labels(x @ p.reshape(shape), y).mean()
        return fit + l2 / 2 * (p**2).sum()

    return np.zeros(shape[0] * shape[1]), torch_loss, jax_loss


def rosenbrock(dim: int) -> tuple[np.ndarray, Loss, Loss]:
    """The valley from its classic start; the same expression serves both libraries."""

    def loss(p: Any) -> Any:
        return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()

    return np.resize([-1.2, 1.0], dim), loss, loss


MAKERS = {"quadratic": quadratic, "rosenbrock": rosenbrock}
DATA = {"breast_cancer": breast_cancer, "wine": wine}


def make(problem: str) -> tuple[np.ndarray, Loss, Loss]:
    name, constants = REFERENCE_PROBLEMS[problem]
    return DATA[constants["data"]]() if "data" in constants else MAKERS[name](**constants)


# --- The optimizers, under each library's names. ---


def torch_sgd(params: list[torch.Tensor], **h: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, foreach=False, **h)


def torch_rmsprop(params: list[torch.Tensor], *, beta: float, **h: Any) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(params, alpha=beta, foreach=False, **h)


def torch_adagrad(
    params: list[torch.Tensor], *, initial_accumulator: float = 0.0, **h: Any
) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(params, initial_accumulator_value=initial_accumulator, foreach=False, **h)


def torch_adam(
    params: list[torch.Tensor], *, beta1: float = 0.9, beta2: float = 0.999, decoupled: bool = False, **h: Any
) -> torch.optim.Optimizer:
    rule = torch.optim.AdamW if decoupled else torch.optim.Adam
    h.setdefault("weight_decay", 0.0)
    return rule(params, betas=(beta1, beta2), foreach=False, **h)


def optax_sgd(
    *, lr: float, momentum: float | None = None, nesterov: bool = False
) -> optax.GradientTransformation:
    return optax.sgd(lr, momentum, nesterov)


def optax_rmsprop(*, lr: float, beta: float, **h: Any) -> optax.GradientTransformation:
    return optax.rmsprop(lr, decay=beta, eps_in_sqrt=False, **h)


def optax_adagrad(
    *, lr: float, eps: float, initial_accumulator: float = 0.0, lr_decay: float = 0.0
) -> optax.GradientTransformation:
    return optax.adagrad(lambda count: lr / (1 + count * lr_decay), initial_accumulator, eps)


def optax_adam(
    *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    return optax.adam(lr, beta1, beta2, eps)


def torch_adadelta(params: list[torch.Tensor], **h: Any) -> torch.optim.Optimizer:
    return torch.optim.Adadelta(params, foreach=False, **h)


def with_betas(
    rule: Callable[..., torch.optim.Optimizer], decoupled_key: str = "decoupled"
) -> Callable[..., torch.optim.Optimizer]:
    """Return what makes a rule of PyTorch's whose two betas are one pair."""

    def make(
        params: list[torch.Tensor], *, beta1: float = 0.9, beta2: float = 0.999, **h: Any
    ) -> torch.optim.Optimizer:
        h = {decoupled_key if key == "decoupled" else key: value for key, value in h.items()}
        return rule(params, betas=(beta1, beta2), foreach=False, **h)

    return make


def torch_rprop(
    params: list[torch.Tensor],
    *,
    lr: float,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    step_min: float = 1e-6,
    step_max: float = 50.0,
) -> torch.optim.Optimizer:
    etas, sizes = (eta_minus, eta_plus), (step_min, step_max)
    return torch.optim.Rprop(params, lr=lr, etas=etas, step_sizes=sizes, foreach=False)


def optax_adadelta(*, lr: float, rho: float = 0.9, eps: float = 1e-6) -> optax.GradientTransformation:
    return optax.adadelta(lr, rho, eps)


def optax_adamax(
    *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    return optax.adamax(lr, beta1, beta2, eps)


def optax_nadam(
    *, lr: float, beta1: float, beta2: float, eps: float, momentum_decay: float
) -> optax.GradientTransformation:
    assert 0.96**momentum_decay == 0  # then there is no schedule
    return optax.nadam(lr, beta1, beta2, eps)


def optax_radam(
    *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    return optax.radam(lr, beta1, beta2, eps)


def optax_adabelief(
    *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-16, eps_root: float = 1e-16
) -> optax.GradientTransformation:
    return optax.adabelief(lr, beta1, beta2, eps, eps_root)


def optax_yogi(
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-3,
    initial_accumulator: float = 1e-6,
) -> optax.GradientTransformation:
    """Return Optax's rule, its average gradient from zero."""
    rule = optax.scale_by_yogi(beta1, beta2, eps, initial_accumulator_value=initial_accumulator)

    def init(params: jax.Array) -> Any:
        return rule.init(params)._replace(mu=jnp.zeros_like(params))

    return optax.chain(optax.GradientTransformation(init, rule.update), optax.scale(-lr))


def optax_adan(
    *, beta1: float = 0.98, beta2: float, beta3: float = 0.99, eps: float = 1e-8
) -> optax.GradientTransformation:
    assert beta2 == 0.5  # where Optax weighs the differences as the paper does
    return optax.scale_by_adan(beta1, beta2, beta3, eps)


def optax_lion(*, beta1: float = 0.9, beta2: float = 0.99) -> optax.GradientTransformation:
    return optax.scale_by_lion(beta1, beta2)


def optax_signsgd(*, lr: float, momentum: float | None = None) -> optax.GradientTransformation:
    return optax.sign_sgd(lr) if momentum is None else optax.signum(lr, momentum)


def optax_rprop(
    *,
    lr: float,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    step_min: float = 1e-6,
    step_max: float = 50.0,
) -> optax.GradientTransformation:
    return optax.rprop(lr, eta_minus, eta_plus, step_min, step_max)


TORCH = {
    "sgd": torch_sgd,
    "rmsprop": torch_rmsprop,
    "adagrad": torch_adagrad,
    "adam": torch_adam,
    "adadelta": torch_adadelta,
    "adamax": with_betas(torch.optim.Adamax),
    "nadam": with_betas(torch.optim.NAdam, "decoupled_weight_decay"),
    "radam": with_betas(torch.optim.RAdam, "decoupled_weight_decay"),
    "rprop": torch_rprop,
}
OPTAX = {
    "sgd": optax_sgd,
    "rmsprop": optax_rmsprop,
    "adagrad": optax_adagrad,
    "adam": optax_adam,
    "adadelta": optax_adadelta,
    "adamax": optax_adamax,
    "nadam": optax_nadam,
    "radam": optax_radam,
    "adabelief": optax_adabelief,
    "yogi": optax_yogi,
    "adan": optax_adan,
    "lion": optax_lion,
    "signsgd": optax_signsgd,
    "rprop": optax_rprop,
}


def optax_rule(
    optimizer: str, *, weight_decay: float = 0.0, decoupled: bool = False, proximal: bool = False, **h: Any
) -> optax.GradientTransformation:
    """Return the rule; weight decay is a transformation of its own in Optax."""
    if optimizer == "adam" and decoupled:
        lr = h.pop("lr")
        return optax.adamw(lr, weight_decay=weight_decay, **h)
    decay = optax.add_decayed_weights(weight_decay)
    if proximal:
        lr = h.pop("lr")
        return optax.chain(OPTAX[optimizer](**h), shrunk_after(lr, weight_decay))
    if optimizer in ("adan", "lion"):  # whose decay never enters the gradient
        lr = h.pop("lr")
        return optax.chain(OPTAX[optimizer](**h), decay, optax.scale_by_learning_rate(lr))
    if decoupled:
        shrinkage = optax.add_decayed_weights(-h["lr"] * weight_decay)
        return optax.chain(OPTAX[optimizer](**h), shrinkage)
    return optax.chain(decay, OPTAX[optimizer](**h))


def shrunk_after(lr: float, weight_decay: float) -> optax.GradientTransformation:
    """Return the step after which the parameters are divided by ``1 + lr * weight_decay``."""
    return optax.stateless(lambda scaled, params: (params - lr * scaled) / (1 + lr * weight_decay) - params)


# --- The trajectories. ---


def by_torch(start: np.ndarray, loss: Loss, optimizer: str, h: dict[str, Any]) -> Trajectory:
    """Return the parameters, shape (len(STEPS), dim), and the losses after those steps."""
    params = torch.tensor(start, requires_grad=True)
    rule = TORCH[optimizer]([params], **h)
    path, losses = [], []
    for step in range(1, STEPS[-1] + 1):
        rule.zero_grad()
        loss(params).backward()
        rule.step()
        if step in STEPS:
            path.append(params.detach().numpy().copy())
            losses.append(loss(params).item())
    return np.array(path), losses


def by_optax(start: np.ndarray, loss: Loss, optimizer: str, h: dict[str, Any]) -> Trajectory:
    """Return the same as ``by_torch``, from Optax."""
    rule = optax_rule(optimizer, **h)

    def step(carry: Any, _: None) -> tuple[Any, tuple[jax.Array, jax.Array]]:
        params, state = carry
        updates, state = rule.update(jax.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), (params, loss(params))

    params = jnp.asarray(start)
    _, (path, losses) = jax.jit(lambda carry: jax.lax.scan(step, carry, length=STEPS[-1]))(
        (params, rule.init(params))
    )
    kept = np.array(STEPS) - 1
    return np.asarray(path)[kept], np.asarray(losses)[kept].tolist()


def trajectories(problem: str, about: dict[str, Any], known: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return arrays (settings, steps, dim) and (settings, steps); NaN where a library differs."""
    start, torch_loss, jax_loss = make(problem)
    params = np.full((2, len(SETTINGS), len(STEPS), len(start)), np.nan)
    losses = np.full((2, len(SETTINGS), len(STEPS)), np.nan)
    for row, (name, setting) in enumerate(SETTINGS.items()):
        h = hyperparameters(name, problem)
        if (at := known_row(about, known, problem, name)) is not None:
            for i, library in enumerate(("torch", "optax")):
                params[i, row] = known[f"{library} params {problem}"][at]
                losses[i, row] = known[f"{library} loss {problem}"][at]
            continue
        if name not in NOT_IN_TORCH:
            params[0, row], losses[0, row] = by_torch(start, torch_loss, setting.optimizer, h)
        if name not in NOT_IN_OPTAX:
            params[1, row], losses[1, row] = by_optax(start, jax_loss, setting.optimizer, h)
    return {
        f"{library} {kind} {problem}": values
        for kind, both in (("params", params), ("loss", losses))
        for library, values in zip(("torch", "optax"), both, strict=True)
    }


def read() -> dict[str, Any]:
    """Return what the file holds, or nothing."""
    if not FILE.exists():
        return {}
    with np.load(FILE) as held:
        return dict(held)


def known_row(about: dict[str, Any], known: dict[str, Any], problem: str, setting: str) -> int | None:
    """Return where the file has this setting, made by these versions with these values; else None."""
    before = json.loads(str(known["about"])) if known else {}
    if before.get("versions") != about["versions"] or before["steps"] != list(STEPS):
        return None
    settings = before["table"].get(problem, {})
    return (
        list(settings).index(setting) if settings.get(setting) == about["table"][problem][setting] else None
    )


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # in which NAdam keeps its product of momenta
    jax.config.update("jax_enable_x64", True)
    about = {"versions": {name: version(name) for name in LIBRARIES}, "steps": STEPS, "table": table()}
    arrays, known = {}, read()
    for problem in REFERENCE_PROBLEMS:
        arrays |= trajectories(problem, about, known)
        print(f"{problem}: {len(SETTINGS)} settings")
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
