"""Problems, each in a file of its own; every file in this folder, and in those below, is registered."""

from importlib import import_module
from pkgutil import walk_packages

from problems.base import PROBLEMS, Choice, Flag, Instance, Numbers, Problem, Text, constant, register
from problems.deep_linear import DeepLinear
from problems.least_squares import LeastSquares
from problems.logistic import LogisticRegression
from problems.loss import LossProblem
from problems.matrix_factorisation import MatrixFactorisation
from problems.networks.autoencoder import Autoencoder
from problems.networks.char_rnn import CharRNN
from problems.networks.convnet import ConvNet
from problems.networks.mlp import MLP
from problems.networks.mnist1d import MNIST1D
from problems.networks.transformer import Transformer
from problems.networks.vae import VAE
from problems.noisy_quadratic import NoisyQuadratic
from problems.quadratic import QuadraticFit
from problems.quadratic_bowl import QuadraticBowl
from problems.rosenbrock import Rosenbrock

__all__ = [
    "MLP",
    "MNIST1D",
    "PROBLEMS",
    "VAE",
    "Autoencoder",
    "CharRNN",
    "Choice",
    "ConvNet",
    "DeepLinear",
    "Flag",
    "Instance",
    "LeastSquares",
    "LogisticRegression",
    "LossProblem",
    "MatrixFactorisation",
    "NoisyQuadratic",
    "Numbers",
    "Problem",
    "QuadraticBowl",
    "QuadraticFit",
    "Rosenbrock",
    "Text",
    "Transformer",
    "constant",
    "register",
]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
