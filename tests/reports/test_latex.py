"""A report as LaTeX: its numbers, the marks that tests decide, fonts, methods, and that it compiles."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from command_line import Ended, files, here
from drawn import without_rendering
from scipy.stats import binomtest, friedmanchisquare, rankdata
from test_answer import BOWLS, Costs, study

from experiments import report as command
from experiments.figures.parts import Contest, Part, Table, Text
from experiments.reports.answer import answer_parts
from experiments.reports.contests import carried
from experiments.reports.latex import Studied, document, origin_of, set_sections, study_methods, write_latex
from experiments.reports.latex.escape import escaped, value
from experiments.reports.latex.layout import TEXT_WIDTH, column, layouts
from experiments.reports.latex.markdown import latex
from experiments.reports.latex.origin import told_by
from experiments.reports.latex.tables import MOST_ROWS, table_text
from experiments.reports.study import rank_tables, study_parts
from experiments.store import Store
from experiments.store.parquet import write_text
from experiments.tables.distinct import distinct
from experiments.tuning.protocol import split

GRID = (
    *("-m", "engine=numpy", "steps=30", "record.points=6", "optimizer=rmsprop,sgd,adam"),
    *("problem=quadratic,rosenbrock,quadratic_bowl", "optimizer.lr=0.01,0.1", "seed=range(0,6)"),
)
CLAIM = """
statement: RMSprop ends lower than SGD, by 10 % & more.
study: mine
rule: {compare: optimizer, better: rmsprop, than: sgd, measure: suboptimality}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("latex")
    assert here(place, "run", *GRID, "study=full").code == 0
    return place


@pytest.fixture(scope="module")
def ended(folder: Path) -> Ended:
    with pytest.MonkeyPatch.context() as patched:
        without_rendering(patched)
        patched.setattr(command, "write_document", lambda folder, *_: folder / "report.html")  # quicker
        return here(folder, "report", "study=full", "latex=true")


@pytest.fixture
def report(folder: Path, ended: Ended) -> Path:
    return folder / "results" / "full" / "report"


# --- Reading LaTeX back ---


def tabulars(text: str) -> list[list[list[str]]]:
    """Return the rows of each table in a file, heading first, as cells without their marks."""
    found = []
    for body in re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL):
        head, rows = body.split("\\midrule\n", 1)
        lines = [head.strip().removesuffix(r"\\"), *(row.removesuffix(r" \\") for row in rows.splitlines())]
        found.append([[cell.strip() for cell in re.split(r" & |&$", line)] for line in lines])
    return found


def plain(text: str) -> str:
    """Return a number of LaTeX as the report writes it."""
    text = text.removeprefix(r"\bfseries \boldmath ")
    text = re.sub(r"^\\underline\{(.*)\}$", r"\1", text).strip("$")
    text = (
        re.sub(r"^10\^\{(-?\d+)\}$", r"1 \\times 10^{\1}", text)
        .replace("--", "nan")
        .replace(r"\infty", "inf")
    )
    return re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", text)


def marked(text: str, column: int) -> dict[str, list[str]]:
    """Return the first cells of the rows of a table whose value in a column is bold, and underlined."""
    [rows] = tabulars(text)
    begins = {"best": r"\bfseries", "equal": r"\underline"}
    return {
        kind: [row[0] for row in rows[1:] if row[column].startswith(sign)] for kind, sign in begins.items()
    }


# --- The files of a study's report ---


def test_the_folder_has_a_file_for_each_table_and_figure(report: Path, ended: Ended) -> None:
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1].endswith("and, for LaTeX, results/full/report/latex/report.tex")
    tables = {path.stem for path in (report / "tables").glob("*.md")}
    figures = {path.stem for path in (report / "figures").glob("*.svg")}
    assert set(files(report / "latex")) == {
        *("report.tex", "methods.tex"),
        *(f"tables/{name}.tex" for name in tables),
        *(f"figures/{name}.pdf" for name in figures),
    }
    text = (report / "latex" / "report.tex").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\\input\{tables/(\w+)\.tex\}", text)) == sorted(tables)
    assert sorted(re.findall(r"\{figures/(\w+)\.pdf\}", text)) == sorted(figures)
    assert r"\input{methods.tex}" in text


