"""Stage publish: the paper's tables and figures with this run's numbers."""


rule write_table:
    """Tables 1 and 2 are about the synthetic cohort, table 3 about patients, by what methods observe of them."""
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
    """What Gauss-Newton adds to the estimates it refines."""
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
    """Error distributions (3), patients by methods (4), Dice over thresholds (7), by what methods observe."""
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
