"""Configuration, lists of cases and methods, and the functions that rules use.

Functions are here and, for memory and time, in resources.smk; nowhere else.

Nothing heavy is imported and no image is read here: Snakemake runs this whenever it starts, on clusters for every job.
"""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.iocontainers import Wildcards

try:
    from gliofit.pipeline.config import load_config
    from gliofit.core.digests import sha256_of
    from gliofit.core.errors import InputError
    from gliofit.paper import EXTENT_MM
    from gliofit.pipeline.revision import remember_revision
    from gliofit.pipeline.job import STAGE_VERSIONS
    from gliofit.core.yaml_file import read_yaml
except ImportError as error:
    raise WorkflowError(f"gliofit is not installed beside Snakemake ({error}); run `make venv` first") from error

try:
    # Snakemake has read these files, but takes the last of a key that is there twice.
    for path in workflow.configfiles:
        read_yaml(path)
    CONFIG = load_config(config)
except InputError as error:
    raise WorkflowError(str(error)) from error

# Jobs inherit it, so that they need not ask git.
remember_revision()

# From here on `config` holds every key, so that a change of a default makes jobs run again as a change of a file does.
config.update(CONFIG.model_dump(mode="json"))

COHORTS = CONFIG.cohorts
METHODS = {cohort: CONFIG.invert.methods_of(cohort) for cohort in ("synthetic", "patients")}
METHODS_IN_USE = [method for method in CONFIG.invert.methods if any(method in METHODS[cohort] for cohort in COHORTS)]
FIELD_METHODS = [method for method in METHODS_IN_USE if CONFIG.invert.gives_concentration(method)]
ORACLE = "oracle"
TABLES_OF_COHORT = ("metrics", "tests", "summary", "dice_curve", "agreement", "cases")


wildcard_constraints:
    cohort="synthetic|patients",
    case=r"[A-Za-z0-9_-]+",
    shard=r"(train|validation|test)-\d{5}",
    model=r"[a-z0-9-]+",
    method=r"[a-z0-9-]+",
    number=r"[123]",
    estimate=r"[a-z0-9-]+",
    preset=r"paper|appendix-d",
    batch=r"\d{5}",
    suffix=r"(-segmentation)?",
    anatomy=r"atlas|warped-\d{5}|patient-[A-Za-z0-9_-]+",


# ------------------------------------------------------------------------------------------------------------ cases


def find_cases():
    """Patient files by case, and why other cases are left out; for phantoms the files that they will have."""
    if "patients" not in COHORTS:
        return {}, {}
    from gliofit.register.cohort import find_cohort
    from gliofit.register.patients import phantom_cases, phantom_files

    if CONFIG.patients.source is None:
        folder = Path(f"results/{CONFIG.run}/register/phantoms")
        found, left_out = [phantom_files(case, folder / case) for case in phantom_cases(CONFIG.phantoms)], {}
    else:
        found, left_out = find_cohort(CONFIG.patients, CONFIG.seed)
    return {patient.case: patient for patient in found}, left_out


try:
    # Patients that cannot be used, with the reason; the tables say how many of how many they are about.
    PATIENTS, LEFT_OUT = find_cases()
except InputError as error:
    raise WorkflowError(str(error)) from error

ARE_PHANTOMS = CONFIG.patients.source is None
CASES = {"synthetic": CONFIG.simulate.case_names(), "patients": list(PATIENTS)}
# A cohort without cases is left out, so that a configuration can ask for trained networks alone.
COHORTS = [cohort for cohort in COHORTS if CASES[cohort]]
# What methods see of patients: each has a table 3 and figures 4 and 7 of its own.
OBSERVED = {CONFIG.invert.observation_of(method, "patients") for method in METHODS["patients"] if "patients" in COHORTS}


# ---------------------------------------------------------------------------------------------------- settings of jobs


def pilot_settings():
    """What the pilot report depends on: not how many tumours are simulated afterwards."""
    counts = {
        "samples_per_shard",
        "train_shards",
        "validation_shards",
        "test_cases",
        "spacing_mm",
        "batch_size",
        "warps",
    }
    return CONFIG.simulate.model_dump(mode="json", exclude=counts)


