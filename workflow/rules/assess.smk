"""Stage assess: trained surrogates against the solver, on test tumours in several anatomies."""


rule assess_tissue:
    """A patient's tissue at the spacing of the simulations."""
    input:
        **tissue_maps("<results>/register/patients/{case}", CONFIG.tissue),
    output:
        wm="<results>/assess/tissue/{case}/wm.nii.gz",
        gm="<results>/assess/tissue/{case}/gm.nii.gz",
        csf="<results>/assess/tissue/{case}/csf.nii.gz",
        labels="<results>/assess/tissue/{case}/labels.nii.gz",
    log:
        "<logs>/assess/assess_tissue/{case}.log",
    benchmark:
        "<benchmarks>/assess/assess_tissue/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(START),
    params:
        spacing_mm=lookup("simulate/spacing_mm", within=config),
        tissue=lookup("tissue", within=config),
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_tissue.py"


rule assess_targets:
    """Test tumours in one anatomy: none of them was trained on."""
    input:
        unpack(tissue_of_targets),
    output:
        volumes="<results>/assess/targets/{anatomy}/test-00000.nii",
        table="<results>/assess/targets/{anatomy}/test-00000.parquet",
    log:
        "<logs>/assess/assess_targets/{anatomy}.log",
    benchmark:
        "<benchmarks>/assess/assess_targets/{anatomy}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: cores_of_targets
    resources:
        gpu=gpus_of_shard,
        mem_mb=by_attempt(memory_of_targets),
        runtime=by_attempt(minutes_of_targets),
    params:
        cases=cases_of_anatomy,
        settings=target_settings(),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["assess"],
        simulate_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/assess_targets.py"


rule assess_model:
    """One surrogate in one anatomy: errors of the concentration, and of derivatives by theta."""
    input:
        unpack(tissue_of_targets),
        volumes="<results>/assess/targets/{anatomy}/test-00000.nii",
        table="<results>/assess/targets/{anatomy}/test-00000.parquet",
        weights="<results>/train/{model}/weights.safetensors",
        facts="<results>/train/{model}/model.json",
    output:
        forward="<results>/assess/models/{model}/forward/{anatomy}.parquet",
        gradients="<results>/assess/models/{model}/gradients/{anatomy}.parquet",
    log:
        "<logs>/assess/assess_model/{model}/{anatomy}.log",
    benchmark:
        "<benchmarks>/assess/assess_model/{model}/{anatomy}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_assessment,
        mem_mb=by_attempt(memory_of_network),
        runtime=by_attempt(minutes_of_assessment),
    params:
        gradient_cases=lookup("assess/gradient_cases", within=config),
        solver=solver_of_assessment(),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_model.py"


rule assess_tables:
    """Errors of every surrogate, by anatomy and by tumour, and of its derivatives."""
    input:
        forward=assessments("forward"),
        gradients=assessments("gradients"),
        facts=assessed_networks("model.json"),
    output:
        forward_csv="<results>/assess/forward.csv",
        forward_markdown="<results>/assess/forward.md",
        forward_table="<results>/assess/forward.json",
        anatomies_csv="<results>/assess/anatomies.csv",
        anatomies_markdown="<results>/assess/anatomies.md",
        anatomies_table="<results>/assess/anatomies.json",
        gradients_csv="<results>/assess/gradients.csv",
        gradients_markdown="<results>/assess/gradients.md",
        gradients_table="<results>/assess/gradients.json",
        calibration_csv="<results>/assess/calibration.csv",
        calibration_markdown="<results>/assess/calibration.md",
        calibration_table="<results>/assess/calibration.json",
    log:
        "<logs>/assess/assess_tables.log",
    benchmark:
        "<benchmarks>/assess/assess_tables.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(START),
    params:
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_tables.py"


