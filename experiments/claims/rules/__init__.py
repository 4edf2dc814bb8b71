"""Claims without code: a rule over measures, read from a mapping, and applied to runs.

``read`` makes a rule of what a file says, or says in one line what is wrong with it; ``decided`` applies it
to the runs of a study, and ``map_of`` over two axes. All is pure: tables in, a finding out.
"""

from experiments.claims.rules.finding import decided
from experiments.claims.rules.map import map_of
from experiments.claims.rules.reading import Stated, read
from experiments.claims.rules.rule import Rule
from experiments.claims.rules.there import There, there_in
from experiments.claims.rules.words import predicate

__all__ = ["Rule", "Stated", "There", "decided", "map_of", "predicate", "read", "there_in"]
