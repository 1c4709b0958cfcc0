"""gliofit: from patients to tumour-cell maps, tables and figures.

`snakemake --cores all` runs the embedded demo; name another file of config/ with --configfile. A config file stands
alone: what it does not say takes the default of config/README.md. `snakemake -n` says what would be done and why;
targets such as register_all, tables or figures (workflow/rules/collect.smk) stop on the way.
"""

import os
import sys

from snakemake.utils import min_version

min_version("9.19")

# Do not import modules from the clone or the working directory, where a file such as random.py would shadow a library
# (gliofit.core.children).
os.environ.update(PYTHONSAFEPATH="1")
sys.path[:] = [path for path in sys.path if path not in ("", os.getcwd(), workflow.basedir)]


if not workflow.configfiles:

    configfile: f"{workflow.basedir}/config/demo.yaml"


pathvars:
    logs=f"results/{config.get('run', 'demo')}/logs",
    benchmarks=f"results/{config.get('run', 'demo')}/benchmarks",


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/atlas.smk"
include: "workflow/rules/register.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/invert.smk"
include: "workflow/rules/forward.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/assess.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/patient.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/collect.smk"


rule all:
    default_target: True
    input:
        rules.atlas_all.input,
        rules.register_all.input,
        rules.simulate_all.input,
        rules.train_all.input,
        rules.invert_all.input,
        rules.forward_all.input,
        rules.evaluate_all.input,
        rules.tables.input,
        rules.figures.input,
        rules.patient_pages.input,
        rules.case_pages.input,
        rules.plan.input,
        rules.study.input,
        rules.assess.input,
        rules.write_report.output,
    localrule: True
