"""Settings and the architectures they name."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from gliofit.train.settings import ModelSettings


def test_unknown_architecture_is_refused_with_the_choices():
    with pytest.raises(ValidationError, match="convnext-unet"):
        ModelSettings(architecture="transformer")


def test_nothing_to_ship_without_epochs_and_init():
    with pytest.raises(ValidationError, match="init"):
        ModelSettings(architecture="convnext-unet", epochs=0)


def test_settings_do_not_import_torch():
    code = "import sys, gliofit.train.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_recipe_gives_defaults_that_keys_override():
    settings = ModelSettings(recipe="paper", architecture="convnext-unet", batch_size=8)
    assert (settings.tissue_input, settings.normalise, settings.flip_axes) == ("label", False, ())
    assert (settings.learning_rate, settings.clip_norm, settings.batch_size) == (1e-4, None, 8)
    assert ModelSettings(architecture="convnext-unet").normalise
    with pytest.raises(ValidationError, match="recipe"):
        ModelSettings(recipe="best", architecture="convnext-unet")
