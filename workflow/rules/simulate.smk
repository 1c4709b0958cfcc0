"""Stage simulate: synthetic tumours in the atlas, in shards of many samples."""


rule coarsen_atlas:
    input:
        **tissue_maps("<results>/atlas", CONFIG.tissue),
    output:
        wm="<results>/simulate/tissue/wm.nii.gz",
        gm="<results>/simulate/tissue/gm.nii.gz",
        csf="<results>/simulate/tissue/csf.nii.gz",
        labels="<results>/simulate/tissue/labels.nii.gz",
    log:
        "<logs>/simulate/coarsen_atlas.log",
    benchmark:
        "<benchmarks>/simulate/coarsen_atlas.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(START),
    params:
        spacing_mm=lookup("simulate/spacing_mm", within=config),
        tissue=lookup("tissue", within=config),
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/coarsen_atlas.py"


rule report_pilot:
    input:
        **tissue_maps("<results>/atlas", CONFIG.tissue),
    output:
        table="<results>/simulate/pilot.parquet",
        summary="<results>/simulate/pilot.json",
        picture=report(
            "<results>/simulate/pilot.png",
            caption="../report/pilot.rst",
            category="Simulations",
            labels={"what": "distribution of theta"},
        ),
    log:
        "<logs>/simulate/report_pilot.log",
    benchmark:
        "<benchmarks>/simulate/report_pilot.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_integrator(CONFIG.simulate.integrator),
        mem_mb=by_attempt(4000),
        runtime=by_attempt(minutes_of_pilot),
    params:
        settings=pilot_settings(),
        tissue=lookup("tissue", within=config),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/report_pilot.py"


rule warp_atlas:
    input:
        **tissue_maps("<results>/simulate/tissue", "probabilities"),
    output:
        wm="<results>/simulate/warped/{number}/wm.nii.gz",
        gm="<results>/simulate/warped/{number}/gm.nii.gz",
        csf="<results>/simulate/warped/{number}/csf.nii.gz",
        labels="<results>/simulate/warped/{number}/labels.nii.gz",
    log:
        "<logs>/simulate/warp_atlas/{number}.log",
    benchmark:
        "<benchmarks>/simulate/warp_atlas/{number}.tsv"
    wildcard_constraints:
        number=r"\d{5}",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(START),
    params:
        settings=warp_settings(),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/warp_atlas.py"


rule simulate_shard:
    input:
        unpack(tissue_of_shard),
    output:
        volumes="<results>/simulate/shards/{shard}.nii",
        table="<results>/simulate/shards/{shard}.parquet",
    log:
        "<logs>/simulate/simulate_shard/{shard}.log",
    benchmark:
        "<benchmarks>/simulate/simulate_shard/{shard}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: cores_of_shard
    resources:
        gpu=gpus_of_shard,
        mem_mb=by_attempt(memory_of_shard),
        runtime=by_attempt(minutes_of_shard),
    params:
        settings=shard_settings,
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/simulate_shard.py"


rule extract_case:
    input:
        volumes=sample_of_case("nii"),
        table=sample_of_case("parquet"),
        wm="<results>/simulate/tissue/wm.nii.gz",
        gm="<results>/simulate/tissue/gm.nii.gz",
        csf="<results>/simulate/tissue/csf.nii.gz",
    output:
        wm="<results>/simulate/synthetic/{case}/wm.nii.gz",
        gm="<results>/simulate/synthetic/{case}/gm.nii.gz",
        csf="<results>/simulate/synthetic/{case}/csf.nii.gz",
        labels="<results>/simulate/synthetic/{case}/labels.nii.gz",
        brain_mask="<results>/simulate/synthetic/{case}/brain_mask.nii.gz",
        concentration="<results>/simulate/synthetic/{case}/concentration.nii.gz",
        truth="<results>/simulate/synthetic/{case}/truth.parquet",
    log:
        "<logs>/simulate/extract_case/{case}.log",
    benchmark:
        "<benchmarks>/simulate/extract_case/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(memory_of_case(30)),
        runtime=by_attempt(START),
    params:
        samples_per_shard=lookup("simulate/samples_per_shard", within=config),
        stage_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/extract_case.py"