def test_the_numbers_are_those_of_the_report(report: Path, ended: Ended) -> None:
    seen = 0
    for path in (report / "latex" / "tables").glob("*.tex"):
        frame = pd.read_csv(report / "tables" / f"{path.stem}.csv")
        parts = tabulars(path.read_text(encoding="utf-8"))
        rows = [list(chain.from_iterable(part[place] for part in parts)) for place in range(len(frame) + 1)]
        assert all(len(part) == len(frame) + 1 for part in parts)
        found = pd.DataFrame(rows[1:])
        for number, name in enumerate(frame.select_dtypes("number")):
            expected = [f"{each:.4g}" for each in frame[name].astype(float)]
            columns = [[plain(each) for each in found[place]] for place in found]
            floats = [[f"{float(each):.4g}" for each in c] for c in columns if all(map(is_number, c))]
            assert expected in floats, f"{path.stem}, {name}, {number}"
            seen += len(expected)
    assert seen > 200


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_without_the_word_there_is_no_latex(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "results" / "full", tmp_path / "results" / "full", ignore=lambda *_: ["report"])
    ended = here(tmp_path, "report", "study=full", "latex=maybe")
    assert (ended.code, ended.err) == (2, "error: latex must be true or false, got 'maybe'\n")
    assert not (tmp_path / "results" / "full" / "report").exists()


def test_every_letter_of_a_figure_is_of_an_embedded_truetype_font(report: Path, ended: Ended) -> None:
    figures = list((report / "latex" / "figures").glob("*.pdf"))
    assert figures
    for path in figures:
        data = path.read_bytes()
        kinds = re.findall(
            rb"/Type /Font\b(?!Descriptor)[^>]*?/Subtype /(\w+)|/Subtype /(\w+)[^>]*?/Type /Font\b", data
        )
        assert {first or second for first, second in kinds} == {b"Type0", b"CIDFontType2"}, path.name
        assert data.count(b"/Type /FontDescriptor") == data.count(b"/FontFile2 ") > 0
        assert b"CreationDate" not in data
    if shutil.which("pdffonts"):
        said = subprocess.run(["pdffonts", figures[0]], capture_output=True, text=True, check=True).stdout
        assert all("TrueType" in line and " yes " in line for line in said.splitlines()[2:])


# --- Marks: what the report's tests decide ---


def in_latex(runs: pd.DataFrame, *names: str, measure: str = "suboptimality") -> list[str]:
    """Return the LaTeX of tables of the answer, and of those beside it."""
    by_use = split(runs)
    where = ("study=s",)
    parts = [*answer_parts(by_use, measure, 2.0, where), *rank_tables(by_use, measure, where)]
    tables = {part.name: table_text(part) for part in carried(parts) if isinstance(part, Table)}
    return [tables[name] for name in names]


