"""Problems, each in a file of its own; every file in this folder, and in those below, is registered."""

from importlib import import_module
from pkgutil import walk_packages

from problems.base import PROBLEMS, Choice, Flag, Instance, Numbers, Problem, Text, constant, register
from problems.deep_linear import DeepLinear
from problems.functions.ackley import Ackley
from problems.functions.base import FunctionProblem
from problems.functions.beale import Beale
from problems.functions.booth import Booth
from problems.functions.dixon_price import DixonPrice
from problems.functions.ellipsoid import Ellipsoid
from problems.functions.goldstein_price import GoldsteinPrice
from problems.functions.griewank import Griewank
from problems.functions.hilbert import Hilbert
from problems.functions.himmelblau import Himmelblau
from problems.functions.levy import Levy
from problems.functions.mccormick import McCormick
from problems.functions.powell_singular import PowellSingular
from problems.functions.rastrigin import Rastrigin
from problems.functions.sphere import Sphere
from problems.functions.styblinski_tang import StyblinskiTang
from problems.functions.three_hump_camel import ThreeHumpCamel
from problems.functions.wood import Wood
from problems.functions.zakharov import Zakharov
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
    "Ackley",
    "Autoencoder",
    "Beale",
    "Booth",
    "CharRNN",
    "Choice",
    "ConvNet",
    "DeepLinear",
    "DixonPrice",
    "Ellipsoid",
    "Flag",
    "FunctionProblem",
    "GoldsteinPrice",
    "Griewank",
    "Hilbert",
    "Himmelblau",
    "Instance",
    "LeastSquares",
    "Levy",
    "LogisticRegression",
    "LossProblem",
    "MatrixFactorisation",
    "McCormick",
    "NoisyQuadratic",
    "Numbers",
    "PowellSingular",
    "Problem",
    "QuadraticBowl",
    "QuadraticFit",
    "Rastrigin",
    "Rosenbrock",
    "Sphere",
    "StyblinskiTang",
    "Text",
    "ThreeHumpCamel",
    "Transformer",
    "Wood",
    "Zakharov",
    "constant",
    "register",
]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