def shard_settings(wildcards):
    """What a shard depends on: not how many others there are, so that adding shards leaves the old ones alone."""
    # Which brain it grew in shows in its input.
    counts = {"train_shards", "validation_shards", "pilot_samples", "pilot_spacing_mm", "warps"}
    if not wildcards.shard.startswith("test"):
        counts.add("test_cases")
    return CONFIG.simulate.model_dump(mode="json", exclude=counts)


def warp_settings():
    """What a warped atlas depends on: not how many others there are."""
    return CONFIG.simulate.warps.model_dump(mode="json", exclude={"count"})


def phantom_settings():
    """What a phantom depends on: not how many there are."""
    return CONFIG.phantoms.model_dump(mode="json", exclude={"count"})


def patient_facts(wildcards):
    """What is known of a patient besides the images: name and label scheme."""
    patient = PATIENTS[wildcards.case]
    return {"case": patient.case, "labels": patient.labels}


def model_settings(wildcards):
    """Settings of the train stage with one model only."""
    settings = CONFIG.train.model_dump(mode="json")
    own = settings["models"][wildcards.model] | {"init": initial_folder(wildcards.model)}
    return settings | {"models": {wildcards.model: own}}


def method_settings(wildcards):
    """Settings of the invert stage with one method only; on synthetic cases without what patients are seen through."""
    of_patients = {"patient_observation", "imaging"} if wildcards.cohort == "synthetic" else set()
    settings = CONFIG.invert.model_dump(mode="json", exclude=of_patients)
    own = settings["methods"][wildcards.method]
    # On which other cohorts it runs makes no difference.
    return settings | {"methods": {wildcards.method: {key: own[key] for key in own if key != "cohorts"}}}


def study_settings():
    """What a batch of the study depends on: not how many others there are."""
    return CONFIG.study.model_dump(mode="json", exclude={"cases", "cases_per_job", "presets"})


def cases_of_batch(wildcards):
    """Numbers of the tumours of a batch of the study."""
    return CONFIG.study.cases_of(wildcards.batch)


def methods_of_study(wildcards):
    """Settings of the invert stage with the study's methods only, and without what patients are seen through."""
    settings = CONFIG.invert.model_dump(mode="json", exclude={"patient_observation", "imaging"})
    return settings | {"methods": {method: settings["methods"][method] for method in CONFIG.study.methods_in_use}}


def tissue_kind(wildcards):
    """Synthetic tumours grew in the fractions that averaging the atlas gave; patients have what the config says."""
    return "probabilities" if wildcards.cohort == "synthetic" else CONFIG.tissue


# ------------------------------------------------------------------------------------------- cores and GPUs of jobs


def cores_of_shard(wildcards):
    """All cores, as far as there are samples for them; 8 on a cluster, where nobody knows how many there are."""
    try:
        cores = workflow.cores
    except WorkflowError:
        cores = 8
    return min(cores, CONFIG.simulate.samples_in(wildcards.shard))


def gpus_of_integrator(integrator, backends=("triton",)):
    """One GPU for the accurate integrator with one of these back ends; jobs of single tumours need not have one."""
    return int(integrator.name == "accurate" and integrator.backend in backends)


def gpus_of_shard(wildcards):
    """One GPU, where there is one, unless the integrator is for CPUs only."""
    return gpus_of_integrator(CONFIG.simulate.integrator, ("auto", "torch", "triton"))


def gpus_of_method(wildcards):
    """One GPU for methods with large networks or that insist on one; small ones are as fast on a core of the CPU."""
    own = CONFIG.invert.methods[wildcards.method]
    large = any(CONFIG.train.crop_of(model).size > 48 for model in CONFIG.networks_of(wildcards.method).values())
    integrator = getattr(own, "integrator", None)
    insists = getattr(own, "device", None) == "cuda"
    return int(large or insists or (integrator is not None and gpus_of_integrator(integrator) > 0))


def gpus_of_study(wildcards):
    """One GPU where something in the study insists on one, or networks are large."""
    if any(CONFIG.train.crop_of(model).size > 48 for model in models_of_study()):
        return 1
    methods = [CONFIG.invert.methods[method] for method in CONFIG.study.methods_in_use]
    users = [CONFIG.forward, *CONFIG.study.scenarios.values(), *methods]
    integrators = [user.integrator for user in users if hasattr(user, "integrator")]
    return max(gpus_of_integrator(integrator) for integrator in integrators)


