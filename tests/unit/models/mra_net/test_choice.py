import dataclasses
import shutil

import pytest
import yaml

from mission_core.errors import ModelError
from mission_core.models.card import model_directory
from mission_core.models.mra_net.choice import AUTO, MapInput, chosen_model
from mission_core.paths import shared_file
from mission_core.radar.profile import load_profile

SHIPPED = model_directory("mra_net_walking")


def profile(name="walking_10fps.cfg"):
    return load_profile(shared_file(name, "config/radar"))


def test_what_comes_with_mission_is_taken_where_it_fits():
    assert chosen_model(AUTO, "points", profile()) == SHIPPED
    assert chosen_model(AUTO, "points", profile("paper_10fps.cfg")) is None
    assert chosen_model(AUTO, "heatmap", profile("walking_heatmap_10fps.cfg")) != SHIPPED


def test_none_is_possible():
    assert chosen_model("", "points", profile()) is None


def test_a_model_that_is_named_has_to_fit():
    assert chosen_model("mra_net_walking", "points", profile()) == SHIPPED
    assert chosen_model(str(SHIPPED), "points", profile()) == SHIPPED
    with pytest.raises(ModelError, match=r"model mra_net_walking does not fit: .* run the profile it was trained for"):
        chosen_model("mra_net_walking", "points", profile("walking_20fps.cfg"))
    with pytest.raises(ModelError, match="expected 'recognition'"):
        chosen_model("gait_small", "points", profile())


def test_weights_that_were_altered_are_refused(tmp_path):
    altered = shutil.copytree(SHIPPED, tmp_path / "altered")
    with (altered / "model.pt").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="was altered or only half copied"):
        chosen_model(str(altered), "points", profile())


def test_why_maps_cannot_be_read():
    reads = MapInput.of_card(yaml.safe_load((SHIPPED / "card.yaml").read_text()))
    assert reads.objection("points", profile()) == ""
    assert "reads maps of kind 'points', these are of kind 'heatmap'" in reads.objection("heatmap", profile())
    slower = dataclasses.replace(profile(), frame_period=0.05)
    assert "every 100 ms, the radar gives 32 velocities" in reads.objection("points", slower)
    assert "the radar gives 16 velocities" in reads.objection("points", dataclasses.replace(profile(), loops=16))


def test_a_card_that_does_not_tell_its_input_is_refused():
    card = yaml.safe_load((SHIPPED / "card.yaml").read_text())
    del card["input"]["columns"]
    with pytest.raises(ModelError, match=r"card of mra_net_walking does not tell the network's input .*columns"):
        MapInput.of_card(card)
