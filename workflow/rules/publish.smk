"""Stage publish: tables and figures of the paper for this run."""


rule write_table:
    """Tables 1 and 2 (synthetic cohort) and 3 (patients, by observation)."""
    input:
        evaluation=by(PLAN.inputs_of_table),
    output:
        csv=FILES.table("{table}", "csv"),
        html=report(
            FILES.table("{table}", "html"),
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        markdown=FILES.table("{table}", "md"),
        latex=FILES.table("{table}", "tex"),
        table=FILES.table("{table}", "json"),
    log:
        "<logs>/publish/write_table/{table}.log",
    benchmark:
        "<benchmarks>/publish/write_table/{table}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("write_table"),
    params:
        cohort=by(PLAN.cohort_of_table),
        settings=config["publish"],
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_table.py"


rule write_refinement:
    """Scores before and after refinement by Gauss-Newton."""
    input:
        **{cohort: FILES.evaluated(cohort).values() for cohort in PLAN.cohorts},
    output:
        csv=FILES.table("refinement", "csv"),
        html=report(
            FILES.table("refinement", "html"),
            caption="../report/refinement.rst",
            category="Tables",
            labels={"table": "refinement"},
        ),
        markdown=FILES.table("refinement", "md"),
        latex=FILES.table("refinement", "tex"),
        table=FILES.table("refinement", "json"),
    log:
        "<logs>/publish/write_refinement.log",
    benchmark:
        "<benchmarks>/publish/write_refinement.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("write_refinement"),
    params:
        settings=config["publish"],
        pairs=PLAN.refinements,
        cohorts=PLAN.cohorts,
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_refinement.py"


rule draw_figure:
    """Figures 3 (errors), 4 (patients by methods) and 7 (Dice by threshold), by observation."""
    input:
        unpack(by(PLAN.inputs_of_figure)),
    output:
        png=report(
            FILES.figure("{figure}", "png"),
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        pdf=FILES.figure("{figure}", "pdf"),
    log:
        "<logs>/publish/draw_figure/{figure}.log",
    benchmark:
        "<benchmarks>/publish/draw_figure/{figure}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("draw_figure"),
    params:
        cohort=by(PLAN.cohort_of_figure),
        settings=config["publish"],
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/draw_figure.py"