# ------------------------------------------------------------------------------------------------------ files of jobs


def atlas_source(wildcards):
    """Images of the user's atlas folder; none for the built-in atlas."""
    folder = Path(CONFIG.atlas.source)
    return sorted(str(path) for path in folder.glob("*.nii*")) if folder.is_dir() else []


def atlas_files():
    """What the atlas stage writes. Only registration needs a T1, and an atlas of tissue alone has none."""
    names = [
        "wm",
        "gm",
        "csf",
        "labels",
        "brain_mask",
        *(["t1"] if "patients" in COHORTS else []),
    ]
    return {name: f"<results>/atlas/{name}.nii.gz" for name in names}


def tissue_maps(folder, kind):
    """The files `Tissue.load` reads."""
    names = ["labels"] if kind == "labels" else ["wm", "gm", "csf"]
    return {name: f"{folder}/{name}.nii.gz" for name in names}


def tissue_of_anatomy(anatomy):
    """Tissue files of a brain that tumours grow in: the atlas or a warped one."""
    folder = "tissue" if anatomy == "atlas" else f"warped/{anatomy.removeprefix('warped-')}"
    return tissue_maps(f"<results>/simulate/{folder}", "probabilities")


def tissue_of_shard(wildcards):
    """Tissue files of the brain that a shard's tumours grow in."""
    return tissue_of_anatomy(CONFIG.simulate.anatomy_of(wildcards.shard))


def warped_tissues(wildcards):
    """Tissue files of the warped brains that a network's samples grow in."""
    if CONFIG.train.models[wildcards.model].anatomies == "atlas":
        return []
    return [path for name in CONFIG.simulate.anatomies[1:] for path in tissue_of_anatomy(name).values()]


def in_atlas(path):
    """Whether a shard's tumours grew in the atlas itself."""
    return CONFIG.simulate.anatomy_of(Path(path).stem) == "atlas"


def simulation_settings(wildcards):
    """How a network's samples are grown, for one that grows them as it trains."""
    if CONFIG.train.models[wildcards.model].data == "shards":
        return {}
    keys = {"preset", "spacing_mm", "integrator", "batch_size"}
    return CONFIG.simulate.model_dump(mode="json", include=keys)


def training_shards(wildcards):
    """Volumes and tables that a network trains on; none if its samples are grown as it trains."""
    model = CONFIG.train.models[wildcards.model]
    if model.data == "generated":
        return []
    return [path for path in shards("train") if model.anatomies == "all" or in_atlas(path)]


def case_folder(wildcards):
    """Folder with a case's tissue and observation."""
    stage = {"synthetic": "simulate/synthetic", "patients": "register/patients"}[wildcards.cohort]
    return f"<results>/{stage}/{wildcards.case}"


def case_file(name):
    """Input function for a file of a case folder."""
    return lambda wildcards: f"{case_folder(wildcards)}/{name}"


def tissue_of_case(wildcards):
    """Tissue files of a case."""
    return tissue_maps(case_folder(wildcards), tissue_kind(wildcards))


def patient_images(wildcards):
    """Images of a patient by name."""
    return {name: str(path) for name, path in PATIENTS[wildcards.case].images.items()}


def sample_of_case(suffix):
    """Input function for the shard that holds a synthetic case."""

    def path(wildcards):
        shard, _ = CONFIG.simulate.case_location(wildcards.case)
        return f"<results>/simulate/shards/{shard}.{suffix}"

    return path


def shards(split):
    """Volumes and tables of a split."""
    names = CONFIG.simulate.shard_names(split)
    return [f"<results>/simulate/shards/{name}.{suffix}" for name in names for suffix in ("nii", "parquet")]


def shards_in_use():
    """Names of all shards that the run needs."""
    splits = [
        *(["train", "validation"] if networks_in_use() else []),
        *(["test"] if "synthetic" in COHORTS else []),
    ]
    return [name for split in splits for name in CONFIG.simulate.shard_names(split)]


def initial_folder(model):
    """Folder of the model that training starts from, if it does: in the working folder, or else in the clone."""
    folder = CONFIG.train.models[model].init
    if folder is None:
        return None
    return str(folder if folder.is_dir() else Path(workflow.basedir) / folder)


