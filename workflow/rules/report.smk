"""Stage publish: report of the run, and an archive of it."""


rule write_report:
    """Report of the run in one file: settings, warnings, tables, figures and provenance."""
    input:
        **report_files(PLAN),
    output:
        html=report(
            FILES.publish("report.html"),
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
    resources:
        **needs("write_report"),
    params:
        sources=report_sources(PLAN),
        config=CONFIG.model_dump(mode="json"),
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/write_report.py"


rule pack_report:
    """Archive of the report with all linked files, on demand."""
    input:
        packed_files(PLAN),
    output:
        zip=FILES.publish("report.zip"),
    log:
        "<logs>/publish/pack_report.log",
    benchmark:
        "<benchmarks>/publish/pack_report.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("pack_report"),
    params:
        stage_version=STAGE_VERSIONS["publish"],
    script:
        "../scripts/pack_report.py"
