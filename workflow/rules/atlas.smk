"""Stage atlas: the healthy brain."""


rule prepare_atlas:
    input:
        source=PLAN.atlas_source(),
    output:
        **PLAN.atlas_images(),
        facts=FILES.atlas("atlas.json"),
    log:
        "<logs>/atlas/prepare_atlas.log",
    benchmark:
        "<benchmarks>/atlas/prepare_atlas.tsv"
    conda:
        "../../envs/register.yaml"
    resources:
        **needs("prepare_atlas"),
    params:
        settings=config["atlas"],
        stage_version=STAGE_VERSIONS["atlas"],
    script:
        "../scripts/prepare_atlas.py"
