"""Overrides as the user writes them -> jobs, and the axes that stay inside each job."""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
    Transformer,
)

from experiments.wording import counted

SPACED = re.compile(r"(logspace|linspace):([^:]+):([^:]+):([^:,)'\"]+)")
MOST_VALUES = 1_000_000  # of one key
MOST_JOBS = 10_000


class Job(NamedTuple):
    """One job of a sweep: its overrides, and its axes as the user wrote them."""

    overrides: tuple[str, ...]
    axes: Mapping[str, str] = MappingProxyType({})


def quoted(text: str) -> str:
    """Return ``text`` as a quoted string of Hydra's grammar."""
    return QuotedString(text=text, quote=Quote.single).with_quotes()


def split(
    overrides: Sequence[Override],
    is_axis: Callable[[list[str], str], bool],
    has_key: Callable[[list[str], str], bool],
    choosing: Sequence[str] = (),
    instances: Sequence[Sequence[str]] = ((),),
) -> tuple[list[Job], list[str]]:
    """Return the jobs of a sweep, and a line for each key that some of them do not have.

    Args:
        overrides: parsed, each key once.
        is_axis: whether a swept key may stay inside a job with these other overrides, as long as
            its values are given outright and not by interpolation.
        has_key: whether a job with these other overrides has that key.
        choosing: the keys on whose values it depends, as on options, which others there are.
        instances: the overrides of each contender on each problem of a suite, over which all is swept.

    The overrides of a job stand in the order of ``overrides``.

    Raises:
        KeyError: a key that no job has, and the choices of a job.
        ValueError: a sweep without values, or over an interval.
    """
    given = {override.get_key_element(): override for override in overrides}
    outright = {key: text for key, o in given.items() if varies(o) and "$" not in (text := written(o))}
    seeds = [key for key in outright if "." not in key and is_axis([], key)]
    choices = [override for key, override in given.items() if "." not in key and key not in seeds]
    order, others = list(given), [key for key in given if "." in key or key in seeds]
    jobs, missing, cells = [], dict.fromkeys(others, 0), 0
    chosen_here = cells_of(choices, [given[key] for key in choosing if key in given], has_key)
    for choice, instance in itertools.product(chosen_here, instances):
        chosen, cells = [*choice, *instance], cells + 1
        has = {key: key.startswith(("+", "~")) or has_key(chosen, key) for key in others}
        for key, present in has.items():
            missing[key] += not present
        here = [key for key in others if has[key] and key not in choosing]
        inside = {key: outright[key] for key in here if key in outright and is_axis(chosen, key)}
        kept = [given[key] for key in here if key not in inside]
        jobs += [Job((*in_order([*choice, *rest], order), *instance), inside) for rest in product(kept)]
        check_jobs(len(jobs), [override for key, override in given.items() if key not in inside])
    nowhere = [key for key, count in missing.items() if count == cells]
    if nowhere:
        raise KeyError(str(given[nowhere[0]].input_line), chosen)
    return jobs, [
        f"{key} does not apply to {n} of {counted(cells, 'cell')}: dropped there"
        for key, n in missing.items()
        if n
    ]


def cells_of(
    choices: Sequence[Override], choosing: Sequence[Override], has_key: Callable[[list[str], str], bool]
) -> Iterator[list[str]]:
    """Yield the overrides that choose what a job is: of options, then of what an option lets choose."""
    for options in product(choices):
        own = [override for override in choosing if has_key(options, override.get_key_element())]
        for more in product(own):
            yield [*options, *more]


