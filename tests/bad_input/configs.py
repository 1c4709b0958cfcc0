"""Bad configuration files."""

from __future__ import annotations

from dataclasses import dataclass

from .kind import Kind


@dataclass(frozen=True)
class ConfigKind(Kind):
    """A bad configuration, as the bytes of its file."""

    content: bytes


_SEE = "see config/README.md for what it may be"
_KEYS = "write `key: value` lines, see config/README.md"
_YAML = "...: is no valid YAML (...); give a file of `key: value` lines, see config/README.md"

CONFIG_KINDS = [
    ConfigKind("unknown key", "config key 'simulat': is unknown; did you mean 'simulate'?", b"simulat: {}\n"),
    ConfigKind("wrong type", f"config key 'seed': 'x': input should be a valid integer...; {_SEE}", b"seed: x\n"),
    ConfigKind(
        "out of range", f"config key 'seed': -1: input should be greater than or equal to 0; {_SEE}", b"seed: -1\n"
    ),
    ConfigKind(
        "run's name that leads out of the folder",
        f"config key 'run': '../run': string should match pattern '...'; {_SEE}",
        b"run: ../run\n",
    ),
    ConfigKind(
        "section left empty", f"config key 'invert': input should be a valid dictionary...; {_SEE}", b"invert:\n"
    ),
    ConfigKind("key that is a number", f"config key '1': 1: keys should be strings; {_SEE}", b"1: 2\n"),
    ConfigKind(
        "method that does not exist",
        f"config key 'invert.methods': method 'a' has the unknown inverter 'magic'; valid are ...; {_SEE}",
        b"invert: {methods: {a: {inverter: magic}}}\n",
    ),
    ConfigKind(
        "reference method that is missing",
        "config key 'evaluate.reference_method': 'magic' must make the reference concentration that '...' observes; "
        "let invert.methods.magic observe the segmentation, or set invert.patient_observation",
        b"evaluate: {reference_method: magic}\n",
    ),
    ConfigKind(
        "network that is missing",
        "config key 'invert.methods.direct.direct': names the network 'mine', which train.models does not define; "
        "name one of ...",
        b"invert: {methods: {direct: {inverter: direct, direct: mine}}}\n",
    ),
    ConfigKind(
        "method that cannot do what is asked of it",
        "config key 'assess.sensitivity.method': names the method 'cmaes-surrogate'; it must be one that descends by "
        "gradients through a surrogate; name one of ...",
        b"assess: {sensitivity: {surrogates: [guided-unet], method: cmaes-surrogate}}\n",
    ),
    ConfigKind("bracket that does not end", "..., line 2: is no valid YAML (...); correct the line", b"seed: [\n"),
    ConfigKind("tab for blanks", "..., line 2: is no valid YAML (...); correct the line", b"train:\n\tcrop: 1\n"),
    ConfigKind(
        "key twice",
        "..., line 2: is no valid YAML (the key 'seed' is there twice); correct the line",
        b"seed: 1\nseed: 2\n",
    ),
    ConfigKind(
        "key twice in a section",
        "..., line 3: is no valid YAML (the key 'test_cases' is there twice); correct the line",
        b"simulate:\n  test_cases: 1\n  test_cases: 2\n",
    ),
    ConfigKind(
        "YAML that asks for Python",
        "..., line 1: is no valid YAML (could not determine a constructor for the tag '...'); correct the line",
        b"seed: !!python/object/apply:os.system [touch broken]\n",
    ),
    ConfigKind("empty configuration", f"...: is empty; {_KEYS}", b""),
    ConfigKind("list at the top", f"...: holds no keys; {_KEYS}", b"- seed\n"),
    ConfigKind("binary configuration", _YAML, bytes(range(256))),
    ConfigKind("thousands of brackets", _YAML, b"seed: " + b"[" * 5000),
]
