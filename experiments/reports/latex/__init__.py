"""A report for a paper: tables for booktabs, figures as PDF, a paragraph on methods, a document of all."""

from experiments.reports.latex.document import joined, set_sections, write_latex
from experiments.reports.latex.methods import claim_methods, study_methods
from experiments.reports.latex.origin import Studied, left_out, origin_of

__all__ = [
    "Studied",
    "claim_methods",
    "joined",
    "left_out",
    "origin_of",
    "set_sections",
    "study_methods",
    "write_latex",
]