rule assess_figures:
    """Surrogates beside the solver, errors against parameters, derivatives, calibration."""
    input:
        **tissue_maps("<results>/simulate/tissue", "probabilities"),
        volumes="<results>/assess/targets/atlas/test-00000.nii",
        table="<results>/assess/targets/atlas/test-00000.parquet",
        forward=assessments("forward"),
        gradients=assessments("gradients"),
        weights=assessed_networks("weights.safetensors"),
        facts=assessed_networks("model.json"),
    output:
        figure1b=report(
            "<results>/assess/figure1b.png",
            caption="../report/figure1b.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "figure 1b, beside the solver"},
        ),
        figure1b_pdf="<results>/assess/figure1b.pdf",
        figure6=report(
            "<results>/assess/figure6.png",
            caption="../report/figure6.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "figure 6, error by parameter"},
        ),
        figure6_pdf="<results>/assess/figure6.pdf",
        gradients=report(
            "<results>/assess/gradients.png",
            caption="../report/gradients.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "derivatives"},
        ),
        gradients_pdf="<results>/assess/gradients.pdf",
        calibration=report(
            "<results>/assess/calibration.png",
            caption="../report/calibration.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "volume, and error by tumour"},
        ),
        calibration_pdf="<results>/assess/calibration.pdf",
    log:
        "<logs>/assess/assess_figures.log",
    benchmark:
        "<benchmarks>/assess/assess_figures.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_assessment,
        mem_mb=by_attempt(memory_of_network),
        runtime=by_attempt(30),
    params:
        dpi=lookup("publish/dpi", within=config),
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_figures.py"


rule assess_stability:
    """Searches from displaced starts, and how many end in the same minimum (paper, table 4)."""
    input:
        unpack(networks_of_stability),
        **tissue_maps("<results>/simulate/tissue", "probabilities"),
        shards=shards_of_cases(CONFIG.assess.stability.cases),
    output:
        table="<results>/assess/stability/stability.parquet",
        csv="<results>/assess/stability/stability.csv",
        markdown="<results>/assess/stability/stability.md",
        printed="<results>/assess/stability/stability.json",
    log:
        "<logs>/assess/assess_stability.log",
    benchmark:
        "<benchmarks>/assess/assess_stability.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_assessment,
        mem_mb=by_attempt(memory_of_network),
        runtime=by_attempt(minutes_of_stability),
    params:
        settings=lookup("assess/stability", within=config),
        cases=first_cases(CONFIG.assess.stability.cases),
        invert=search_method("stability"),
        seed=lookup("seed", within=config),
        stage_version=STAGE_VERSIONS["assess"],
        invert_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/assess_stability.py"


rule assess_sensitivity:
    """Changes of growth parameters, and the loss that searches descend on (paper, figure 5)."""
    input:
        **tissue_maps("<results>/simulate/tissue", "probabilities"),
        shards=shards_of_cases(cases_of_sensitivity()),
        surrogates=collect(
            "<results>/train/{model}/weights.safetensors",
            model=CONFIG.assess.sensitivity.surrogates,
        ),
    output:
        changes="<results>/assess/sensitivity/changes.parquet",
        slices="<results>/assess/sensitivity/slices.parquet",
        landscape="<results>/assess/sensitivity/landscape.parquet",
        paths="<results>/assess/sensitivity/paths.parquet",
        png=report(
            "<results>/assess/sensitivity/sensitivity.png",
            caption="../report/sensitivity.rst",
            category="Figures",
            labels={"figure": "sensitivity", "what": "sensitivity and loss landscape"},
        ),
        pdf="<results>/assess/sensitivity/sensitivity.pdf",
    log:
        "<logs>/assess/assess_sensitivity.log",
    benchmark:
        "<benchmarks>/assess/assess_sensitivity.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=gpus_of_assessment,
        mem_mb=by_attempt(memory_of_network),
        runtime=by_attempt(minutes_of_sensitivity),
    params:
        settings=lookup("assess/sensitivity", within=config),
        cases=first_cases(cases_of_sensitivity()),
        invert=search_method("sensitivity"),
        integrator=lookup("simulate/integrator", within=config),
        dpi=lookup("publish/dpi", within=config),
        stage_version=STAGE_VERSIONS["assess"],
        invert_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/assess_sensitivity.py"
