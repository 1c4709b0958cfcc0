"""Stage publish, the whole run: one page with everything, and a file to send it in."""


rule write_report:
    """What was run, what to know first, all tables and figures, and how they came about, in one file."""
    input:
        atlas="<results>/atlas/atlas.json",
        evaluations=[path for cohort in COHORTS for path in evaluated(cohort)],
        tables=[
            *collect(rules.write_table.output.table, number=tables_in_use()),
            *([rules.write_segmentation_table.output.table] if "segmentation" in OBSERVED else []),
            *([rules.write_refinement.output.table] if refinements() and COHORTS else []),
        ],
        figures=[
            *collect(rules.draw_figure3.output.png, suffix=suffixes_of_figure3()),
            *collect(rules.draw_figure4.output.png, suffix=figure_suffixes()),
            *collect(rules.draw_figure7.output.png, suffix=figure_suffixes()),
        ],
        checks=every([rules.register_patient.output.checks], ["patients"]),
        registrations=every([rules.register_patient.output.picture], ["patients"]),
        # What the small pictures of patients are drawn from.
        scans=every(
            [
                "<results>/register/patients/{case}/t1.nii.gz",
                "<results>/register/patients/{case}/segmentation.nii.gz",
                "<results>/register/patients/{case}/labels.nii.gz",
            ],
            ["patients"],
        ),
        concentrations=collect(
            "<results>/forward/patients/{case}/{method}/concentration.nii.gz",
            case=CASES["patients"] if "patients" in COHORTS else [],
            method=method_of_pictures(),
        ),
        pages=[
            *every([rules.write_patient_page.output.html], ["patients"]),
            *collect(
                rules.write_case_page.output.html,
                case=CONFIG.publish.cases if "synthetic" in COHORTS else [],
            ),
        ],
        views=every([rules.draw_view3d.output.png], ["patients"]),
        # Not read, but what the run has beside the report.
        index=rules.write_patient_index.output.html if "patients" in COHORTS else [],
        networks=collect(rules.train_model.output.facts, model=networks_in_use()),
        curves=collect(rules.train_model.output.picture, model=networks_in_use()),
        pilot=rules.report_pilot.output.picture,
        plans=[rules.plan_tables.output.printed] if cases_to_plan() else [],
        plan_pictures=collect(rules.plan_picture.output.png, case=cases_to_plan()),
        study=(
            [
                rules.study_tables.output.table,
                rules.study_tables.output.convergence_table,
                rules.study_tables.output.comparison_table,
            ]
            if CONFIG.study.cases
            else []
        ),
        study_figures=[rules.study_figure.output.png] if CONFIG.study.cases else [],
        assess=[
            *(
                [
                    rules.assess_tables.output.forward_table,
                    rules.assess_tables.output.anatomies_table,
                    rules.assess_tables.output.gradients_table,
                    rules.assess_tables.output.calibration_table,
                ]
                if CONFIG.assess.models
                else []
            ),
            *([rules.assess_stability.output.printed] if CONFIG.assess.stability.cases else []),
        ],
        assess_figures=[
            *(
                [
                    rules.assess_figures.output.figure1b,
                    rules.assess_figures.output.figure6,
                    rules.assess_figures.output.calibration,
                    rules.assess_figures.output.gradients,
                ]
                if CONFIG.assess.models
                else []
            ),
            *([rules.assess_sensitivity.output.png] if CONFIG.assess.sensitivity.surrogates else []),
        ],
    output:
        html=report(
            "<results>/publish/report.html",
            caption="../report/report.rst",
            category="Overview",
            labels={"what": "everything in one page"},
        ),
    log:
        "<logs>/publish/write_report.log",
    benchmark:
        "<benchmarks>/publish/write_report.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_patients),
        runtime=by_attempt(minutes_of_patients),
    params:
        config=CONFIG.model_dump(mode="json"),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_report.py"


rule pack_report:
    """The report with all that it leads to in one file, on demand."""
    input:
        rules.write_report.output.html,
        rules.write_report.input.pages,
        rules.write_report.input.index,
        collect(rules.write_table.output.markdown, number=tables_in_use()),
        rules.write_segmentation_table.output.markdown if "segmentation" in OBSERVED else [],
        rules.write_refinement.output.markdown if refinements() and COHORTS else [],
        rules.write_report.input.figures,
        rules.write_report.input.views,
        rules.write_report.input.registrations,
        rules.write_report.input.curves,
        rules.write_report.input.pilot,
        rules.write_report.input.plan_pictures,
        rules.write_report.input.study_figures,
        rules.write_report.input.assess_figures,
    output:
        zip="<results>/publish/report.zip",
    log:
        "<logs>/publish/pack_report.log",
    benchmark:
        "<benchmarks>/publish/pack_report.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(1000),
        runtime=by_attempt(minutes_of_patients),
    params:
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/pack_report.py"
