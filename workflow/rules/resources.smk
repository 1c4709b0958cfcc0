"""How long jobs may take and how much memory they get, by how much there is to do.

Limits and no forecasts: where a cluster enforces them, a job that needs more is ended. Seconds and megabytes were taken
from the benchmarks of runs at 1 and 2 mm on cores of a shared AMD EPYC, and are about twice what was found there. Networks
were timed on the CPU; those that are large enough to want a GPU are faster there.
"""

from math import ceil, prod

# Minutes that every job has to start, import its libraries and write its files on a slow disk.
START = 15

# Seconds on one core for a million voxels: one tumour grown by an integrator, one prediction of a surrogate, one with
# its derivatives, one step on an unknown field.
SECONDS = {
    "accurate": 1.0,
    "reference": 2.0,
    "toolkit": 2.0,
    "prediction": 1.0,
    "gradient": 3.0,
    "field": 0.1,
}

# Evaluations after which a descent through a surrogate has stopped by itself, whatever its settings would allow.
DESCENT = 100

# Minutes for what nothing is known about: a training without a time budget, a new kind of inversion method.
TRAINING, METHOD = 36 * 60, 12 * 60


def by_attempt(amount):
    """Resource function: so much, or what a function of the wildcards says, times the number of the attempt."""

    def resource(wildcards, attempt):
        return ceil(amount(wildcards) if callable(amount) else amount) * attempt

    return resource


# ------------------------------------------------------------------------------------------------------ units of work


def million_voxels(spacing_mm):
    """Voxels of a head, 240 x 240 x 155 mm."""
    return prod(EXTENT_MM) / 1e6 / spacing_mm**3


def million_voxels_of_cube():
    """Voxels of the cube that networks see."""
    return CONFIG.train.crop.size**3 / 1e6


def megabytes(count, spacing_mm):
    """Memory of a job that holds so many volumes of single precision at a time, with what its libraries take."""
    return 1500 + 4 * count * million_voxels(spacing_mm)


def seconds_of_solve(integrator, spacing_mm):
    """One tumour grown on one core."""
    return SECONDS[integrator.name] * million_voxels(spacing_mm)


def minutes(seconds):
    """Limit for so much work, rounded up."""
    return START + ceil(seconds / 60)


# ------------------------------------------------------------------------------------------------- atlas and patients


def spacing_of_case(wildcards):
    """Voxel size of a case; patients are taken to have the 1 mm of BraTS."""
    if wildcards.get("cohort", "patients") == "synthetic":
        return CONFIG.simulate.spacing_mm
    return CONFIG.phantoms.spacing_mm if ARE_PHANTOMS else 1.0


def memory_of_case(count):
    """Resource function: so many volumes of a case."""
    return lambda wildcards: megabytes(count, spacing_of_case(wildcards))


def minutes_of_phantom(wildcards):
    """Some tumours tried and one grown, and images made of it; 38 s at 1 mm were the most."""
    return minutes(60 * million_voxels(CONFIG.phantoms.spacing_mm))


def memory_of_registration(wildcards):
    """Volumes at the patient's own grid, and more of them at the spacing of the deformable step."""
    coarse = 4 * 120 * million_voxels(CONFIG.register.resolution_mm)
    return megabytes(60, spacing_of_case(wildcards)) + coarse


def minutes_of_registration(wildcards):
    """By the voxels of the deformable step; 210 s at 2 mm were the most."""
    return 3 * START + minutes(600 * million_voxels(CONFIG.register.resolution_mm))


# --------------------------------------------------------------------------------------------------------- simulation


def minutes_of_pilot(wildcards):
    """All pilot tumours, one after the other."""
    one = seconds_of_solve(CONFIG.simulate.integrator, CONFIG.simulate.pilot_spacing_mm)
    return minutes(CONFIG.simulate.pilot_samples * one)


def minutes_of_tumours(count, cores):
    """So many tumours as simulations are, shared by some cores."""
    one = seconds_of_solve(CONFIG.simulate.integrator, CONFIG.simulate.spacing_mm)
    return minutes(ceil(count / cores) * one)