@pytest.mark.parametrize("seed", range(3))
def test_of_mean_ranks_those_not_told_from_the_best_by_nemenyi_are_underlined(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["adam", "sgd", "rmsprop", "adagrad"]
    costs: Costs = {name: list(rng.lognormal(place * 0.8, 1, 9)) for place, name in enumerate(names)}
    table = np.array(list(costs.values())).T
    ranks = dict(zip(names, rankdata(table, axis=1).mean(axis=0), strict=True))
    best = min(ranks, key=lambda each: ranks[each])
    p = scikit_posthocs.posthoc_nemenyi_friedman(table)[names.index(best)].to_numpy()
    assert friedmanchisquare(*table.T).pvalue < 0.01  # far from where the two forms of the test differ
    expected = {each for each, number in zip(names, p, strict=True) if each != best and number > 0.05}
    for text in in_latex(study(costs, spread=0), "in_short", "ranks"):
        [rows] = tabulars(text)
        found = marked(text, next(i for i, head in enumerate(rows[0]) if "mean" in head))
        assert found["best"] == [best]
        assert set(found["equal"]) == expected
        assert "Nemenyi's test" in text


def test_what_a_mark_means_is_said_where_there_is_one_alone() -> None:
    [text] = in_latex(study(BOWLS), "in_short")
    assert "Of mean rank, bold is the best, underlined what is not shown to be worse" in text
    [alone] = in_latex(study({name: values[:1] for name, values in BOWLS.items()}), "ranks")
    assert "bold" not in alone
    assert r"\bfseries" not in alone


def test_over_seeds_the_interval_of_the_probability_to_be_better_decides() -> None:
    runs = study({"sgd": [1.0], "adam": [1.0], "rmsprop": [9.0]}, seeds=12, spread=3)
    shown = split(runs).shown
    at_best = shown[shown["optimizer.lr"] == 0.01].pivot(
        index="seed", columns="optimizer", values="suboptimality"
    )
    best = str(at_best.median().idxmin())
    wins = {name: int((at_best[best] < at_best[name]).sum()) for name in at_best if name != best}
    count = len(at_best)
    low = {name: binomtest(won, count).proportion_ci(method="exact").low for name, won in wins.items()}
    assert low["rmsprop"] > 0.5 > min(low.values())  # or it would test nothing
    [rows] = tabulars(in_latex(runs, "in_short")[0])
    place = rows[0].index("median")
    signs = {row[1]: row[place].partition(" ")[0].partition("{")[0] for row in rows[1:]}
    assert signs[best] == r"\bfseries"
    other = ({"sgd", "adam"} - {best}).pop()
    assert signs[other] == r"\underline"
    assert signs["rmsprop"] not in (r"\bfseries", r"\underline")


def test_where_nothing_decides_there_is_no_mark() -> None:
    one = study({name: values[:1] for name, values in BOWLS.items()}, seeds=1)
    lost = study({"sgd": [np.inf], "adam": [np.inf]})
    alike = study({"sgd": [1.0] * 4, "adam": [1.0] * 4, "rmsprop": [1.0] * 4}, spread=0)
    for runs in (one, lost, alike):
        [text] = in_latex(runs, "in_short")
        assert r"\bfseries" not in text
        assert r"\underline" not in text


def test_a_higher_accuracy_is_the_better_one() -> None:
    accuracies: Costs = {"adam": [0.9], "sgd": [0.5]}
    [rows] = tabulars(in_latex(study(accuracies, measure="accuracy"), "in_short", measure="accuracy")[0])
    assert [row[1] for row in rows if r"\bfseries" in " ".join(row)] == ["adam"]


def test_a_number_that_differs_takes_no_mark_along() -> None:
    parts: list[Part] = [
        Table(
            "in_short", "", ranks([1.0, 2.0]), contest=Contest("mean_rank", (True, False), (False, True), "T")
        ),
        Table("ranks", "", ranks([1.0, 2.0])),
    ]
    [_, table] = carried(parts)
    assert isinstance(table, Table)
    assert table.contest == Contest("mean_rank", (True, False), (False, True), "T")
    [_, table] = carried([parts[0], Table("ranks", "", ranks([1.0, 2.5]))])
    assert isinstance(table, Table)
    assert table.contest is None


def ranks(values: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({"optimizer": ["sgd", "adam"], "mean_rank": values})


# --- Text ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % of a_b & c #1", r"50 \% of a\_b \& c \#1"),
        (r"{x} \y ~z ^2 $3", r"\{x\} \textbackslash{}y \textasciitilde{}z \textasciicircum{}2 \$3"),
        ("a<b>c|d", r"a\textless{}b\textgreater{}c\textbar{}d"),
        ("Größe é ŝ", r"Gr{\"{o}}\ss{}e {\'{e}} {\^{s}}"),
        ("[1, 2] *", "[1, 2] *"),
        (
            "∞ ≤ \u03b1 Ω x²",
            r"\ensuremath{\infty} \ensuremath{\le} \ensuremath{\alpha} "
            r"\ensuremath{\Omega} x\ensuremath{^{2}}",
        ),
        ("--help \u2013 中\t", r"-{}-help -- [U+4E2D] "),
    ],
)
def test_a_text_is_escaped_and_no_letter_is_lost(text: str, expected: str) -> None:
    assert escaped(text) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1.234e-5, r"$1.234 \times 10^{-5}$"),
        (1e-5, "$10^{-5}$"),
        (-2.5e10, r"$-2.5 \times 10^{10}$"),
        (0.25, "0.25"),
        (-0.25, "$-0.25$"),
        (np.inf, r"$\infty$"),
        (-np.inf, r"$-\infty$"),
        (np.nan, "--"),
        (12, "12"),
        (True, "yes"),
        ("a_1e-5", r"a\_1e-5"),
    ],
)
def test_a_number_is_in_math_where_it_has_an_exponent_or_a_sign(number: object, expected: str) -> None:
    assert value(number) == expected