def initial_model(wildcards):
    """Files of the model that training starts from, if it does."""
    folder = initial_folder(wildcards.model)
    return [] if folder is None else [f"{folder}/weights.safetensors", f"{folder}/model.json"]


def reference_file(wildcards):
    """Final run of the reference method: what patients' estimates are compared with, and what most methods see."""
    method = CONFIG.evaluate.reference_method
    return f"<results>/forward/patients/{wildcards.case}/{method}/concentration.nii.gz"


def observation_of_case(wildcards):
    """What a method sees of a case."""
    seen = CONFIG.invert.observation_of(wildcards.method, wildcards.cohort)
    if seen == "reference":
        return {"reference": reference_file(wildcards)}
    return {seen: f"{case_folder(wildcards)}/{seen}.nii.gz"}


def networks_of_method(wildcards):
    """Weights of the trained networks a method needs."""
    roles = CONFIG.networks_of(wildcards.method)
    return {role: f"<results>/train/{model}/weights.safetensors" for role, model in roles.items()}


def atlas_of_method(wildcards):
    """The atlas' tissue and the way there, for methods that work in it; synthetic cases live in it."""
    if wildcards.cohort == "synthetic" or not CONFIG.invert.needs_atlas(wildcards.method):
        return {}
    names = ["affine.mat", "warp.nii.gz", "inverse_warp.nii.gz"]
    return {
        "atlas": list(tissue_maps("<results>/atlas", CONFIG.tissue).values()),
        "transforms": [f"{case_folder(wildcards)}/transforms/{name}" for name in names],
    }


def networks_of_study():
    """Weights of the trained networks that methods of the study need."""
    return [f"<results>/train/{model}/weights.safetensors" for model in models_of_study()]


def models_of_study():
    """Trained networks that methods of the study need."""
    methods = CONFIG.study.methods_in_use if CONFIG.study.cases else []
    return sorted({model for method in methods for model in CONFIG.networks_of(method).values()})


def refined_estimate(wildcards):
    """Parameters of the method whose estimate a method refines, if it does."""
    start = CONFIG.invert.refines(wildcards.method)
    if start is None:
        return {}
    return {"start": f"<results>/invert/{wildcards.cohort}/{wildcards.case}/{start}/parameters.parquet"}


def refinements():
    """Methods that refine another's estimate, with that other one."""
    found = {method: CONFIG.invert.refines(method) for method in METHODS_IN_USE}
    return {method: start for method, start in found.items() if start is not None}


def networks_in_use():
    """Networks that some method of the run needs, or that are assessed."""
    found = {model for method in METHODS_IN_USE for model in CONFIG.networks_of(method).values()}
    return sorted(found | {*CONFIG.assess.models, *CONFIG.assess.sensitivity.surrogates})


def parameters_of_estimate(wildcards):
    """Parameters of a final run: of a method, of the candidate a method did not choose, or the true ones."""
    if wildcards.estimate == ORACLE:
        return f"{case_folder(wildcards)}/truth.parquet"
    method = wildcards.estimate.removesuffix("-other")
    return f"<results>/invert/{wildcards.cohort}/{wildcards.case}/{method}/parameters.parquet"


def field_of_estimate(wildcards):
    """Concentration that takes the place of a final run, for methods that estimate one."""
    if wildcards.estimate not in FIELD_METHODS:
        return {}
    return {"field": f"<results>/invert/{wildcards.cohort}/{wildcards.case}/{wildcards.estimate}/concentration.nii.gz"}


def estimates(cohort):
    """Everything that gets a final run, in the order of the tables."""
    methods = METHODS[cohort]
    others = [f"{method}-other" for method in methods if CONFIG.invert.keeps_other(method)]
    return [*methods, *others, *([ORACLE] if cohort == "synthetic" else [])]


def of_estimates(name):
    """Input function for a file of every final run of a case."""
    return lambda wildcards: [
        f"<results>/forward/{wildcards.cohort}/{wildcards.case}/{estimate}/{name}"
        for estimate in estimates(wildcards.cohort)
    ]


def parameters_of_methods(wildcards):
    """Estimates of every method on a case."""
    return [
        f"<results>/invert/{wildcards.cohort}/{wildcards.case}/{method}/parameters.parquet"
        for method in METHODS[wildcards.cohort]
    ]


