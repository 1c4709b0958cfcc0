"""Stage publish: the paper's tables and figures with this run's numbers."""


rule write_table:
    """Tables 1 and 2 are about the synthetic cohort, table 3 about patients."""
    input:
        unpack(cohort_of_table),
    output:
        csv="<results>/publish/tables/table{number}.csv",
        html=report(
            "<results>/publish/tables/table{number}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{number}"},
        ),
        markdown="<results>/publish/tables/table{number}.md",
        latex="<results>/publish/tables/table{number}.tex",
        table="<results>/publish/tables/table{number}.json",
    log:
        "<logs>/publish/write_table/{number}.log",
    benchmark:
        "<benchmarks>/publish/write_table/{number}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_table.py"


rule write_segmentation_table:
    """Table 3 of the methods that observe the segmentation."""
    input:
        evaluated("patients"),
    output:
        csv="<results>/publish/tables/table3-segmentation.csv",
        html=report(
            "<results>/publish/tables/table3-segmentation.html",
            caption="../report/table3-segmentation.rst",
            category="Tables",
            labels={"table": "3, segmentation-driven"},
        ),
        markdown="<results>/publish/tables/table3-segmentation.md",
        latex="<results>/publish/tables/table3-segmentation.tex",
        table="<results>/publish/tables/table3-segmentation.json",
    log:
        "<logs>/publish/write_segmentation_table.log",
    benchmark:
        "<benchmarks>/publish/write_segmentation_table.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_segmentation_table.py"


rule write_refinement:
    """What Gauss-Newton adds to the estimates it refines."""
    input:
        **{cohort: evaluated(cohort) for cohort in COHORTS},
    output:
        csv="<results>/publish/tables/refinement.csv",
        html=report(
            "<results>/publish/tables/refinement.html",
            caption="../report/refinement.rst",
            category="Tables",
            labels={"table": "refinement"},
        ),
        markdown="<results>/publish/tables/refinement.md",
        latex="<results>/publish/tables/refinement.tex",
        table="<results>/publish/tables/refinement.json",
    log:
        "<logs>/publish/write_refinement.log",
    benchmark:
        "<benchmarks>/publish/write_refinement.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        settings=lookup("publish", within=config),
        pairs=refinements(),
        cohorts=COHORTS,
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_refinement.py"


rule draw_figure3:
    """Distributions of errors per method; of patients, of the methods of one observation."""
    input:
        evaluated(cohort_of_figure3()),
    output:
        png=report(
            "<results>/publish/figures/figure3{suffix}.png",
            caption="../report/figure3.rst",
            category="Figures",
            labels={"figure": "3{suffix}", "what": "error distributions"},
        ),
        pdf="<results>/publish/figures/figure3{suffix}.pdf",
    log:
        "<logs>/publish/draw_figure3/figure3{suffix}.log",
    benchmark:
        "<benchmarks>/publish/draw_figure3/figure3{suffix}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/draw_figure3.py"


rule draw_figure4:
    """Patients by methods of one observation: axial slices with contours."""
    input:
        evaluated("patients"),
        images=every(["<results>/register/patients/{case}/t1.nii.gz"], ["patients"]),
        segmentations=every(["<results>/register/patients/{case}/segmentation.nii.gz"], ["patients"]),
        labels=every(["<results>/register/patients/{case}/labels.nii.gz"], ["patients"]),
        concentrations=every(["<results>/forward/{cohort}/{case}/{method}/concentration.nii.gz"], ["patients"]),
    output:
        png=report(
            "<results>/publish/figures/figure4{suffix}.png",
            caption="../report/figure4.rst",
            category="Figures",
            labels={"figure": "4{suffix}", "what": "patients by methods"},
        ),
        pdf="<results>/publish/figures/figure4{suffix}.pdf",
    log:
        "<logs>/publish/draw_figure4/figure4{suffix}.log",
    benchmark:
        "<benchmarks>/publish/draw_figure4/figure4{suffix}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_patients),
        runtime=by_attempt(minutes_of_patients),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/draw_figure4.py"


rule draw_figure7:
    """Dice over thresholds, patients, methods of one observation."""
    input:
        evaluated("patients"),
    output:
        png=report(
            "<results>/publish/figures/figure7{suffix}.png",
            caption="../report/figure7.rst",
            category="Figures",
            labels={"figure": "7{suffix}", "what": "Dice over thresholds"},
        ),
        pdf="<results>/publish/figures/figure7{suffix}.pdf",
    log:
        "<logs>/publish/draw_figure7/figure7{suffix}.log",
    benchmark:
        "<benchmarks>/publish/draw_figure7/figure7{suffix}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_tables),
        runtime=by_attempt(minutes_of_tables),
    params:
        settings=lookup("publish", within=config),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/draw_figure7.py"