def test_markdown_becomes_latex() -> None:
    text = (
        "## A & B\n\n**Best** of `a_b`: [here](x.csv), [there](https://a.org/b#c).\n\n- one\n- two 5 %\n\n"
        "```\nx = {1}\n```"
    )
    found = latex(text)
    for part in (
        r"\section{A \& B}",
        r"\textbf{Best} of \texttt{a\_b}: {here}, \href{https://a.org/b\#c}{there}.",
        "\\begin{itemize}\n\\item{} one",
        r"two 5 \%",
        r"\texttt{x = {\char123}1{\char125}}",
    ):
        assert part in found


# --- Tables that are wide, or long ---


def wide(columns: int, rows: int = 3) -> pd.DataFrame:
    numbers = {
        f"column_{place}": [10.0**-place * (1 + row) for row in range(rows)] for place in range(columns)
    }
    return pd.DataFrame({"problem": ["quadratic_bowl"] * rows, "optimizer": ["a&b"] * rows, **numbers})


def test_a_table_that_is_too_wide_is_cut_and_each_part_says_what_its_rows_are_of() -> None:
    frame = wide(31)
    text = table_text(Table("wide", "Many", frame))
    parts = tabulars(text)
    assert len(parts) > 2
    assert all(part[1][:2] == [r"quadratic\_bowl", r"a\&b"] for part in parts)
    cells = list(chain.from_iterable(part[1][2:] for part in parts))
    assert [float(plain(each)) for each in cells] == pytest.approx(frame.iloc[0, 2:].tolist())
    assert [f"part {n} of {len(parts)}" in text for n in range(1, len(parts) + 1)] == [True] * len(parts)


def test_what_fits_is_not_cut_and_what_is_long_wraps() -> None:
    words = "the learning rate is at the end of its grid, " * 6
    columns = [column("why", [words], False), column("n", ["12"], True)]
    [layout] = layouts(columns, 1)
    assert layout.size == "small"
    assert "p{" in layout.formats[0]
    assert layout.formats[1] == "r"
    assert columns[0].width * 9 > TEXT_WIDTH


def test_a_long_table_goes_on_over_pages_and_says_what_it_leaves_out() -> None:
    frame = pd.DataFrame({"seed": range(MOST_ROWS + 7)})
    text = table_text(Table("long", "Seeds", frame))
    assert "\\begin{longtable}" in text
    assert "7 more rows are in tables/long.csv of the report." in text
    assert len(tabulars(table_text(Table("short", "Seeds", frame.head(9))))[0]) == 10


