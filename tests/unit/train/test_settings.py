"""Settings and the architectures they name."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from gliofit.core.errors import InputError
from gliofit.train.settings import ModelSettings, TrainSettings, architecture_names


def test_architectures_are_found_by_file_name():
    assert {"convnext-unet", "direct-inverse"} <= set(architecture_names())


def test_unknown_architecture_is_refused_with_the_choices():
    with pytest.raises(ValidationError, match="convnext-unet"):
        ModelSettings(architecture="transformer")


def test_nothing_to_ship_without_epochs_and_init():
    with pytest.raises(ValidationError, match="init"):
        ModelSettings(architecture="convnext-unet", epochs=0)


def test_every_field_is_described():
    for settings in (ModelSettings, TrainSettings):
        assert all(field.description for field in settings.model_fields.values())


def test_settings_do_not_import_torch():
    code = "import sys, gliofit.train.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_wrong_network_settings_name_the_key():
    from gliofit.train.architecture import Frame, find_architecture

    architecture = find_architecture("convnext-unet")
    with pytest.raises(InputError, match="width"):
        architecture.parse({"width": [1, 2]})
    with pytest.raises(InputError, match="multiple"):
        architecture.build({"widths": [4, 8, 16, 32, 64]}, Frame(2, 8))