def truth_of_case(wildcards):
    """What a case is scored against, besides its labels."""
    folder = case_folder(wildcards)
    if wildcards.cohort == "synthetic":
        return {
            "truth": f"{folder}/truth.parquet",
            "reference": f"{folder}/concentration.nii.gz",
        }
    files = {"segmentation": f"{folder}/segmentation.nii.gz"}
    if CONFIG.evaluate.reference_method in METHODS["patients"]:
        files["reference"] = reference_file(wildcards)
    if ARE_PHANTOMS:
        phantom = f"<results>/register/phantoms/{wildcards.case}"
        files |= {
            "truth": f"{phantom}/truth.parquet",
            "truth_concentration": f"{phantom}/truth_concentration.nii.gz",
        }
    return files


def cases_left_out(wildcards):
    """Cases that a cohort would have but that cannot be used, with the reason."""
    return LEFT_OUT if wildcards.cohort == "patients" else {}


def of_cases(pattern):
    """Input function for a file of every case of a cohort."""
    return lambda wildcards: [pattern.format(cohort=wildcards.cohort, case=case) for case in CASES[wildcards.cohort]]


def every(patterns, cohorts=("synthetic", "patients")):
    """Files of every case of the run's cohorts; `{estimate}` and `{method}` in a pattern are filled in as well."""
    return [
        pattern.format(cohort=cohort, case=case, method=method, estimate=estimate)
        for pattern in patterns
        for cohort in COHORTS
        if cohort in cohorts
        for case in CASES[cohort]
        for method in (METHODS[cohort] if "{method}" in pattern else [None])
        for estimate in (estimates(cohort) if "{estimate}" in pattern else [None])
    ]


def study_batches(patterns):
    """Files of every batch of the study."""
    return [
        pattern.format(preset=preset, batch=batch)
        for pattern in patterns
        for preset in CONFIG.study.presets
        for batch in CONFIG.study.batches
    ]


def cases_to_plan():
    """Patients that get target volumes."""
    return CASES["patients"] if CONFIG.plan.methods and "patients" in COHORTS else []


def plan_settings():
    """What a plan depends on: not with which other methods there are plans, nor where files lie (they are inputs)."""
    return CONFIG.plan.model_dump(mode="json", exclude={"methods", "barriers", "recurrence"})


def plan_files(wildcards):
    """Masks of barriers and follow-up segmentation of a patient, as far as there are any."""
    found = {kind: CONFIG.plan.file_of(kind, wildcards.case) for kind in ("barriers", "recurrence")}
    return {kind: path for kind, path in found.items() if path is not None and Path(path).is_file()}


def image_of_plan(wildcards):
    """MRI behind a patient's targets: contrast-enhanced T1 where there is one."""
    images = PATIENTS[wildcards.case].images
    return str(images.get("t1c", images["t1"]))


def images_of_page(wildcards):
    """A patient's own MRI that the page shows beside T1, as far as there is any; of phantoms the truth."""
    images = PATIENTS[wildcards.case].images
    found = {role: str(images[role]) for role in ("t1c", "flair") if role in images}
    if ARE_PHANTOMS:
        found["truth"] = f"<results>/register/phantoms/{wildcards.case}/truth_concentration.nii.gz"
    return found


def method_of_pictures():
    """Method that the small pictures of patients in the report show: the preferred one where the run has it."""
    methods = METHODS["patients"] if "patients" in COHORTS else []
    preferred = CONFIG.publish.preferred_method
    return [preferred] if preferred in methods else methods[:1]


def tables_in_use():
    """Tables that the run has numbers for."""
    return [
        *((1, 2) if "synthetic" in COHORTS else ()),
        *((3,) if "reference" in OBSERVED else ()),
    ]


def figure_suffixes():
    """What the names of figures about patients end with: nothing for the paper's, which are about the reference."""
    return ["" if observed == "reference" else f"-{observed}" for observed in sorted(OBSERVED)]


def suffixes_of_figure3():
    """As of other figures where it shows patients; synthetic cases have one truth."""
    if cohort_of_figure3() == "patients":
        return figure_suffixes()
    return [""] if COHORTS else []