def test_a_table_without_rows_is_told() -> None:
    text = table_text(Table("none", "Nothing", pd.DataFrame({"a": []})))
    assert text == "\\emph{Nothing}: no rows.\n"


# --- Methods ---


def test_the_paragraph_on_methods_states_what_there_is(report: Path, folder: Path, ended: Ended) -> None:
    runs = Store(folder / "results" / "full").runs()
    said = (report / "latex" / "methods.tex").read_text(encoding="utf-8")
    assert f"{len(runs)} runs in all" in said
    assert "adam, rmsprop and sgd were run on 3 problem instances" in said
    assert "on seeds 0 to 5;" in said
    assert "Each run took 30 steps." in said
    assert "optimizer.lr=0.01,0.1" in said
    assert "the settings to choose from were 2 for each optimizer" in said
    assert "by the best median suboptimality on seeds 4 to 5, and are compared on seeds 0 to 3" in said
    assert f"{(runs['status'] == 'diverged').sum()} of {len(runs)} runs diverged" in said
    for test in ("Friedman", "Iman and Davenport", "Nemenyi", "Wilcoxon", "Holm", r"5\%", r"95\%"):
        assert test in said
    assert "numpy, float64, cpu" in said
    assert f"NumPy {np.__version__}" in said
    assert "Not recorded with the runs: the processor's model." in said


def test_methods_say_what_is_not_recorded_and_how_many_runs_each_version_made() -> None:
    runs = study(BOWLS).assign(engine="jax")
    files = [(3, {"python": "3.12.1", "machine": "host x86_64"}), (5, {"python": "3.11.2", "numpy": "2.1"})]
    said = study_methods(Studied(runs, pd.DataFrame(), told_by(files)), [], "suboptimality", 2.0)
    assert "Python 3.12.1 (3 runs), Python 3.11.2 (5 runs), NumPy 2.1" in said
    assert "of the kind x86\\_64" in said
    assert "host" not in said
    assert "NumPy of some, code of commit, the processor's model and the version of JAX" in said
    assert "No two optimizers were compared by a test" in said


def test_methods_of_a_search_tell_its_trials_seeds_and_budgets(tmp_path: Path) -> None:
    words = ("optimizer=sgd", "problem=quadratic", "engine=numpy", "steps=5", "seed=0,1,2", "record.points=3")
    tuned = here(
        tmp_path, "tune", "-m", *words, "tune.trials=4", "tune.budgets=[2,4]", "tune.method=sobol", "study=t"
    )
    assert tuned.code == 0
    _, said = parts_of(tmp_path, "t")
    searched = Store(tmp_path / "results" / "t").selections()
    assert len(searched) == 4
    assert "the settings to choose from were 4 for each optimizer" in said
    assert "Trials were drawn by the method sobol" in said
    assert "on 3 tuning seeds; a budget takes the first so many of one pool of trials, 2 or 4" in said
    assert "tune.measure is not recorded; by default" in said
    assert "lr loguniform in [" in said
    assert "on seeds 0 to 2;" in said
    assert "12 of them in searches on tuning seeds" in said


def parts_of(folder: Path, study: str) -> tuple[list[Part], str]:
    """Return the parts of a study's report, and its paragraph on methods."""
    store = Store(folder / "results" / study)
    runs = distinct(store.runs(), store.with_params())
    parts = list(study_parts(store, runs, study, "suboptimality", 2.0))
    studied = Studied(runs, store.selections(), origin_of(store))
    return parts, study_methods(studied, parts, "suboptimality", 2.0)


SMALL = ("-m", "engine=numpy", "steps=5", "record.points=3", "problem=quadratic")
INCOMPLETE = {
    "one": (("optimizer=sgd", "seed=0"), "No two optimizers were compared by a test", "1 run in all"),
    "seed": (("optimizer=sgd,adam", "seed=3", "optimizer.lr=0.1,0.01"), "on seed 3;", "4 runs in all"),
    "lost": (("optimizer=sgd,adam", "seed=0,1,2", "optimizer.lr=1e200"), "6 of 6 runs diverged", "1e+200"),
}


