"""A report as one HTML file that needs nothing else: to open from disk, to send by mail."""

from experiments.reports.html.document import write_document
from experiments.reports.html.entries import listed, runs_fold
from experiments.reports.html.fragments import Fold

__all__ = ["Fold", "listed", "runs_fold", "write_document"]
