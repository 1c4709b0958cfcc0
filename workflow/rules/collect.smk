"""Targets by stage: `snakemake register_all` runs all jobs up to registration.

They list all files of a stage, so that a deleted intermediate file is written again together with everything that
depends on it.
"""


rule atlas_all:
    input:
        rules.prepare_atlas.output,
    localrule: True


rule register_all:
    input:
        collect(rules.register_patient.output, case=PLAN.cases["patients"]),
        collect(rules.make_phantom.output, case=PLAN.cases["patients"] if PLAN.are_phantoms else []),
    localrule: True


rule simulate_all:
    input:
        rules.coarsen_atlas.output,
        rules.report_pilot.output,
        collect(rules.simulate_shard.output, shard=PLAN.shards),
        BATCHES.outputs("extract_case"),
    localrule: True


rule train_all:
    input:
        collect(rules.train_model.output, model=PLAN.networks),
    localrule: True


rule invert_all:
    input:
        BATCHES.outputs("invert_case"),
    localrule: True


rule forward_all:
    input:
        BATCHES.outputs("run_forward"),
        BATCHES.outputs("map_uncertainty"),
    localrule: True


rule evaluate_all:
    input:
        BATCHES.outputs("evaluate_case"),
        collect(rules.evaluate_cohort.output, cohort=PLAN.cohorts),
    localrule: True


rule tables:
    input:
        collect(rules.write_table.output, table=PLAN.tables),
        rules.write_refinement.output if PLAN.refinements else [],
    localrule: True


rule figures:
    input:
        collect(rules.draw_figure.output, figure=PLAN.figures),
    localrule: True


rule plan:
    input:
        collect(rules.plan_patient.output, case=PLAN.cases_to_plan, method=CONFIG.plan.methods),
        collect(rules.plan_picture.output, case=PLAN.cases_to_plan),
        rules.plan_tables.output if PLAN.cases_to_plan else [],
    localrule: True


rule study:
    input:
        collect(rules.study_cases.output, preset=CONFIG.study.presets, batch=CONFIG.study.batches),
        [rules.study_tables.output, rules.study_figure.output] if CONFIG.study.cases else [],
    localrule: True


rule assess:
    input:
        collect(
            rules.assess_tissue.output,
            case=PLAN.cases["patients"] if CONFIG.assess.models and CONFIG.assess.patients else [],
        ),
        collect(rules.assess_targets.output, anatomy=PLAN.anatomies),
        collect(rules.assess_model.output, model=CONFIG.assess.models, anatomy=PLAN.anatomies),
        [rules.assess_tables.output, rules.assess_figures.output] if CONFIG.assess.models else [],
        rules.assess_stability.output if CONFIG.assess.stability.cases else [],
        rules.assess_sensitivity.output if CONFIG.assess.sensitivity.surrogates else [],
    localrule: True


rule patient_pages:
    input:
        collect(rules.write_patient_page.output, case=PLAN.cases["patients"]),
        collect(rules.draw_view3d.output, case=PLAN.cases["patients"]),
        rules.write_patient_index.output if PLAN.cases["patients"] else [],
    localrule: True


rule case_pages:
    input:
        collect(rules.write_case_page.output, case=PLAN.cases_with_pages),
    localrule: True