@pytest.fixture(scope="module")
def incomplete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("incomplete")
    for name, (words, *_) in INCOMPLETE.items():
        assert here(place, "run", *SMALL, *words, f"study={name}").code == 0
    return place


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn, but their files are left empty."""
    monkeypatch.setattr(document, "save_pdf", lambda figure, path: write_text(path, ""))


@pytest.mark.usefixtures("unsaved")
def test_incomplete_studies_have_their_latex_without_marks(incomplete: Path) -> None:
    for name, (_, *expected) in INCOMPLETE.items():
        parts, methods = parts_of(incomplete, name)
        assert [each for each in expected if each not in methods] == []
        place = incomplete / name
        assert len(set_sections(place, parts)) > 3
        tables = {
            path.name: path.read_text(encoding="utf-8") for path in (place / "latex" / "tables").iterdir()
        }
        assert "best_settings.tex" in tables
        assert [each for each, text in tables.items() if r"\bfseries" in text or r"\underline" in text] == []


# --- A claim ---


def test_a_claim_has_its_latex_with_the_rule(tmp_path: Path) -> None:
    words = ("optimizer=sgd,rmsprop", "steps=10", "record.points=5", "seed=range(0,6)", "study=mine")
    assert here(tmp_path, "run", "-m", "engine=numpy", *words).code == 0
    (tmp_path / "lower.yaml").write_text(CLAIM, encoding="utf-8")
    ended = here(tmp_path, "judge", "claim=lower.yaml", "latex=true")
    assert (ended.code, ended.out.count("report.tex")) == (0, 1)
    folder = tmp_path / "results" / "mine" / "claims" / "lower" / "latex"
    assert r"RMSprop ends lower than SGD, by 10 \% \& more." in (folder / "report.tex").read_text(
        encoding="utf-8"
    )
    methods = (folder / "methods.tex").read_text(encoding="utf-8")
    assert "12 runs in all" in methods
    assert "The claim was decided by this rule alone: optimizer=rmsprop against sgd" in methods
    assert (folder / "tables" / "lower_effect.tex").is_file()


# --- It compiles ---


def compiled(folder: Path) -> str:
    """Return the log of TeX on a document, run twice so that references are known."""
    for _ in range(2):
        ended = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        log = (folder / "report.log").read_text(encoding="latin-1")
        assert ended.returncode == 0, log[-2000:]
    return log


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_document_compiles_and_nothing_sticks_out(report: Path, ended: Ended, tmp_path: Path) -> None:
    letters = [*map(chr, range(32, 127))]
    odd = (
        " ".join("".join(letters[start : start + 8]) for start in range(0, 95, 8))
        + " Größe ∞ ≤ \u03b1 中 \u2013 … é ŝ x² ½"
    )
    text = pd.DataFrame(
        {
            "why": [f"[1] {odd} " * 3, "*short", "中"],
            "run": ["optimizer.lr=logspace:1e-4:1:25," * 9, odd, ""],
        }
    )
    parts: list[Part] = [
        Text("# Title"),
        Text(
            f"## All & {odd.replace('`', '')}\n\n- `a/long/path_of=many,{'words-' * 30}`\n\n"
            f"```\n{odd * 3}\n```"
        ),
        Table("odd", odd, text),
        Table("wide", "Many columns", wide(40, 4)),
        Table("long", "Many rows", wide(6, 250)),
    ]
    write_latex(tmp_path, odd, set_sections(tmp_path, parts), f"{escaped(odd)}.\n", "this")
    for folder in (report / "latex", tmp_path / "latex"):
        log = compiled(folder)
        assert [line for line in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(line) > 2] == []
        assert "undefined" not in log