def minutes_of_shard(wildcards):
    """Samples over cores."""
    return minutes_of_tumours(CONFIG.simulate.samples_in(wildcards.shard), cores_of_shard(wildcards))


def memory_of_shard(wildcards):
    """A solver on every core; samples are written as they come."""
    return megabytes(20 + 15 * cores_of_shard(wildcards), CONFIG.simulate.spacing_mm)


# ----------------------------------------------------------------------------------------------------------- training


def gpus_of_training(wildcards):
    """As many as the model is to be trained on."""
    return CONFIG.train.models[wildcards.model].devices


def minutes_of_training(wildcards):
    """The time budget, a tenth of it and an hour for growing, reading and validating what comes before and after."""
    budget = CONFIG.train.models[wildcards.model].time_budget_minutes
    return TRAINING if budget is None else 1.1 * budget + 60


def memory_of_training(wildcards):
    """The cubes of all samples as far as they may be kept, and what a batch takes where there is no GPU."""
    model = CONFIG.train.models[wildcards.model]
    splits = ("train", "validation") if model.data == "shards" else ("validation",)
    samples = CONFIG.simulate.samples_per_shard * sum(len(CONFIG.simulate.shard_names(split)) for split in splits)
    kept = min(1024 * CONFIG.train.cache_gib, 4 * samples * million_voxels_of_cube())
    return 6000 + kept + 4000 * model.batch_size * million_voxels_of_cube()


# ---------------------------------------------------------------------------------------------------------- inversion


def seconds_of_method(method, spacing_mm):
    """The most one method takes on one case, on one core."""
    own = CONFIG.invert.methods[method]
    cube = million_voxels_of_cube()

    # Levels finer than the case are its own.
    def solves(level):
        return seconds_of_solve(own.integrator, max(level.spacing_mm, spacing_mm))

    match own.inverter:
        case "cmaes-solver":
            return sum(level.evaluations * solves(level) for level in own.schedule)
        case "gauss-newton":
            # A solution with its five derivatives: six fields.
            return sum(
                6 * level.evaluations * (level.candidates + level.retries) * solves(level) for level in own.levels
            )
        case "cmaes-surrogate":
            return own.evaluations * SECONDS["prediction"] * cube
        case "gradient-surrogate" | "hybrid":
            return DESCENT * SECONDS["gradient"] * cube
        case "direct":
            return SECONDS["prediction"] * cube
        case "gliodil":
            return own.epochs * SECONDS["field"] * own.space_cells**3 * own.time_slices / 1e6
        case "static-field":
            return own.steps * SECONDS["field"] * million_voxels(spacing_mm)
    return 60 * METHOD


def minutes_of_method(wildcards):
    """By method, spacing and evaluations."""
    return minutes(seconds_of_method(wildcards.method, spacing_of_case(wildcards)))


def memory_of_method(wildcards):
    """Volumes of the case, its derivatives among them; a network on the cube; or the cells of a field in space-time."""
    own = CONFIG.invert.methods[wildcards.method]
    cells = 1000 * own.space_cells**3 * own.time_slices / 1e6 if own.inverter == "gliodil" else 0
    network = 4000 * million_voxels_of_cube() if CONFIG.networks_of(wildcards.method) else 0
    return megabytes(60, spacing_of_case(wildcards)) + max(cells, network)


# ------------------------------------------------------------------------------------------ final runs and evaluation


def minutes_of_forward(wildcards):
    """One run."""
    return minutes(seconds_of_solve(CONFIG.forward.integrator, spacing_of_case(wildcards)))


def minutes_of_uncertainty(wildcards):
    """One run with all derivatives."""
    return minutes(6 * seconds_of_solve(CONFIG.forward.integrator, spacing_of_case(wildcards)))


def minutes_of_evaluation(wildcards):
    """By volumes to compare."""
    return minutes(2 * len(estimates(wildcards.cohort)) * million_voxels(spacing_of_case(wildcards)))


