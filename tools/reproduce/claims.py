"""Claims of the paper, compared with our records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gliofit.assess.names import surrogate_name
from gliofit.paper import TEST_MSE, paper_table
from gliofit.report.names import method_name
from gliofit.report.numbers import format_quantity
from gliofit.report.table import Table, text_table
from tools.reproduce.sources import Records, Source, patient_sources, synthetic_sources

TABLE2, TABLE3 = paper_table(2), paper_table(3)


@dataclass(frozen=True)
class Finding:
    """Evidence of one run for a claim.

    Parameters
    ----------
    run
        Run, and scenario if it is one of a study.
    evidence
        The numbers.
    seen
        Whether they support the claim.
    """

    run: str
    evidence: str
    seen: bool


@dataclass(frozen=True)
class Claim:
    """Claim of the paper.

    Parameters
    ----------
    place
        Section of the paper.
    says
        The claim in our words.
    examine
        Function that finds the evidence in records.
    """

    place: str
    says: str
    examine: Callable[[Records], Iterator[Finding]]


def claims_table(records: Records) -> Table:
    """Create the table of claims, with a line for every run with evidence."""
    rows = []
    for claim in CLAIMS:
        findings = list(claim.examine(records))
        for place, finding in enumerate(findings):
            first = ["", ""] if place else [claim.place, claim.says]
            rows.append([*first, finding.run, finding.evidence, "yes" if finding.seen else "no"])
        if not findings:
            rows.append([claim.place, claim.says, "–", "no record", "–"])
    return text_table(["paper", "says", "run", "our result", "seen here"], rows, 5)


def _mean(source: Source, method: str, metric: str) -> float:
    return float(source.methods[method]["values"][metric][0])


def _median(source: Source, method: str, metric: str) -> float:
    return float(source.methods[method]["values"][metric][2])


def _with(sources: Sequence[Source], *methods: str) -> Iterator[Source]:
    """Return sources with all of these methods."""
    yield from (source for source in sources if all(method in source.methods for method in methods))


def _percent(value: float) -> str:
    return f"{format_quantity(100 * value)} %"


def _forward(records: Records) -> Iterator[Finding]:
    for name, record in records.items():
        for line in record.get("assess", {}).get("forward", []):
            if line["group"] == "atlas":
                mse = line["mse_cube"][0]
                text = f"{surrogate_name(line['model'])}: MSE {format_quantity(mse)} in the cube"
                yield Finding(name, text, mse <= TEST_MSE)


def _solver_parameters(records: Records) -> Iterator[Finding]:
    for source in _with(synthetic_sources(records), "cmaes-solver"):
        mse, ncc = (_mean(source, "cmaes-solver", metric) for metric in ("mse_volume", "ncc_volume"))
        errors = [_mean(source, "cmaes-solver", f"{name}_relative_error") for name in ("mu_rho", "mu_d")]
        # The paper's errors are 18 and 27 %; the threshold is a tenth.
        text = (
            f"MSE {format_quantity(mse)}, NCC {ncc:.3f}; μ_ρ off by {_percent(errors[0])}, μ_D by {_percent(errors[1])}"
        )
        yield Finding(source.label, text, mse < TABLE2["hybrid"].values["mse_volume"].mean and max(errors) > 0.1)


def _direct_never_good(records: Records) -> Iterator[Finding]:
    for source in _with(synthetic_sources(records), "direct"):
        entry = source.methods["direct"]
        total = sum(entry["counts"])
        middle, bad = entry["counts"][3] / total, entry["counts"][4] / total
        good = 1 - middle - bad
        text = (
            f"{_percent(good)} of errors below 10⁻³, {_percent(middle)} between 10⁻³ and 10⁻², {_percent(bad)} above; "
            f"largest {format_quantity(entry['largest'])}"
        )
        yield Finding(source.label, text, middle > 0.5 and bad < 0.05)


def _gradient_fails_sometimes(records: Records) -> Iterator[Finding]:
    for source in _with(synthetic_sources(records), "gradient-surrogate"):
        mean, median = (find(source, "gradient-surrogate", "mse_volume") for find in (_mean, _median))
        entry = source.methods["gradient-surrogate"]
        values = {"mean": mean, "median": median, "largest": entry["largest"]}
        text = ", ".join(f"{name} {format_quantity(value)}" for name, value in values.items())
        yield Finding(source.label, text, entry["counts"][4] > 0 and mean > 2 * median)


def _hybrid_best(records: Records) -> Iterator[Finding]:
    for source in _with(synthetic_sources(records), "hybrid", "direct", "gradient-surrogate"):
        pairs = {pair["second"]: pair for pair in source.pairs if pair["first"] == "hybrid"}
        better = all(
            _mean(source, "hybrid", "mse_volume") < _mean(source, other, "mse_volume")
            and pair["better"] > pair["worse"]
            for other, pair in pairs.items()
        )
        parts = [
            f"better than {method_name(other)} in {pair['better']} of {pair['cases']} cases, worse in {pair['worse']}"
            for other, pair in pairs.items()
        ]
        means = ", ".join(
            f"{method_name(method)} {format_quantity(_mean(source, method, 'mse_volume'))}"
            for method in ("hybrid", "direct", "gradient-surrogate")
        )
        yield Finding(source.label, f"{'; '.join(parts)}; means {means}", better)


def _speed(records: Records) -> Iterator[Finding]:
    for source in _with(synthetic_sources(records), "cmaes-solver", "hybrid"):
        slow, fast = (_mean(source, method, "wall_seconds") for method in ("cmaes-solver", "hybrid"))
        ratio = TABLE2["cmaes-solver"].values["wall_seconds"].mean / TABLE2["hybrid"].values["wall_seconds"].mean
        text = (
            f"CMA-ES on solver {format_quantity(slow)} s, hybrid {format_quantity(fast)} s: "
            f"{format_quantity(slow / fast)} times as fast (paper: {format_quantity(ratio)} times)"
        )
        yield Finding(source.label, text, slow > 100 * fast)


def _order(metric: str, lower: str, higher: str) -> Callable[[Records], Iterator[Finding]]:
    """Compare the means of two methods on patients."""

    def examine(records: Records) -> Iterator[Finding]:
        for source in _with(patient_sources(records, "reference"), lower, higher):
            values = [_mean(source, method, metric) for method in (lower, higher)]
            printed = [TABLE3[method].values[metric].mean for method in (lower, higher)]
            show = format_quantity if metric.startswith("mse") else "{:.3f}".format
            text = (
                f"{method_name(lower)} {show(values[0])}, {method_name(higher)} {show(values[1])} "
                f"(paper: {show(printed[0])}, {show(printed[1])})"
            )
            yield Finding(source.label, text, values[0] < values[1])

    return examine


def _worst(method: str, others: Sequence[str]) -> Callable[[Records], Iterator[Finding]]:
    """Compare MSE and NCC of a method with others on patients."""

    def examine(records: Records) -> Iterator[Finding]:
        for source in _with(patient_sources(records, "reference"), method, *others):
            names = (method, *others)
            mse, ncc = ([_mean(source, name, metric) for name in names] for metric in ("mse_volume", "ncc_volume"))
            text = "; ".join(
                f"{method_name(name)}: MSE {format_quantity(error)}, NCC {like:.3f}"
                for name, error, like in zip(names, mse, ncc, strict=True)
            )
            yield Finding(source.label, text, mse[0] > max(mse[1:]) and ncc[0] < min(ncc[1:]))

    return examine


def _stability(records: Records) -> Iterator[Finding]:
    for name, record in records.items():
        lines = [line for line in record.get("assess", {}).get("stability", []) if line["same_parameters"] is not None]
        if lines:
            shares = [line["same_parameters"] for line in lines]
            text = ", ".join(
                f"{100 * s:.0f} % at {100 * line['radius']:g} %" for s, line in zip(shares, lines, strict=True)
            )
            yield Finding(name, f"same minimum in {text} ({lines[0]['starts']} starts each)", _falling(shares))


def _falling(values: Sequence[float]) -> bool:
    return all(low < high for high, low in pairwise(values))


def _sensitivity(records: Records) -> Iterator[tuple[str, str, dict[tuple[str, float], float]]]:
    """Yield run, model, and the size of the change of c by parameter and change."""
    for name, record in records.items():
        lines = record.get("assess", {}).get("sensitivity", [])
        for model in dict.fromkeys(line["model"] for line in lines):
            sizes = {(line["parameter"], line["change"]): line["size"] for line in lines if line["model"] == model}
            yield name, "solver" if model == "solver" else surrogate_name(model), sizes


def _more_sensitive(records: Records) -> Iterator[Finding]:
    for name, model, sizes in _sensitivity(records):
        mean = {parameter: sum(size for (p, _), size in sizes.items() if p == parameter) / 2
                for parameter in ("mu_d", "mu_rho")}  # fmt: skip
        text = f"{model}: change of c by 20 % of μ_D {mean['mu_d']:.2f}, of μ_ρ {mean['mu_rho']:.2f} (means)"
        yield Finding(name, text, mean["mu_rho"] > mean["mu_d"])


def _under(records: Records) -> Iterator[Finding]:
    for name, model, sizes in _sensitivity(records):
        ratio = {}
        for parameter in ("mu_d", "mu_rho"):
            down, up = (size for (p, _), size in sorted(sizes.items()) if p == parameter)
            ratio[parameter] = down / up
        text = f"{model}: down over up {ratio['mu_d']:.2f} (μ_D), {ratio['mu_rho']:.2f} (μ_ρ)"
        yield Finding(name, text, min(ratio.values()) > 1)


def _causes(records: Records) -> Iterator[Finding]:
    for name, record in records.items():
        for row in record.get("study", []):
            if row["method"] == "gradient-surrogate" and row["preset"] == "paper" and row["undisturbed"]:
                causes = row["causes"]
                rho, d = causes["mu_rho"], causes["mu_d_mm"]
                if rho is None or d is None:
                    continue
                text = f"rank correlation of the MSE with μ_ρ {rho:+.2f}, with μ_D {d:+.2f}"
                yield Finding(f"{name}, {row['scenario']}", text.replace("-", "−"), min(rho, d) > 0.2)


def _threshold(records: Records) -> Iterator[Finding]:
    methods = ("hybrid-segmentation", "gliodil", "lmi")
    for source in _with(patient_sources(records, "segmentation"), *methods):
        dice = [_mean(source, method, "dice_whole_033") for method in methods]
        text = ", ".join(f"{method_name(m)} {d:.2f}" for m, d in zip(methods, dice, strict=True))
        yield Finding(source.label, f"Dice at 0.33: {text}", dice[2] < min(dice[:2]) and abs(dice[0] - dice[1]) < 0.05)


CLAIMS = (
    Claim("3.1", f"The surrogate has a test MSE of {format_quantity(TEST_MSE)}.", _forward),
    Claim("3.2, 3.3", "CMA-ES on the solver fits the tumour well with parameters that are far off.",
          _solver_parameters),
    Claim("figure 3", "Direct prediction is seldom bad and never very good.", _direct_never_good),
    Claim("figure 3", "Gradients through the surrogate are mostly better, and now and then fail.",
          _gradient_fails_sometimes),
    Claim("3.3", "The hybrid beats both of its parts.", _hybrid_best),
    Claim("abstract", "Days become seconds.", _speed),
    Claim("3.4", "On patients, direct prediction reproduces the reference better than gradients.",
          _order("mse_volume", "direct", "gradient-surrogate")),
    Claim("3.4", "On patients, holding the origin at the centre of mass helps the gradient search.",
          _order("mse_volume", "gradient-surrogate-com", "gradient-surrogate")),
    Claim("3.4", "On patients, the hybrid is better than direct prediction.", _order("mse_volume", "hybrid", "direct")),
    Claim("3.4", "GliODIL has a slightly smaller MSE than the hybrid with the centre of mass.",
          _order("mse_volume", "gliodil", "hybrid-com")),
    Claim("3.4", "GliODIL has a lower NCC than the hybrid with the centre of mass.",
          _order("ncc_volume", "gliodil", "hybrid-com")),
    Claim("3.4", "LMI is worse than direct prediction and GliODIL.", _worst("lmi", ("direct", "gliodil"))),
    Claim("table 4", "The farther the start is moved, the fewer searches end in the same minimum.", _stability),
    Claim("figure 5", "The tumour depends more on μ_ρ than on μ_D.", _more_sensitive),
    Claim("figure 5", "Too small a parameter changes more than too large a one.", _under),
    Claim("figure 6", "Gradients err most where growth and diffusion are both high.", _causes),
    Claim("figure 7", "By Dice the hybrid is like GliODIL, and LMI is below both.", _threshold),
)  # fmt: skip
