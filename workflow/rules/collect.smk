"""Targets to ask for by name: `snakemake register_all` does what registration needs and stops there.

They list every file of their stage, not the last ones only: Snakemake makes a missing file again only where somebody
asks for it, and so a deleted intermediate and what depends on it, and nothing else, is made again.
"""


rule atlas_all:
    input:
        rules.prepare_atlas.output,
    localrule: True


rule register_all:
    input:
        every(rules.register_patient.output, ["patients"]),
        every(rules.make_phantom.output, ["patients"]) if ARE_PHANTOMS else [],
    localrule: True


rule simulate_all:
    input:
        rules.coarsen_atlas.output,
        rules.report_pilot.output,
        collect(rules.simulate_shard.output, shard=shards_in_use()),
        every(rules.extract_case.output, ["synthetic"]),
    localrule: True


rule train_all:
    input:
        collect(rules.train_model.output, model=networks_in_use()),
    localrule: True


rule invert_all:
    input:
        every(rules.invert_case.output),
    localrule: True


rule forward_all:
    input:
        every(rules.run_forward.output),
        collect(
            rules.map_uncertainty.output,
            cohort=[cohort for cohort in COHORTS if cohort == "patients"],
            case=CASES["patients"],
            method=[method for method in METHODS["patients"] if CONFIG.invert.gives_uncertainty(method)],
        ),
    localrule: True


rule evaluate_all:
    input:
        every(rules.evaluate_case.output),
        collect(rules.evaluate_cohort.output, cohort=COHORTS),
    localrule: True


rule tables:
    input:
        collect(rules.write_table.output, number=tables_in_use()),
        rules.write_segmentation_table.output if "segmentation" in OBSERVED else [],
        rules.write_refinement.output if refinements() and COHORTS else [],
    localrule: True


rule figures:
    input:
        collect(rules.draw_figure3.output, suffix=suffixes_of_figure3()),
        collect(rules.draw_figure4.output, suffix=figure_suffixes()),
        collect(rules.draw_figure7.output, suffix=figure_suffixes()),
    localrule: True


rule plan:
    input:
        collect(rules.plan_patient.output, case=cases_to_plan(), method=CONFIG.plan.methods),
        collect(rules.plan_picture.output, case=cases_to_plan()),
        rules.plan_tables.output if cases_to_plan() else [],
    localrule: True


rule study:
    input:
        study_batches(rules.study_cases.output),
        rules.study_tables.output if CONFIG.study.cases else [],
        rules.study_figure.output if CONFIG.study.cases else [],
    localrule: True


rule assess:
    input:
        collect(rules.assess_tissue.output, case=patients_of_assessment()),
        collect(rules.assess_targets.output, anatomy=anatomies_of_assessment()),
        collect(
            rules.assess_model.output,
            model=CONFIG.assess.models,
            anatomy=anatomies_of_assessment(),
        ),
        rules.assess_tables.output if CONFIG.assess.models else [],
        rules.assess_figures.output if CONFIG.assess.models else [],
        rules.assess_stability.output if CONFIG.assess.stability.cases else [],
        rules.assess_sensitivity.output if CONFIG.assess.sensitivity.surrogates else [],
    localrule: True


rule patient_pages:
    input:
        every(rules.write_patient_page.output, ["patients"]),
        every(rules.draw_view3d.output, ["patients"]),
        rules.write_patient_index.output if "patients" in COHORTS else [],
    localrule: True