def rows(cohorts):
    """Rows of the tables of some cohorts: every estimate of every case."""
    return sum(len(CASES[cohort]) * len(estimates(cohort)) for cohort in cohorts if cohort in COHORTS)


def minutes_of_cohort(wildcards):
    """By rows of one cohort, of which methods are compared in pairs."""
    return minutes(0.5 * rows([wildcards.cohort]))


def minutes_of_tables(wildcards):
    """By rows of all cohorts."""
    return minutes(0.1 * rows(COHORTS))


def memory_of_tables(wildcards):
    """By rows of all cohorts, each with its curve."""
    return 2000 + 0.1 * rows(COHORTS)


def minutes_of_patients(wildcards):
    """By patients in a figure."""
    return minutes(20 * len(CASES["patients"]))


def memory_of_patients(wildcards):
    """By patients in a figure, of which some slices are kept."""
    return megabytes(40, 1.0) + 20 * len(CASES["patients"])


def minutes_of_plan(wildcards):
    """By margins, each with shortest paths through the brain."""
    return minutes(20 * len(CONFIG.plan.margin_names) * million_voxels(spacing_of_case(wildcards)))


# ---------------------------------------------------------------------------------------------- study and assessment


def minutes_of_study(wildcards):
    """Targets, fits and final runs of a batch, in every scenario."""
    study = CONFIG.study
    final = seconds_of_solve(CONFIG.forward.integrator, study.spacing_mm)
    one = 0
    for name, scenario in study.scenarios.items():
        fits = [seconds_of_method(method, study.spacing_mm) for method in study.methods_of(name)]
        target = seconds_of_solve(scenario.integrator, scenario.spacing_mm or study.spacing_mm)
        one += target + sum(fits) + (1 + len(fits)) * final
    return minutes(len(cases_of_batch(wildcards)) * one)


def memory_of_study(wildcards):
    """A fit at the study's spacing and a target at its own."""
    network = 4000 * million_voxels_of_cube() if networks_of_study() else 0
    finest = min(scenario.spacing_mm or CONFIG.study.spacing_mm for scenario in CONFIG.study.scenarios.values())
    return megabytes(40, finest) + megabytes(60, CONFIG.study.spacing_mm) + network


def minutes_of_targets(wildcards):
    """Test tumours over cores."""
    return minutes_of_tumours(CONFIG.assess.cases_of(wildcards.anatomy), cores_of_targets(wildcards))


def memory_of_targets(wildcards):
    """A solver on every core."""
    return megabytes(20 + 15 * cores_of_targets(wildcards), CONFIG.simulate.spacing_mm)


def minutes_of_assessment(wildcards):
    """A prediction of every tumour; derivatives of some, of the surrogate and of the solver."""
    tumours = CONFIG.assess.cases_of(wildcards.anatomy) * SECONDS["prediction"] * million_voxels_of_cube()
    solver = 6 * seconds_of_solve(CONFIG.simulate.integrator, CONFIG.simulate.spacing_mm)
    surrogate = 6 * SECONDS["gradient"] * million_voxels_of_cube()
    return minutes(5 * tumours + CONFIG.assess.gradient_cases * (solver + surrogate))


def memory_of_network(wildcards):
    """A network on the cube, with derivatives."""
    return 3000 + 4000 * million_voxels_of_cube()


def minutes_of_stability(wildcards):
    """A descent from every start of every case."""
    stability = CONFIG.assess.stability
    starts = 1 + stability.starts * len(stability.radii)
    return minutes(stability.cases * starts * DESCENT * SECONDS["gradient"] * million_voxels_of_cube())


def minutes_of_sensitivity(wildcards):
    """A landscape, and descents on it, of every surrogate."""
    sensitivity = CONFIG.assess.sensitivity
    points = sensitivity.points**2 * SECONDS["prediction"] + 10 * DESCENT * SECONDS["gradient"]
    return minutes(len(sensitivity.surrogates) * points * million_voxels_of_cube())