def evaluated(cohort):
    """Tables of the evaluate stage on a cohort."""
    return [f"<results>/evaluate/{cohort}/{name}.parquet" for name in TABLES_OF_COHORT]


def cohort_of_table(wildcards):
    """Evaluation that a table shows."""
    cohort = "patients" if wildcards.number == "3" else "synthetic"
    return {cohort: evaluated(cohort)} if cohort in COHORTS else {}


def cohort_of_figure3():
    """Cohort whose errors figure 3 shows: the synthetic one where there is one, as in the paper."""
    return "patients" if COHORTS == ["patients"] else "synthetic"


# ---------------------------------------------------------------------------------------------- assessment of networks


def patients_of_assessment():
    """Patients whose brains surrogates are tested in."""
    wanted = CONFIG.assess.models and CONFIG.assess.patients and "patients" in COHORTS
    return CASES["patients"] if wanted else []


def anatomies_of_assessment():
    """Brains that surrogates are tested in; the warped ones follow those that networks are trained on."""
    warps = CONFIG.simulate.warps.count
    return CONFIG.assess.anatomies(patients_of_assessment(), warps) if CONFIG.assess.models else []


def target_settings():
    """What test tumours depend on: not how many others there are, nor what networks are trained on."""
    kept = {"preset", "spacing_mm", "integrator", "batch_size"}
    return CONFIG.simulate.model_dump(mode="json", include=kept)


def cases_of_anatomy(wildcards):
    """Number of test tumours in a brain."""
    return CONFIG.assess.cases_of(wildcards.anatomy)


def solver_of_assessment():
    """Settings of the solver that derivatives are compared with: the one of the simulations where it has them."""
    integrator = CONFIG.simulate.integrator
    return integrator.model_dump(mode="json") if integrator.name == "accurate" else {}


def cores_of_targets(wildcards):
    """All cores, as far as there are test tumours for them; 8 on a cluster."""
    try:
        cores = workflow.cores
    except WorkflowError:
        cores = 8
    return min(cores, CONFIG.assess.cases_of(wildcards.anatomy))


def gpus_of_assessment(wildcards):
    """One GPU for large networks; small ones are as fast on a core of the CPU."""
    return int(CONFIG.train.crop.size > 48)


def tissue_of_targets(wildcards):
    """Tissue files of a brain that surrogates are tested in, at the spacing of the simulations."""
    kind, _, case = wildcards.anatomy.partition("-")
    if kind == "patient":
        return tissue_maps(f"<results>/assess/tissue/{case}", "probabilities")
    return tissue_of_anatomy(wildcards.anatomy)


def assessments(what):
    """Rows of every assessed surrogate in every brain."""
    return [
        f"<results>/assess/models/{model}/{what}/{anatomy}.parquet"
        for model in CONFIG.assess.models
        for anatomy in anatomies_of_assessment()
    ]


def assessed_networks(name):
    """A file of every assessed surrogate."""
    return [f"<results>/train/{model}/{name}" for model in CONFIG.assess.models]


def first_cases(count):
    """Name, shard and index of the first synthetic cases."""
    return [[case, *CONFIG.simulate.case_location(case)] for case in CONFIG.simulate.case_names()[:count]]


def cases_of_sensitivity():
    """How many synthetic cases the one of median volume is taken from; none where nobody looks."""
    return CONFIG.assess.sensitivity.cases if CONFIG.assess.sensitivity.surrogates else 0


def search_method(part):
    """Settings of the invert stage with the method of assess.stability or assess.sensitivity only."""
    method = getattr(CONFIG.assess, part).method
    settings = CONFIG.invert.model_dump(mode="json", exclude={"patient_observation", "imaging"})
    return settings | {"methods": {name: own for name, own in settings["methods"].items() if name == method}}


def shards_of_cases(count):
    """Volumes and tables of the shards that hold the first synthetic cases."""
    names = sorted({shard for _, shard, _ in first_cases(count)})
    return [f"<results>/simulate/shards/{name}.{suffix}" for name in names for suffix in ("nii", "parquet")]


def networks_of_stability(wildcards):
    """Weights of the networks of the search whose stability is examined."""
    roles = CONFIG.networks_of(CONFIG.assess.stability.method)
    return {role: f"<results>/train/{model}/weights.safetensors" for role, model in roles.items()}


