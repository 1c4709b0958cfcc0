"""Targets to ask for by name: `snakemake register_all` does what registration needs and stops there."""


rule atlas_all:
    input:
        rules.prepare_atlas.output,
    localrule: True


rule register_all:
    input:
        every("<results>/register/patients/{case}/qc.png", ["patients"]),
    localrule: True


rule simulate_all:
    input:
        rules.report_pilot.output,
        shards("train") + shards("validation"),
        every("<results>/simulate/synthetic/{case}/concentration.nii.gz", ["synthetic"]),
    localrule: True


rule train_all:
    input:
        collect("<results>/train/{model}/weights.safetensors", model=networks_in_use()),
    localrule: True


rule invert_all:
    input:
        every("<results>/invert/{cohort}/{case}/{method}/parameters.parquet"),
    localrule: True


rule forward_all:
    input:
        every("<results>/forward/{cohort}/{case}/{estimate}/concentration.nii.gz"),
    localrule: True


rule evaluate_all:
    input:
        collect("<results>/evaluate/{cohort}/metrics.parquet", cohort=COHORTS),
    localrule: True


rule checks:
    input:
        every("<results>/register/patients/{case}/qc.png", ["patients"]),
        rules.report_pilot.output if networks_in_use() or "synthetic" in COHORTS else [],
        collect("<results>/train/{model}/learning_curve.png", model=networks_in_use()),
    """What a careful reader looks at first: registrations, theta distribution, learning curves."""
    localrule: True


rule tables:
    input:
        collect("<results>/publish/tables/table{number}.csv", number=tables_in_use()),
    localrule: True


rule figures:
    input:
        "<results>/publish/figures/figure3.png",
        "<results>/publish/figures/figure4.png" if "patients" in COHORTS else [],
    localrule: True