def in_order(texts: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """Return overrides in the order of their keys: where one writes over another, the later one holds."""
    return tuple(sorted(texts, key=lambda text: keys.index(text.partition("=")[0])))


def product(overrides: Sequence[Override]) -> list[list[str]]:
    """Return the Cartesian product of the sweeps among these overrides."""
    levels = [choices_of(override) for override in overrides]
    check_jobs(math.prod(map(len, levels)), overrides)
    return [list(choice) for choice in itertools.product(*levels)]


def check_jobs(count: int, overrides: Sequence[Override]) -> None:
    """Raise ValueError for more jobs than can be planned."""
    if count > MOST_JOBS:
        swept = " ".join(str(override.input_line) for override in overrides if varies(override))
        raise ValueError(
            f"{swept}: at most {MOST_JOBS:,} cells in one grid, got {count:,}; "
            "seeds and the optimizer's numbers may have more values"
        )


def choices_of(override: Override) -> list[str]:
    """Return one override for each value of a sweep, equal ones once; or the override itself."""
    key = override.get_key_element()
    if not (override.is_sweep_override() or any(map(is_spaced, listed(override)))):
        return [f"{key}={as_text(override.value(), override.get_value_element_as_str())}"]
    if override.is_interval_sweep():
        raise ValueError(f"{override.input_line}: an interval has no count; write the values")
    found = list(dict.fromkeys(f"{key}={text}" for each in elements(override) for text in texts(key, each)))
    if not found:
        raise ValueError(f"{override.input_line}: there must be at least one value, got none")
    return found


def elements(override: Override) -> Iterator[Any]:
    """Yield the values of a sweep, those of a range or choice in a list of others too; or the one value.

    Raises:
        ValueError: a range that is too long, or an interval in a list.
    """
    if not override.is_sweep_override():
        yield override.value()
        return
    check_range(override, override.value())
    for element in override.sweep_iterator():
        if isinstance(element, IntervalSweep):
            raise ValueError(f"{override.input_line}: an interval has no count; write the values")
        check_range(override, element)
        inner = element.range() if isinstance(element, RangeSweep) else [element]
        yield from element.list if isinstance(element, ChoiceSweep) else inner


def texts(key: str, element: Any) -> list[str]:
    """Return one element of a sweep, or the values of the spaced axis that it spells, as one writes them."""
    if is_spaced(unquoted(element)):
        return [f"{value}" for value in spaced(key, unquoted(element))]
    return [as_text(element, Transformer.str(element))]


def as_text(value: Any, text: str) -> str:
    """Return a value as one writes it: ``text``, unless that escapes what stands inside an interpolation."""
    return quoted(value) if isinstance(value, str) and "${" in value and "\\" in value else text


def as_word(value: Any) -> str:
    """Return a value of a configuration as one types it in an override."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return quoted(value) if isinstance(value, str) else f"{value!r}"


def unquoted(element: Any) -> Any:
    """Return an element of a sweep as the value that it is."""
    return element.text if isinstance(element, QuotedString) else element


def is_spaced(value: Any) -> bool:
    """Tell whether a value spells one of the two spaced axes."""
    return isinstance(value, str) and bool(SPACED.fullmatch(value))


def check_range(override: Override, sweep: Any) -> None:
    """Raise ValueError for a range without end, or of more values than one key may have."""
    if not isinstance(sweep, RangeSweep):
        return
    numbers = (sweep.start or 0, sweep.stop or 0, 1 if sweep.step is None else sweep.step)
    if not all(isinstance(number, int) or math.isfinite(number) for number in numbers) or not numbers[2]:
        raise ValueError(f"{override.input_line}: a range needs finite ends and a step other than 0")
    start, stop, step = map(Fraction, numbers)
    count = math.ceil((stop - start) / step)
    if count > MOST_VALUES:
        raise ValueError(f"{override.input_line}: at most {MOST_VALUES:,} values of one key, got {count:,}")


def listed(override: Override) -> list[Any]:
    """Return the values that stand in an override; of a range the first, of a glob or an interval none."""
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return [each.start if isinstance(each, RangeSweep) else unquoted(each) for each in value.list]
    if isinstance(value, RangeSweep):
        return [value.start]
    return [] if override.is_sweep_override() else [value]


def varies(override: Override) -> bool:
    """Tell whether an override is a sweep, or spells one of the two spaced axes."""
    return override.is_sweep_override() or bool(SPACED.fullmatch(written(override)))


def written(override: Override) -> str:
    """Return the value of an override as the user wrote it."""
    return str(override.input_line).partition("=")[2]


def values(key: str, text: str) -> list[Any]:
    """Return the values of one axis.

    ``text`` is a value or sweep of Hydra's grammar (``0.1,0.2``, ``range(0,100)``,
    ``choice(...)``), in which ``logspace:low:high:count`` and ``linspace:low:high:count``
    stand for that many values, both ends included.

    Raises:
        ValueError: a sweep without a count, or a spaced axis that is not well formed.
    """
    override = OverridesParser.create().parse_override(f"{key}={text}")
    if override.is_interval_sweep():
        raise ValueError(
            f"{key}={text}: how many values? Write logspace:low:high:count or linspace:low:high:count"
        )
    found = [value for element in elements(override) for value in spaced(key, unquoted(element))]
    if not found:
        raise ValueError(f"{key}={text}: there must be at least one value, got none")
    return found


def spaced(key: str, element: Any) -> Iterable[Any]:
    """Return the values that a spaced axis stands for, or the element itself."""
    import numpy as np

    match = SPACED.fullmatch(element) if isinstance(element, str) else None
    if match is None:
        return [element]
    try:
        low, high, count = float(match[2]), float(match[3]), int(match[4])
    except ValueError:
        low, high, count = 0.0, 0.0, 0
    finite = math.isfinite(high - low)
    if not (2 <= count <= MOST_VALUES and finite and low < high) or (match[1] == "logspace" and low <= 0):
        raise ValueError(
            f"{key}={element}: {match[1]}:low:high:count needs "
            f"{'0 < ' if match[1] == 'logspace' else ''}low < high and a count from 2 to {MOST_VALUES:,}"
        )
    grid = np.geomspace(low, high, count) if match[1] == "logspace" else np.linspace(low, high, count)
    # twelve digits: 0.01 on the way from 1e-3 to 1 is then the 0.01 that a user types
    return [float(f"{value:.12g}") for value in grid]
