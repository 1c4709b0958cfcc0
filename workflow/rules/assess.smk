"""Stage assess: errors of trained surrogates on test tumours in several anatomies."""


rule assess_tissue:
    """A patient's tissue at the spacing of the simulations."""
    input:
        **FILES.tissue_of_case("patients", "{case}", CONFIG.tissue),
    output:
        **FILES.coarse_tissue("patient-{case}"),
    log:
        "<logs>/assess/assess_tissue/{case}.log",
    benchmark:
        "<benchmarks>/assess/assess_tissue/{case}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        **needs("assess_tissue"),
    params:
        spacing_mm=CONFIG.simulate.spacing_mm,
        tissue=CONFIG.tissue,
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/coarsen_tissue.py"


rule assess_targets:
    """Test tumours in one anatomy, not used in training."""
    input:
        unpack(by(FILES.tissue_of_anatomy)),
    output:
        **FILES.test_tumours("{anatomy}"),
    log:
        "<logs>/assess/assess_targets/{anatomy}.log",
    benchmark:
        "<benchmarks>/assess/assess_targets/{anatomy}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: by(PLAN.cores_of_targets)
    resources:
        **needs("assess_targets"),
        gpu=PLAN.gpus_of_simulation(),
    params:
        cases=by(CONFIG.assess.cases_of),
        settings=SETTINGS.targets(),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["assess"],
        simulate_version=STAGE_VERSIONS["simulate"],
    script:
        "../scripts/assess_targets.py"


rule assess_model:
    """Errors of concentration and derivatives of one surrogate in one anatomy."""
    input:
        unpack(by(FILES.tissue_of_anatomy)),
        **FILES.test_tumours("{anatomy}"),
        network=PLAN.network_files(["{model}"]),
    output:
        forward=FILES.assessed("{model}", "forward", "{anatomy}"),
        gradients=FILES.assessed("{model}", "gradients", "{anatomy}"),
    log:
        "<logs>/assess/assess_model/{model}/{anatomy}.log",
    benchmark:
        "<benchmarks>/assess/assess_model/{model}/{anatomy}.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("assess_model"),
        gpu=PLAN.gpus_of_networks(),
    params:
        gradient_cases=CONFIG.assess.gradient_cases,
        solver=SETTINGS.derivatives(),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_model.py"


rule assess_tables:
    """Tables of errors by anatomy and by tumour, and of derivatives."""
    input:
        **PLAN.assessments(),
        networks=[FILES.model(model, "model.json") for model in CONFIG.assess.models],
    output:
        **FILES.tables_of_assess(),
    log:
        "<logs>/assess/assess_tables.log",
    benchmark:
        "<benchmarks>/assess/assess_tables.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("assess_tables"),
    params:
        models=CONFIG.assess.models,
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_tables.py"


rule assess_figures:
    """Figures of predictions, errors by parameter, derivatives, calibration and training."""
    input:
        **FILES.tissue_of_anatomy("atlas"),
        **FILES.test_tumours("atlas"),
        **PLAN.assessments(),
        networks=PLAN.network_files(CONFIG.assess.models),
        histories=[FILES.model(model, "history.parquet") for model in CONFIG.assess.models],
    output:
        figure1b=report(
            FILES.assess("figure1b.png"),
            caption="../report/figure1b.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "figure 1b, beside the solver"},
        ),
        figure6=report(
            FILES.assess("figure6.png"),
            caption="../report/figure6.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "figure 6, error by parameter"},
        ),
        gradients=report(
            FILES.assess("gradients.png"),
            caption="../report/gradients.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "derivatives"},
        ),
        calibration=report(
            FILES.assess("calibration.png"),
            caption="../report/calibration.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "volume, and error by tumour"},
        ),
        training=report(
            FILES.assess("training.png"),
            caption="../report/training.rst",
            category="Networks",
            labels={"network": "surrogates", "what": "error during training"},
        ),
        pdf=[FILES.assess(f"{name}.pdf") for name in ("figure1b", "figure6", "gradients", "calibration", "training")],
    log:
        "<logs>/assess/assess_figures.log",
    benchmark:
        "<benchmarks>/assess/assess_figures.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("assess_figures"),
        gpu=PLAN.gpus_of_networks(),
    params:
        models=CONFIG.assess.models,
        dpi=CONFIG.publish.dpi,
        stage_version=STAGE_VERSIONS["assess"],
    script:
        "../scripts/assess_figures.py"


rule assess_stability:
    """Stability of searches from displaced initial guesses (paper, table 4)."""
    input:
        **FILES.tissue_of_anatomy("atlas"),
        **PLAN.inputs_of_search("stability"),
    output:
        table=FILES.assess("stability/stability.parquet"),
        csv=FILES.assess("stability/stability.csv"),
        markdown=FILES.assess("stability/stability.md"),
        printed=FILES.assess("stability/stability.json"),
    log:
        "<logs>/assess/assess_stability.log",
    benchmark:
        "<benchmarks>/assess/assess_stability.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("assess_stability"),
        gpu=PLAN.gpus_of_networks(),
    params:
        settings=config["assess"]["stability"],
        networks=PLAN.roles_of_stability(),
        cases=PLAN.first_cases("stability"),
        invert=SETTINGS.search("stability"),
        seed=CONFIG.seed,
        stage_version=STAGE_VERSIONS["assess"],
        invert_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/assess_stability.py"


rule assess_sensitivity:
    """Sensitivity to growth parameters, and the loss landscape (paper, figure 5)."""
    input:
        **FILES.tissue_of_anatomy("atlas"),
        **PLAN.inputs_of_search("sensitivity"),
    output:
        changes=FILES.assess("sensitivity/changes.parquet"),
        slices=FILES.assess("sensitivity/slices.parquet"),
        landscape=FILES.assess("sensitivity/landscape.parquet"),
        paths=FILES.assess("sensitivity/paths.parquet"),
        png=report(
            FILES.assess("sensitivity/sensitivity.png"),
            caption="../report/sensitivity.rst",
            category="Figures",
            labels={"figure": "sensitivity", "what": "sensitivity and loss landscape"},
        ),
        pdf=FILES.assess("sensitivity/sensitivity.pdf"),
    log:
        "<logs>/assess/assess_sensitivity.log",
    benchmark:
        "<benchmarks>/assess/assess_sensitivity.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        **needs("assess_sensitivity"),
        gpu=PLAN.gpus_of_networks(),
    params:
        settings=config["assess"]["sensitivity"],
        cases=PLAN.first_cases("sensitivity"),
        invert=SETTINGS.search("sensitivity"),
        integrator=config["simulate"]["integrator"],
        dpi=CONFIG.publish.dpi,
        stage_version=STAGE_VERSIONS["assess"],
        invert_version=STAGE_VERSIONS["invert"],
    script:
        "../scripts/assess_sensitivity.py"