# -------------------------------------------------------------------------------------------------- batches of cases


class Batch:
    """Cases that one job does one after the other, each as a rule does a single one.

    What the job reads, writes and asks for is what that rule says of its cases.
    """

    def __init__(self, name, cases, number, **wildcards):
        self.rule = workflow.get_rule(name)
        self.title = "_".join([name, *wildcards.values(), f"{number:05d}"]).replace("-", "_")
        self.cases = [Wildcards(fromdict=wildcards | {"case": case}) for case in cases]
        # Stands in the names of log and benchmark where the rule's have a case.
        self.whole = Wildcards(fromdict=wildcards | {"case": f"batch-{number:05d}"})
        self.output = [path for case in self.cases for path in self.rule.expand_output(case)[0]]
        self.log = self.rule.log[0].apply_wildcards(self.whole)
        self.benchmark = self.rule.benchmark.apply_wildcards(self.whole)
        self.conda = self.rule.conda_env

    def input(self, wildcards):
        """Files of all cases, those of the first one first."""
        return [path for case in self.cases for path in self.rule.expand_input(case)[0]]

    def resources(self):
        """What the rule, or the profile for the rule, asks for a case; time for all of them."""
        kept = {name: item for name, item in self.rule.resources.items() if name[0] != "_" and name != "tmpdir"}
        return {name: self.resource(item, len(self.cases) if name == "runtime" else 1) for name, item in kept.items()}

    def resource(self, item, times):
        """Resource function: so many times what a resource of the rule is for the first case."""

        def amount(wildcards, input, attempt, threads, rulename, async_run):
            # What profiles say is an expression that asks for all of these.
            known = {"input": input, "attempt": attempt, "threads": threads, "async_run": async_run}
            value = item.evaluate(self.cases[0], rulename=self.rule.name, **known).value
            return value if times == 1 else times * value

        return amount

    def threads(self, wildcards):
        """Cores of a single case."""
        return self.rule.resources["_cores"].evaluate(self.cases[0]).value

    def params(self):
        """The rule's, which cases of a batch have in common, and what tells the cases apart."""
        own = {name: self.param(value) for name, value in self.rule.params.items()}
        return own | {"batch": self.facts}

    def param(self, value):
        """Parameter as the rule has it for the first case."""
        return (lambda wildcards: value(self.cases[0])) if callable(value) else value

    def facts(self, wildcards):
        """What the script needs to take the cases apart (``gliofit.pipeline.job.each_case``)."""
        script = Path(workflow.basedir) / "workflow/rules" / self.rule.script
        return {
            "rule": self.rule.name,
            "script": script.name,
            # Snakemake watches the script that calls this one.
            "script_sha256": sha256_of(script),
            "cases": [dict(case.items()) for case in self.cases],
            "input": self.names(self.rule.expand_input(self.cases[0])[0]),
            "output": self.names(self.rule.expand_output(self.cases[0])[0]),
        }

    def names(self, files):
        """Names of the files of a case with how many files each name has; None for a file that is no list."""
        return {name: None if isinstance(files[name], str) else len(files[name]) for name in files.keys()}


def batches():
    """Every batch of the run; none where cases are jobs of their own."""

    def of(name, groups, **wildcards):
        return [Batch(name, cases, number, **wildcards) for number, cases in enumerate(groups)]

    found = []
    for cohort in COHORTS:
        if CONFIG.cases_per_job.size(cohort) == 1:
            continue
        groups = CONFIG.cases_per_job.split(CASES[cohort], cohort)
        if cohort == "synthetic":
            found += of("extract_case", groups)
        for method in METHODS[cohort]:
            if CONFIG.cases_per_job.size(cohort, method) > 1:
                inversion = "invert_field" if method in FIELD_METHODS else "invert_case"
                own = CONFIG.cases_per_job.split(CASES[cohort], cohort, method)
                found += of(inversion, own, cohort=cohort, method=method)
            if cohort == "patients" and CONFIG.invert.gives_uncertainty(method):
                found += of("map_uncertainty", groups, cohort=cohort, method=method)
        for estimate in estimates(cohort):
            found += of("run_forward", groups, cohort=cohort, estimate=estimate)
        found += of("evaluate_case", groups, cohort=cohort)
    return found
