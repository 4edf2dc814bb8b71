"""A report as one HTML file that needs nothing else: to open from disk, to send by mail."""

from experiments.reports.html.document import stop_reloading, write_document, write_folds
from experiments.reports.html.entries import listed, runs_fold, sources_fold
from experiments.reports.html.fragments import Fold, folds

__all__ = [
    "Fold",
    "folds",
    "listed",
    "runs_fold",
    "sources_fold",
    "stop_reloading",
    "write_document",
    "write_folds",
]
